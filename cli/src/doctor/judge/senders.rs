//! Findings about the senders of texts and calls, and about the secret with their credentials.

use shared::{
    apps::{SenderName, TextPlan},
    base::Environment,
    messages::MessageSettings,
    settings::Settings,
};

use super::{aws, set, unanswered};
use crate::{
    doctor::facts::{Facts, Secret, Stack},
    finding::Finding,
};

const PLANS: &str = "senders";
const SECRET: &str = "senders-secret";
const WHATSAPP: &str = "senders-whatsapp";
/// The parameters about senders, and the settings that functions read them as.
const SETTINGS: [(&str, &str); 7] = [
    ("TextSenders", "TEXT_SENDERS"),
    ("VoiceSenders", "VOICE_SENDERS"),
    ("SendersSecretArn", "SENDERS_SECRET_ARN"),
    ("EumOriginationIdentity", "EUM_ORIGINATION_IDENTITY"),
    ("EumVoiceOriginationIdentity", "EUM_VOICE_ORIGINATION_IDENTITY"),
    ("EumConfigurationSet", "EUM_CONFIGURATION_SET"),
    ("EumNotifyConfiguration", "EUM_NOTIFY_CONFIGURATION"),
];
/// The settings without which there are no others.
const NEEDED: [(&str, &str); 2] =
    [("ISSUER", "https://id.example.com"), ("TABLE_NAME", "latchkey")];

pub(super) fn findings(facts: &Facts, stack: &Stack) -> Vec<Finding> {
    let given = SETTINGS.map(|(parameter, setting)| (setting, stack.parameter(parameter)));
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    let environment: Environment = NEEDED.into_iter().chain(given).collect();

    match Settings::parse(&environment, facts.now) {
        Ok(settings) => {
            let number = whatsapp(&settings.messages, stack);
            let secret = secret(facts, &settings.messages, stack);
            [plans(&settings.messages)].into_iter().chain(number).chain(secret).collect()
        }
        Err(problems) => vec![Finding::problem(
            PLANS,
            format!("The functions that send texts do not start: {}", problems.join("; ")),
            set(stack, "TextSenders, VoiceSenders and what they need (docs/senders.md)"),
        )],
    }
}

fn plans(settings: &MessageSettings) -> Finding {
    let texts = names(&[&settings.plan], |_| true);
    let calls = match names(&[&settings.calls], |_| true) {
        calls if calls.is_empty() => "Nobody is called.".to_owned(),
        calls => format!("Calls go by {}.", calls.join(", ")),
    };
    Finding::ok(PLANS, format!("Texts go by {}. {calls}", texts.join(", ")))
}

/// A finding about the number that functions may use in WhatsApp by AWS, if texts go by it.
fn whatsapp(settings: &MessageSettings, stack: &Stack) -> Option<Finding> {
    if !settings.plan.names(SenderName::WhatsappAws) {
        return None;
    }
    let number = stack.parameter("WhatsappPhoneNumberArn");
    let problem = |message: String| {
        let fix = "WhatsappPhoneNumberArn=… (docs/senders.md#whatsapp-by-aws)";
        Some(Finding::problem(WHATSAPP, message, set(stack, fix)))
    };
    match number.split(':').nth(3) {
        None => problem(
            "TextSenders names whatsapp_aws, but functions may not send from any number: \
             WhatsappPhoneNumberArn is empty."
                .to_owned(),
        ),
        Some(region) if region != stack.region => problem(format!(
            "WhatsappPhoneNumberArn is a number in {region}; functions send in {}.",
            stack.region
        )),
        Some(_) => Some(Finding::ok(
            WHATSAPP,
            "Functions may send in WhatsApp from the number in WhatsappPhoneNumberArn. Whether \
             the secret names the same number is not checked.",
        )),
    }
}

/// A finding about the secret, if there is one.
fn secret(facts: &Facts, settings: &MessageSettings, stack: &Stack) -> Option<Finding> {
    let arn = settings.senders_secret.as_deref()?;
    let fix = |command: &str| aws(stack, &format!("secretsmanager {command} --secret-id {arn}"));
    let broken = |what: &str, fix| {
        let message =
            format!("The secret of the senders {what}, so no text and no e-mail is sent.");
        Some(Finding::problem(SECRET, message, fix))
    };
    match &facts.senders_secret {
        Ok(Secret::Missing) => broken(
            "does not exist",
            set(stack, "SendersSecretArn=… (docs/senders.md shows what the secret has)"),
        ),
        Ok(Secret::Deleted) => broken("is deleted", fix("restore-secret")),
        Ok(Secret::Empty) => {
            broken("has no value", fix("put-secret-value --secret-string file://senders.json"))
        }
        Ok(Secret::OtherKey) => broken(
            "is encrypted with a key that functions may not use",
            fix("update-secret --kms-key-id alias/aws/secretsmanager"),
        ),
        Ok(Secret::Ready) => Some(ready(settings)),
        Err(why) => Some(unanswered(SECRET, "secretsmanager:DescribeSecret", why)),
    }
}

fn ready(settings: &MessageSettings) -> Finding {
    let vendors = names(&[&settings.plan, &settings.calls], SenderName::is_vendor);
    let unread = match vendors.join(", ") {
        vendors if vendors.is_empty() => "It is not read here.".to_owned(),
        vendors => format!("It is not read here, so whether it has {vendors} is not checked."),
    };
    Finding::ok(SECRET, format!("The secret of the senders has a value. {unread}"))
}

/// The names of those senders of some plans that are `wanted`.
fn names(plans: &[&TextPlan], wanted: fn(SenderName) -> bool) -> Vec<&'static str> {
    let is_named = |sender: &SenderName| plans.iter().any(|plan| plan.names(*sender));
    let senders = SenderName::ALL.into_iter().filter(is_named);
    senders.filter(|sender| wanted(*sender)).map(SenderName::as_str).collect()
}
