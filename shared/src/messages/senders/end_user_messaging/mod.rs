//! AWS End User Messaging: an AWS service in which the origin of texts is chosen, and refusals say
//! why. <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>
//!
//! The requests are signed here. The SDK of this service would add 180,000 lines to the build, for
//! one operation.

mod refusals;

use std::{collections::BTreeMap, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::refusals::refusal;
use super::{
    Outcome, Refusal, Text,
    client::{Answer, Vendors},
    credentials::NotifyTemplates,
};
use crate::{
    aws::{credentials, endpoint},
    base::{Clock, Environment},
    messages::{EumSettings, MessageSettings, SmsSettings},
};

/// The service in the variables of endpoints, and in signatures.
const SERVICE: &str = "PINPOINT_SMS_VOICE_V2";
const SIGNING_NAME: &str = "sms-voice";
/// The operations, as the protocol AWS JSON 1.0 names them: plain texts and calls, and those of AWS
/// Notify, which puts a code into words that are registered already.
const TEXT: &str = "PinpointSMSVoiceV2.SendTextMessage";
const CALL: &str = "PinpointSMSVoiceV2.SendVoiceMessage";
const NOTIFY_TEXT: &str = "PinpointSMSVoiceV2.SendNotifyTextMessage";
const NOTIFY_CALL: &str = "PinpointSMSVoiceV2.SendNotifyVoiceMessage";
/// The voice for English.
const ENGLISH: &str = "JOANNA";
/// The country whose texts name the registered sender and template.
const INDIA: &str = "IN";

/// The service in the region of the deployment.
pub(super) struct EndUserMessaging {
    client: Vendors,
    url: String,
    region: String,
    credentials: Option<Credentials>,
    settings: EumSettings,
    templates: NotifyTemplates,
    sms: SmsSettings,
    valid_seconds: i64,
    clock: Clock,
}

/// An error. Its message may name the phone.
#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(rename = "Reason")]
    reason: Option<String>,
}

impl EndUserMessaging {
    /// The service that the environment names.
    pub(super) fn new(
        client: Vendors,
        environment: &Environment,
        (settings, templates): (&MessageSettings, NotifyTemplates),
        clock: Clock,
    ) -> Self {
        let region = environment.get("AWS_REGION").unwrap_or_default().to_owned();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = endpoint(environment, SERVICE)
            .map_or_else(|| format!("https://{SIGNING_NAME}.{region}.{domain}"), str::to_owned);
        Self {
            client,
            url: format!("{}/", url.trim_end_matches('/')),
            region,
            credentials: credentials(environment),
            settings: settings.eum.clone(),
            templates,
            sms: settings.sms.clone(),
            valid_seconds: settings.valid_seconds,
            clock,
        }
    }

    /// Sends a text: a code by AWS Notify if it is set up, else the words as they are.
    pub(super) async fn send(&self, text: &Text) -> Outcome {
        if let Some(fields) = self.notify(text, &self.templates.notify_templates) {
            return self.post(NOTIFY_TEXT, fields).await;
        }
        let settings = &self.settings;
        let mut fields = self.fields(text);
        fields.insert("MessageBody".to_owned(), json!(text.body));
        fields.insert("MessageType".to_owned(), json!("TRANSACTIONAL"));
        insert(&mut fields, "OriginationIdentity", settings.origin.as_deref());
        insert(&mut fields, "MaxPrice", self.max_price().as_deref());
        let registered = self.registered();
        if text.country == INDIA && !registered.is_empty() {
            fields.insert("DestinationCountryParameters".to_owned(), registered.into());
        }
        self.post(TEXT, fields).await
    }

    /// Calls the phone, and reads the code aloud.
    pub(super) async fn call(&self, text: &Text) -> Outcome {
        if self.settings.voice_origin.is_none()
            && let Some(mut fields) = self.notify(text, &self.templates.notify_call_templates)
        {
            insert(&mut fields, "VoiceId", voice(text.language));
            return self.post(NOTIFY_CALL, fields).await;
        }
        let Some(spoken) = &text.spoken else { return Outcome::without_words() };
        let (words, voice) = match voice(text.language) {
            Some(voice) => (&spoken.words, voice),
            None => (&spoken.in_english, ENGLISH),
        };
        let mut fields = self.fields(text);
        fields.insert("MessageBody".to_owned(), json!(words));
        fields.insert("MessageBodyTextType".to_owned(), json!("TEXT"));
        insert(&mut fields, "OriginationIdentity", self.settings.voice_origin.as_deref());
        insert(&mut fields, "VoiceId", Some(voice));
        insert(&mut fields, "MaxPricePerMinute", self.max_price().as_deref());
        self.post(CALL, fields).await
    }

    /// The fields of a code that AWS Notify puts into words, in the language of the text if that has
    /// one of the `templates`; `None` if it is not set up, or the text has no code.
    fn notify(
        &self,
        text: &Text,
        templates: &BTreeMap<String, String>,
    ) -> Option<Map<String, Value>> {
        let configuration = self.settings.notify_configuration.as_deref();
        let configuration = configuration.filter(|_| !text.code.is_empty())?;
        let mut fields = self.fields(text);
        insert(&mut fields, "NotifyConfigurationId", Some(configuration));
        insert(&mut fields, "TemplateId", template(templates, text.language));
        fields.insert("TemplateVariables".to_owned(), json!({"code": text.code}));
        Some(fields)
    }

