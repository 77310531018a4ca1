//! Twilio, by its APIs for messages and for calls, and by Twilio Verify.
//! <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>
//! <https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>

mod refusals;
pub(super) mod report;
mod verify;

use data_encoding::BASE64;
use serde::Deserialize;

use self::refusals::refusal;
use super::{
    Outcome, Refusal, ReportAddress, Text,
    client::{Answer, Vendors},
    credentials::TwilioAccount,
};
use crate::messages::{MessageSettings, escape};

/// The host of accounts in the United States.
const HOST: &str = "https://api.twilio.com";
/// The most seconds that Twilio may keep a text.
const MAX_VALIDITY_SECONDS: i64 = 36_000;
/// How long a phone rings. Longer, and a mailbox may answer and keep the code.
const RINGS_SECONDS: &str = "25";

/// An account with Twilio.
pub(super) struct Twilio {
    client: Vendors,
    account: TwilioAccount,
    url: String,
    verify_url: String,
    valid_seconds: i64,
}

/// A message as Twilio answers with it, or an error. Both have a `code` for people to look up.
#[derive(Deserialize)]
struct Reply {
    sid: Option<String>,
    status: Option<serde_json::Value>,
    code: Option<u32>,
    error_code: Option<u32>,
}

impl Twilio {
    /// An account at the host of the settings, or else that of the account's region.
    pub(super) fn new(client: Vendors, account: TwilioAccount, settings: &MessageSettings) -> Self {
        let url = settings.twilio_url.as_deref().or(account.url.as_deref()).unwrap_or(HOST);
        let url =
            format!("{}/2010-04-01/Accounts/{}", url.trim_end_matches('/'), account.account_sid);
        let verify_url = verify::url(settings.twilio_verify_url.as_deref(), &account);
        Self { client, account, url, verify_url, valid_seconds: settings.valid_seconds }
    }

    /// Sends a text: a code by Twilio Verify if the account has a service, else the words as they are.
    pub(super) async fn send(&self, text: &Text, report: Option<&ReportAddress>) -> Outcome {
        if self.account.verify_service_sid.is_some() && !text.code.is_empty() {
            return self.verify(text, "sms").await;
        }
        if !self.account.carries_notices() {
            let why = "the account carries codes alone".to_owned();
            return Outcome::Refused(Refusal::Origin, why);
        }
        self.post("Messages.json", self.form(text, report)).await
    }

    /// Calls the phone, and reads the code aloud.
    pub(super) async fn call(&self, text: &Text) -> Outcome {
        let account = &self.account;
        if account.verify_service_sid.is_some() && account.voice_from.is_none() {
            return self.verify(text, "call").await;
        }
        let number = account.from.as_ref().filter(|from| from.starts_with('+'));
        let Some(from) = account.voice_from.as_ref().or(number) else {
            return Outcome::Refused(Refusal::Origin, "there is no voice_from".to_owned());
        };
        let Some(spoken) = &text.spoken else { return Outcome::without_words() };
        let (language, words) = (spoken_language(text.language), escape(&spoken.words));
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", text.to.as_str())
            .append_pair("From", from)
            .append_pair(
                "Twiml",
                &format!(r#"<Response><Say language="{language}">{words}</Say></Response>"#),
            )
            .append_pair("Timeout", RINGS_SECONDS)
            .finish();
        self.post("Calls.json", form).await
    }

    async fn post(&self, resource: &str, form: String) -> Outcome {
        let url = format!("{}/{resource}", self.url);
        self.client.post(&url, &self.headers(), form, outcome).await
    }

    fn headers(&self) -> [(&'static str, String); 2] {
        let account = &self.account;
        let token = account.auth_tokens().next().unwrap_or_default();
        let user = format!("{}:{token}", account.account_sid);
        [
            ("authorization", format!("Basic {}", BASE64.encode(user.as_bytes()))),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ]
    }

    fn form(&self, text: &Text, report: Option<&ReportAddress>) -> String {
        let account = &self.account;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", text.to.as_str()).append_pair("Body", &text.body);
        // A code that comes too late is of no use.
        let validity = self.valid_seconds.min(MAX_VALIDITY_SECONDS).to_string();
        form.append_pair("ValidityPeriod", &validity);
        for (name, value) in
            [("From", &account.from), ("MessagingServiceSid", &account.messaging_service_sid)]
        {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }

        // Twilio refuses a text if it cannot call the address.
        if let Some(url) = report.and_then(ReportAddress::public_url) {
            form.append_pair("StatusCallback", url);
        }
        form.finish()
    }
}

/// The language in which Twilio reads a text of this language aloud.
/// <https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages>
fn spoken_language(language: &str) -> &'static str {
    match language {
        "ar" => "arb",
        "es" => "es-US",
        "hi" => "hi-IN",
        _ => "en-US",
    }
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let unread = || Outcome::Unknown(format!("status {}, an unknown body", answer.status));
    let refused = |code: u32| Outcome::Refused(refusal(code), code.to_string());
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    match (answer.status, reply) {
        // A message that has failed already is a refusal, too.
        (200..=299, Some(Reply { status: Some(status), error_code, sid: Some(_), .. })) => {
            let has_failed = ["failed", "undelivered", "canceled"].iter().any(|it| status == *it);
            match error_code {
                _ if !has_failed => Outcome::Accepted,
                Some(code) => refused(code),
                None => Outcome::Refused(Refusal::Other, status.to_string()),
            }
        }
        (400..=499, Some(Reply { code: Some(code), .. })) => refused(code),
        _ => answer.by_status().unwrap_or_else(unread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_that_twilio_words_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let refused = |why, code: &str| Outcome::Refused(why, code.to_owned());
        let queued = r#"{"sid": "SM1", "status": "queued", "error_code": null}"#;
        assert_eq!(of(201, queued), Outcome::Accepted);

        let failed = r#"{"sid": "SM1", "status": "failed", "error_code": 21610}"#;
        assert_eq!(of(201, failed), refused(Refusal::OptedOut, "21610"));
        let warned = r#"{"sid": "SM1", "status": "sent", "error_code": 30034}"#;
        assert_eq!(of(201, warned), Outcome::Accepted, "it may be under way");
        let invalid = r#"{"code": 21211, "message": "'To' +1 is not valid", "status": 400}"#;
        assert_eq!(of(400, invalid), refused(Refusal::Number, "21211"));
        let unheard = r#"{"code": 29999, "message": "new", "status": 400}"#;
        assert_eq!(of(400, unheard), refused(Refusal::Other, "29999"));
        assert_eq!(of(429, ""), refused(Refusal::Limited, "429"));

        for (status, body) in
            [(400, "<html>"), (201, "<html>"), (201, "{}"), (500, invalid), (503, "")]
        {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }
}
