//! Reading the secret of the senders: JSON, an object for each sender in use.
//!
//! An entry that is wrong is left out, so that the other senders go on. Faults are kept as sentences:
//! `cargo run` does not start with any, and a deployment logs them. It ignores unknown entries and
//! fields, so that a secret can be written before the version that reads it, and stays good if an
//! update is rolled back.

use std::{collections::BTreeMap, fmt};

use serde::{Deserializer, de::Visitor, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::credentials::{Account, Credentials};
use crate::{apps::SenderName, messages::MessageSettings};

/// The longest name of the secret that a problem repeats. A longer one may be no name.
const MAX_NAME: usize = 40;

impl Credentials {
    /// Reads the secret. [`Self::problems`] are what is wrong with it.
    pub fn parse(secret: &str) -> Self {
        let entries = match serde_json::from_str(secret) {
            Ok(entries) => entries,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let problem = format!("it is no JSON object at line {line}, column {column}");
                return Self { problems: vec![problem], ..Self::default() };
            }
        };

        let mut reading = Reading { entries, names: Vec::new(), problems: Vec::new() };
        Self {
            end_user_messaging: reading.entry("end_user_messaging"),
            twilio: reading.entry("twilio"),
            vonage: reading.entry("vonage"),
            kaleyra: reading.entry("kaleyra"),
            whatsapp: reading.entry("whatsapp"),
            whatsapp_aws: reading.entry("whatsapp_aws"),
            webhook: reading.entry("webhook"),
            smtp: reading.entry("smtp"),
            problems: reading.finished(),
        }
    }

    /// The faults of the secret: sentences that do not repeat it, except for unknown names.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The senders in the settings that the secret lacks, in sentences.
    pub fn lacking(&self, settings: &MessageSettings) -> Vec<String> {
        let plans = [("TEXT_SENDERS", &settings.plan), ("VOICE_SENDERS", &settings.calls)];
        let lacking = plans.into_iter().flat_map(|(variable, plan)| {
            let names = SenderName::ALL.into_iter().filter(|name| plan.names(*name));
            names.filter(|name| !self.has(*name)).map(move |name| {
                let name = name.as_str();
                format!("{variable} names {name}, and the secret of the senders lacks it")
            })
        });
        lacking.collect()
    }

    /// Whether a sender has the credentials that it needs.
    fn has(&self, name: SenderName) -> bool {
        match name {
            SenderName::Sns | SenderName::EndUserMessaging => true,
            SenderName::Twilio => self.twilio.is_some(),
            SenderName::Vonage => self.vonage.is_some(),
            SenderName::Kaleyra => self.kaleyra.is_some(),
            SenderName::Whatsapp => self.whatsapp.is_some(),
            SenderName::WhatsappAws => self.whatsapp_aws.is_some(),
            SenderName::Webhook => self.webhook.is_some(),
        }
    }
}

/// The reading of a secret.
struct Reading<'a> {
    /// The entries that are not read yet.
    entries: BTreeMap<String, &'a RawValue>,
    /// The names that were asked for.
    names: Vec<&'static str>,
    problems: Vec<String>,
}

impl Reading<'_> {
    /// Reads an entry, and notes what is wrong with it. An entry that is `null` is none.
    fn entry<T: Account>(&mut self, name: &'static str) -> Option<T> {
        self.names.push(name);
        let text = self.entries.remove(name)?.get();
        if text == "null" {
            return None;
        }
        let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
            self.problems.push(format!("{name} must be an object"));
            return None;
        };

        let known = fields_of::<T>();
        for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
            let (field, known) = (shown(field), known.join(", "));
            self.problems.push(format!("{name}.{field} is unknown; {name} takes {known}"));
        }

        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = serde_path_to_error::deserialize::<_, T>(&mut deserializer)
            .map_err(|error| wrong(name, &error.path().to_string(), &error.inner().to_string()));
        let checked = read.and_then(|account| match account.check() {
            Ok(()) => Ok(account),
            Err(problem) => Err(format!("{name} {problem}")),
        });
        checked.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// All problems, with the entries that nothing has asked for.
    fn finished(mut self) -> Vec<String> {
        let names = self.names.join(", ");
        let unknown = self.entries.keys().map(|name| shown(name));
        self.problems.extend(unknown.map(|name| format!("{name} is unknown; it takes {names}")));
        self.problems
    }
}

/// The fault of a field, from serde's message, which may repeat its value.
fn wrong(name: &str, path: &str, message: &str) -> String {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    if let Some(field) = named("missing field `") {
        return format!("{name} lacks {field}");
    }
    if let Some(field) = named("duplicate field `") {
        return format!("{name} has {field} twice");
    }
    let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let kind = match expected.split(" at line ").next() {
        Some("a string") => "a string",
        Some("a sequence") => "a list",
        Some("a map") => "an object",
        _ => "of another type",
    };
    format!("{name}.{path} must be {kind}")
}

