//! The program of a Lambda: a command and its environment.

use std::path::Path;

use embedded_aws::SENDERS_SECRET;
use serde_json::{Value, json};

/// The accounts with the vendors of texts, as the secret of a deployment has them.
pub(crate) fn senders() -> Value {
    json!({
        "twilio": {"account_sid": "AC1", "auth_token": "a-token", "from": "+14155550100"},
        "whatsapp_aws": {"phone_number_id": "phone-number-id-1", "template": "sign_in_code"},
    })
}

/// The domain of the people's passkeys.
pub(crate) const RP_ID: &str = "example.com";

/// A command and its environment.
#[derive(Clone)]
pub(crate) struct Program {
    /// The Lambda's name.
    pub(crate) name: String,
    /// The path of the file, and its arguments.
    pub(crate) command: Vec<String>,
    /// Its variables, except those that lead to AWS.
    pub(crate) environment: Vec<(String, String)>,
    /// A profiler runs it, which has to write what it found at the end.
    pub(crate) is_profiled: bool,
}

impl Program {
    /// A binary of Latchkey in `folder`, told that its function has `memory_mb` MB.
    pub(crate) fn binary(folder: &Path, name: &str, memory_mb: u32) -> Self {
        let fixed = [
            ("ISSUER", "https://id.example.com".to_owned()),
            ("ENVIRONMENT", "dev".to_owned()),
            // As the template sets it.
            ("ALLOWED_COUNTRIES", "US".to_owned()),
            ("PASSKEY_RP_ID", RP_ID.to_owned()),
            // The same people sign in again and again.
            ("OTP_RESEND_COOLDOWN_SECONDS", "1".to_owned()),
            ("SMS_MONTHLY_BUDGET_USD", "1000000".to_owned()),
            ("OTP_SENDS_PER_PHONE_PER_HOUR", "100".to_owned()),
            ("OTP_SENDS_PER_PHONE_PER_DAY", "100".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
        ];

        Self {
            name: name.to_owned(),
            command: vec![folder.join(name).display().to_string()],
            environment: fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            is_profiled: false,
        }
    }

    /// The same program, whose texts go by a vendor.
    pub(crate) fn with_sender(mut self, sender: &str) -> Self {
        let settings = [
            ("TEXT_SENDERS", format!("*={sender},sns")),
            ("SENDERS_SECRET_ARN", SENDERS_SECRET.to_owned()),
        ];
        self.environment.extend(settings.map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// The same program, started by the command `profiler` if there is one.
    pub(crate) fn under(self, profiler: &[String]) -> Self {
        let command = [profiler, &self.command].concat();
        Self { command, is_profiled: !profiler.is_empty(), ..self }
    }
}
