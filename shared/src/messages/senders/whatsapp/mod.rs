//! WhatsApp, by Meta's Cloud API. It carries codes alone, in a template that Meta has approved.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates>

mod refusals;
pub(super) mod report;

use serde::Deserialize;
use serde_json::{Value, json};

use self::refusals::refusal;
use super::{
    Outcome, Refusal, ReportAddress, Text,
    client::{Answer, Vendors},
    credentials::WhatsappAccount,
};

/// Meta's host.
const HOST: &str = "https://graph.facebook.com";
/// The version of the API whose requests are made here.
const VERSION: &str = "v23.0";
/// The most characters of a code in a template.
const MAX_CODE: usize = 15;

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
        if text.code.is_empty() || text.code.len() > MAX_CODE {
            return Outcome::Refused(Refusal::Other, "not a code for a template".to_owned());
        }
        let headers = [
            ("authorization", format!("Bearer {}", self.account.access_token)),
            ("content-type", "application/json".to_owned()),
        ];
        let message = self.message(text, report).to_string();
        self.client.post(&self.url, &headers, message, outcome).await
    }

    /// The message: the approved words, with the code in them and in the button that copies it.
    fn message(&self, text: &Text, report: Option<&ReportAddress>) -> Value {
        let code = json!([{"type": "text", "text": text.code}]);
        let mut message = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": text.to.as_str(),
            "type": "template",
            "template": {
                "name": self.account.template,
                "language": {"policy": "deterministic", "code": self.language(text.language)},
                "components": [
                    {"type": "body", "parameters": code},
                    {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
                ],
            },
        });
        if let (Some(report), Some(fields)) = (report, message.as_object_mut()) {
            fields.insert("biz_opaque_callback_data".to_owned(), json!(report.token));
        }
        message
    }

    /// The language of the template: that of the text, or else the first one that the template has.
    fn language<'a>(&'a self, asked: &'a str) -> &'a str {
        let languages = &self.account.languages;
        let is_asked = |language: &&String| {
            let main = language.split(['_', '-']).next().unwrap_or_default();
            **language == asked || main == asked
        };
        languages.iter().find(is_asked).or(languages.first()).map_or(asked, String::as_str)
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
    use super::*;
    use crate::base::Environment;

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

    #[test]
    fn a_template_is_asked_for_in_a_language_that_it_has() {
        let of = |languages: &[&str], asked: &'static str| {
            let account = WhatsappAccount {
                access_token: "t".to_owned(),
                phone_number_id: "1".to_owned(),
                template: "code".to_owned(),
                app_secret: "s".to_owned(),
                verify_token: "v".to_owned(),
                languages: languages.iter().map(|it| (*it).to_owned()).collect(),
            };
            let client = Vendors::new(&Environment::default());
            Whatsapp::new(client, account, None).language(asked).to_owned()
        };
        assert_eq!(of(&[], "hi"), "hi");
        assert_eq!(of(&["en_US", "es"], "en"), "en_US");
        assert_eq!(of(&["en_US", "es"], "es"), "es");
        assert_eq!(of(&["en_US", "es"], "ar"), "en_US");
    }
}
