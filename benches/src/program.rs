//! What is started as a Lambda: a command and its environment.

use std::path::Path;

/// What is started.
#[derive(Clone)]
pub(crate) struct Program {
    /// The Lambda's name.
    pub(crate) name: String,
    /// The file, and its arguments.
    pub(crate) command: Vec<String>,
    /// What it needs to know besides where AWS is.
    pub(crate) environment: Vec<(String, String)>,
}

impl Program {
    /// A binary of this name in `folder`, with the memory of its function.
    pub(crate) fn binary(folder: &Path, name: &str, memory_mb: u32) -> Self {
        let fixed = [
            ("ISSUER", "https://id.example.com".to_owned()),
            ("ENVIRONMENT", "dev".to_owned()),
            // As the template sets it.
            ("ALLOWED_COUNTRIES", "US".to_owned()),
            // Everybody of the benchmark signs in again and again.
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
        }
    }
}
