//! WhatsApp, by Meta's Cloud API. It carries codes alone, in a template that Meta has approved.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates>

mod refusals;
pub(super) mod report;
pub(super) mod template;

use serde::Deserialize;
use serde_json::Value;

use self::{refusals::refusal, template::Template};
use super::{
    Outcome, ReportAddress, Text,
    client::{Answer, Vendors},
    credentials::WhatsappAccount,
};

/// Meta's host.
const HOST: &str = "https://graph.facebook.com";
/// The version of the API whose requests are made here.
pub(super) const VERSION: &str = "v23.0";

/// A phone number of a business.
pub(super) struct Whatsapp {
    client: Vendors,
    account: WhatsappAccount,
    url: String,
}

/// A message that Meta took, or an error.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    messages: Vec<Value>,
    error: Option<Problem>,
}

/// Why a message was not taken. Its `message` is not read, since it may name the phone.
#[derive(Deserialize)]
struct Problem {
    code: i64,
}

impl Whatsapp {
    /// A phone number at the host of the settings, or else Meta's.
    pub(super) fn new(client: Vendors, account: WhatsappAccount, url: Option<&str>) -> Self {
        let host = url.unwrap_or(HOST).trim_end_matches('/');
        let url = format!("{host}/{VERSION}/{}/messages", account.phone_number_id);
        Self { client, account, url }
    }

    /// Sends the code of a text.
    pub(super) async fn send(&self, text: &Text, report: Option<&ReportAddress>) -> Outcome {
        let account = &self.account;
        let template = Template { name: &account.template, languages: &account.languages };
        let message = match template.message(text, report) {
            Ok(message) => message,
            Err(refused) => return refused,
        };
        let headers = [
            ("authorization", format!("Bearer {}", account.access_token)),
            ("content-type", "application/json".to_owned()),
        ];
        self.client.post(&self.url, &headers, message, outcome).await
    }
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let unread = || Outcome::Unknown(format!("status {}, an unknown body", answer.status));
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    match (answer.status, reply) {
        (200..=299, Some(Reply { messages, error: None })) if !messages.is_empty() => {
            Outcome::Accepted
        }
        (400..=499, Some(Reply { error: Some(Problem { code }), .. })) => match refusal(code) {
            Some(why) => Outcome::Refused(why, code.to_string()),
            None => answer.by_status().unwrap_or_else(unread),
        },
        _ => answer.by_status().unwrap_or_else(unread),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Refusal, *};

    #[test]
    fn only_an_error_with_a_code_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let error =
            |code: i64| json!({"error": {"message": "+14155550123", "code": code}}).to_string();
        let refused = |why, code: &str| Outcome::Refused(why, code.to_owned());
        let taken =
            r#"{"messaging_product": "whatsapp", "contacts": [], "messages": [{"id": "wamid.1"}]}"#;
        assert_eq!(of(200, taken), Outcome::Accepted);
        assert_eq!(of(400, &error(131_026)), refused(Refusal::Channel, "131026"));
        assert_eq!(of(404, &error(132_001)), refused(Refusal::Origin, "132001"));
        assert_eq!(of(401, &error(190)), refused(Refusal::Account, "190"));
        assert_eq!(of(429, &error(131_056)), refused(Refusal::Limited, "131056"));
        assert_eq!(of(400, &error(139_999)), refused(Refusal::Other, "139999"));
        assert_eq!(of(429, ""), refused(Refusal::Limited, "429"));

        for (status, body) in [
            (400, "<html>"),
            (400, &*error(131_000)),
            (200, "{}"),
            (200, &*error(131_026)),
            (500, &*error(131_026)),
            (503, ""),
        ] {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }
}
