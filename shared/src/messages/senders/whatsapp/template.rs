//! Templates for authentication, whose words Meta has approved. The message is the same whoever hands it
//! to Meta.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates>

use serde_json::{Value, json};

use super::super::{Outcome, Refusal, ReportAddress, Text};

/// The most characters of a code in a template.
const MAX_CODE: usize = 15;

/// An approved template.
pub(in super::super) struct Template<'a> {
    /// Its name.
    pub name: &'a str,
    /// The languages that it has, as Meta names them. Without any, it must have that of each text.
    pub languages: &'a [String],
}

impl Template<'_> {
    /// The message, in JSON: the approved words, with the code of `text` in them and in the button that
    /// copies it. Meta reports with the token of `report`.
    ///
    /// # Errors
    /// The outcome of a text without a code that fits.
    pub(in super::super) fn message(
        &self,
        text: &Text,
        report: Option<&ReportAddress>,
    ) -> Result<String, Outcome> {
        if text.code.is_empty() || text.code.len() > MAX_CODE {
            return Err(Outcome::Refused(Refusal::Other, "not a code for a template".to_owned()));
        }
        let code = json!([{"type": "text", "text": text.code}]);
        let mut message = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": text.to.as_str(),
            "type": "template",
            "template": {
                "name": self.name,
                "language": {"policy": "deterministic", "code": self.language(text.language)},
                "components": [
                    {"type": "body", "parameters": code},
                    {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
                ],
            },
        });
        if let (Some(report), Value::Object(fields)) = (report, &mut message) {
            fields.insert("biz_opaque_callback_data".to_owned(), json!(report.token));
        }
        Ok(message.to_string())
    }

    /// The language of the template: that of the text, or else the first one that the template has.
    fn language<'a>(&'a self, asked: &'a str) -> &'a str {
        let is_asked = |language: &&String| {
            let main = language.split(['_', '-']).next().unwrap_or_default();
            **language == asked || main == asked
        };
        let languages = self.languages;
        languages.iter().find(is_asked).or(languages.first()).map_or(asked, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_asked_for_in_a_language_that_it_has() {
        let of = |languages: &[&str], asked: &'static str| {
            let languages: Vec<_> = languages.iter().map(|it| (*it).to_owned()).collect();
            let template = Template { name: "code", languages: &languages };
            template.language(asked).to_owned()
        };
        assert_eq!(of(&[], "hi"), "hi");
        assert_eq!(of(&["en_US", "es"], "en"), "en_US");
        assert_eq!(of(&["en_US", "es"], "es"), "es");
        assert_eq!(of(&["en_US", "es"], "ar"), "en_US");
    }
}