    /// The fields that all texts and calls have.
    fn fields(&self, text: &Text) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("DestinationPhoneNumber".to_owned(), json!(text.to.as_str()));
        fields.insert("TimeToLive".to_owned(), json!(self.valid_seconds));
        let set = self.settings.configuration_set.as_deref();
        insert(&mut fields, "ConfigurationSetName", set);
        fields
    }

    fn max_price(&self) -> Option<String> {
        self.sms.max_price_usd.as_deref().and_then(max_price)
    }

    /// The registered sender and template of texts to India.
    fn registered(&self) -> Map<String, Value> {
        let mut registered = Map::new();
        insert(&mut registered, "IN_ENTITY_ID", self.sms.entity_id.as_deref());
        insert(&mut registered, "IN_TEMPLATE_ID", self.sms.template_id.as_deref());
        registered
    }

    async fn post(&self, target: &'static str, fields: Map<String, Value>) -> Outcome {
        let body = Value::Object(fields).to_string();
        let Some(headers) = self.signed(target, &body) else {
            return Outcome::Refused(Refusal::Account, "the request cannot be signed".to_owned());
        };
        self.client.post(&self.url, &headers, body, outcome).await
    }

    /// The headers of a request with its signature (Signature Version 4).
    fn signed(&self, target: &str, body: &str) -> Option<Vec<(&'static str, String)>> {
        let identity = self.credentials.clone()?.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SIGNING_NAME)
            .time(SystemTime::from(self.clock.now()))
            .settings(SigningSettings::default())
            .build()
            .ok()?;

        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", target.to_owned()),
        ];
        let request = SignableRequest::new(
            "POST",
            &self.url,
            headers.iter().map(|(name, value)| (*name, value.as_str())),
            SignableBody::Bytes(body.as_bytes()),
        )
        .ok()?;

        let (signature, _) = sign(request, &parameters.into()).ok()?.into_parts();
        let (signed, _) = signature.into_parts();
        headers.extend(signed.iter().map(|header| (header.name(), header.value().to_owned())));
        Some(headers)
    }
}

fn insert(fields: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), json!(value));
    }
}

/// The template of a language, or else the first one of the same language in some country.
fn template<'a>(templates: &'a BTreeMap<String, String>, language: &str) -> Option<&'a str> {
    let in_a_country = || {
        let is_same = |(tag, _): &(&String, &String)| tag.split('-').next() == Some(language);
        templates.iter().find(is_same).map(|(_, template)| template)
    };
    templates.get(language).or_else(in_a_country).map(String::as_str)
}

/// The voice that reads a language aloud, if the service has one.
fn voice(language: &str) -> Option<&'static str> {
    match language {
        "ar" => Some("ZEINA"),
        "en" => Some(ENGLISH),
        "es" => Some("LUPE"),
        _ => None,
    }
}

/// A price as the service reads it: with a dot, and at most five decimals.
fn max_price(usd: &str) -> Option<String> {
    usd.parse::<f64>().ok().map(|usd| format!("{usd:.5}"))
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    if (200..=299).contains(&answer.status) {
        return Outcome::Accepted;
    }

    let refused = serde_json::from_str::<Refused>(&answer.body).ok();
    let kind = answer.error_type.as_deref();
    let kind = kind.or(refused.as_ref().and_then(|it| it.kind.as_deref())).unwrap_or_default();
    // A namespace may precede it, and a URL follow.
    let kind = kind.rsplit('#').next().and_then(|kind| kind.split(':').next()).unwrap_or_default();
    let reason = refused.as_ref().and_then(|it| it.reason.as_deref()).unwrap_or_default();
    match answer.status {
        400..=499 if !kind.is_empty() => {
            Outcome::Refused(refusal(kind, reason), format!("{kind} {reason}"))
        }
        _ => answer
            .by_status()
            .unwrap_or_else(|| Outcome::Unknown(format!("status {}", answer.status))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_reason_that_aws_gives() {
        let of = |status, kind: Option<&str>, body: &str| {
            outcome(&Answer { status, error_type: kind.map(str::to_owned), body: body.to_owned() })
        };
        assert_eq!(of(200, None, r#"{"MessageId": "1"}"#), Outcome::Accepted);

        let opted_out = r#"{"__type": "com.amazonaws.pinpointsmsvoicev2#ConflictException",
            "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT", "Message": "+1 has opted out"}"#;
        let refused = of(400, None, opted_out);
        let expected = "ConflictException DESTINATION_PHONE_NUMBER_OPTED_OUT";
        assert_eq!(refused, Outcome::Refused(Refusal::OptedOut, expected.to_owned()));

        let throttled = of(400, Some("ThrottlingException:http://internal"), "{}");
        assert!(matches!(throttled, Outcome::Refused(Refusal::Limited, _)), "{throttled:?}");
        for (status, body) in [(500, opted_out), (400, "<html>"), (503, "")] {
            assert!(matches!(of(status, None, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_language_without_a_template_gets_the_default_one() {
        let templates = [("en", "1"), ("es", "2"), ("es-MX", "3"), ("hi-IN", "4")];
        let templates = templates.map(|(tag, id)| (tag.to_owned(), id.to_owned())).into();
        for (language, expected) in
            [("en", Some("1")), ("es", Some("2")), ("hi", Some("4")), ("ar", None)]
        {
            assert_eq!(template(&templates, language), expected, "{language}");
        }
    }

    #[test]
    fn a_price_has_a_dot() {
        assert_eq!(max_price("10").as_deref(), Some("10.00000"));
        assert_eq!(max_price("0.05").as_deref(), Some("0.05000"));
    }
}