/// A name as a problem repeats it.
fn shown(name: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if name.len() <= MAX_NAME && name.chars().all(is_name) {
        name
    } else {
        "a name that is not shown"
    }
}

/// The fields that a type reads, by their names in JSON.
fn fields_of<T: Account>() -> &'static [&'static str] {
    match T::deserialize(FieldNames) {
        Ok(_) => &[],
        Err(Names(names)) => names,
    }
}

/// Fails with the names of the fields that serde's derive asks for.
struct FieldNames;

/// These names.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames {
    type Error = Names;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Names> {
        Err(Names(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Names> {
        Err(Names(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Names {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Names {}

impl serde::de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_sender_and_the_field_and_does_not_repeat_the_secret() {
        for (secret, problem) in [
            (r#"{"twilio": {"account_sid": "AC1", "from": "+1"}}"#, "twilio lacks auth_token"),
            (
                r#"{"twilio": {"account_sid": "AC1", "auth_token": 4711}}"#,
                "twilio.auth_token must be a string",
            ),
            (
                r#"{"twilio": {"account_sid": "AC1", "auth_token": "4711"}}"#,
                "twilio needs either from or messaging_service_sid",
            ),
            (
                r#"{"twilio": {"account_sid": "AC1", "auth_token": "4711", "from": "+1",
                    "url": "http://api.example.com"}}"#,
                "twilio has a url that is no https origin",
            ),
            (
                r#"{"vonage": {"application_id": "1", "private_key": "4711", "from": "Shop",
                    "signature_secret": " "}}"#,
                "vonage has an empty signature_secret",
            ),
            (
                r#"{"vonage": {"application_id": "1", "private_key": "4711", "from": "Shop",
                    "signature_secret": "s"}}"#,
                "vonage has a private_key that is no RSA key in PEM",
            ),
            (
                r#"{"kaleyra": {"sid": "HX1", "api_key": "4711", "from": "SHOPIN",
                    "url": "http://api.example.com"}}"#,
                "kaleyra has a url that is no https origin",
            ),
            (
                r#"{"whatsapp": {"access_token": "4711", "phone_number_id": "1/2", "template": "code",
                    "app_secret": "s", "verify_token": "v"}}"#,
                "whatsapp has a phone_number_id that is no number",
            ),
            (
                r#"{"end_user_messaging": {"notify_templates": {"english": "4711"}}}"#,
                "end_user_messaging has a template that is no id, or is not for a language like es \
                 or es-MX",
            ),
            (
                r#"{"whatsapp_aws": {"phone_number_id": "4711", "template": "code"}}"#,
                "whatsapp_aws has a phone_number_id that is not phone-number-id-…, as AWS names it",
            ),
            (
                r#"{"webhook": {"url": "https://texts.example.com", "secret": "4711"}}"#,
                "webhook has a secret that is not whsec_ and 24 or more bytes in Base64",
            ),
            (r#"{"smtp": "4711"}"#, "smtp must be an object"),
            ("4711", "it is no JSON object at line 1, column 4"),
            (r#"{"twilio": {"#, "it is no JSON object at line 1, column 12"),
        ] {
            assert_eq!(Credentials::parse(secret).problems(), [problem], "{secret}");
        }
    }

    #[test]
    fn an_unknown_name_is_a_problem_and_does_no_harm() {
        let secret = r#"{"twillio": {}, "sk-4711 4711": 1, "twilio":
            {"account_sid": "AC1", "auth_token": "4711", "from": "+1", "voice_form": "4711"}}"#;
        let credentials = Credentials::parse(secret);
        assert!(credentials.twilio.is_some());
        let takes =
            "end_user_messaging, twilio, vonage, kaleyra, whatsapp, whatsapp_aws, webhook, smtp";
        let of_twilio = "account_sid, auth_token, from, messaging_service_sid, verify_service_sid, \
                         voice_from, url";
        assert_eq!(
            credentials.problems(),
            [
                format!("twilio.voice_form is unknown; twilio takes {of_twilio}"),
                format!("a name that is not shown is unknown; it takes {takes}"),
                format!("twillio is unknown; it takes {takes}"),
            ]
        );
    }

    #[test]
    fn a_wrong_entry_does_no_harm_to_the_others() {
        let secret = r#"{"twilio": {}, "vonage": null,
            "kaleyra": {"sid": "HX1", "api_key": "k", "from": "SHOPIN"}}"#;
        let credentials = Credentials::parse(secret);
        assert!(credentials.kaleyra.is_some() && credentials.twilio.is_none());
        assert_eq!(credentials.problems(), ["twilio lacks account_sid"]);
    }

    #[test]
    fn the_page_shows_a_secret_whose_names_are_all_known() {
        let page = include_str!("../../../../docs/senders.md");
        let secret = page.split("```json").find(|block| block.contains("account_sid")).unwrap();
        let problems = Credentials::parse(secret.split("```").next().unwrap()).problems;
        // Values that are left out on the page are problems.
        for problem in problems {
            assert!(!problem.contains("unknown") && !problem.contains("lacks"), "{problem}");
        }
    }
}
