//! Findings about texts. SNS accepts a text even if it is going to drop it, so only these settings
//! show it beforehand.

use shared::apps::{SenderName, TextPlan};

use super::{aws, grave, set, unanswered};
use crate::{
    doctor::facts::{Number, Stack, Texts},
    finding::Finding,
};

/// The monthly limit of an account that never set one, in USD.
const FIRST_LIMIT_USD: &str = "1";
/// The United States and their territories: carriers there refuse texts without a registered
/// number (<https://docs.aws.amazon.com/sms-voice/latest/userguide/phone-numbers-sms-by-country.html>).
const UNITED_STATES: [&str; 6] = ["US", "PR", "VI", "GU", "AS", "MP"];

const ORIGINATION: &str = "texts-origination";

pub(super) fn findings(texts: &Texts, stack: &Stack) -> Vec<Finding> {
    if !go_by_aws(stack) {
        let off = "No texts go by AWS, so what AWS needs for them is not checked.";
        return vec![Finding::ok("texts-sandbox", off)];
    }
    vec![
        sandbox(texts, stack),
        spend_limit(texts, stack),
        origination(texts, stack),
        delivery_log(texts, stack),
    ]
}

/// Whether a country's texts go by AWS. SNS and End User Messaging share the sandbox
/// (<https://aws.amazon.com/blogs/messaging-and-targeting/introducing-the-amazon-pinpoint-sms-sandbox>).
fn go_by_aws(stack: &Stack) -> bool {
    let by_aws = [SenderName::Sns, SenderName::EndUserMessaging];
    TextPlan::parse(stack.parameter("TextSenders"))
        .is_none_or(|plan| by_aws.into_iter().any(|sender| plan.names(sender)))
}

pub(super) fn sandbox(texts: &Texts, stack: &Stack) -> Finding {
    let check = "texts-sandbox";
    match texts.in_sandbox {
        Ok(false) => Finding::ok(check, "The account may send texts to all numbers."),
        Ok(true) => grave(
            stack,
            check,
            "The account is in the SMS sandbox: SNS drops texts to numbers that you have not verified.",
            format!(
                "request Exit SMS sandbox at https://{0}.console.aws.amazon.com/sns/v3/home?region={0}#/mobile/text-messaging",
                stack.region
            ),
        ),
        Err(ref why) => unanswered(check, "sns:GetSMSSandboxAccountStatus", why),
    }
}

fn spend_limit(texts: &Texts, stack: &Stack) -> Finding {
    let check = "texts-spend-limit";
    let attributes = match &texts.attributes {
        Ok(attributes) => attributes,
        Err(why) => return unanswered(check, "sns:GetSMSAttributes", why),
    };

    let limit = attributes.get("MonthlySpendLimit").map_or(FIRST_LIMIT_USD, String::as_str);
    let budget = stack.parameter("SmsMonthlyBudgetUsd");
    let usd = |text: &str| text.parse().unwrap_or(0.0_f64);
    if usd(limit) >= usd(budget) {
        return Finding::ok(
            check,
            format!("SNS may spend {limit} USD a month; the budget of the stack is {budget} USD."),
        );
    }
    grave(
        stack,
        check,
        format!(
            "SNS drops texts once {limit} USD are spent in a month, before the budget of the stack \
             ({budget} USD) is used up. Users are told that their code is on its way."
        ),
        format!(
            "{}, after AWS has granted that quota; or a smaller budget: {}",
            aws(
                stack,
                &format!(
                    "sns set-sms-attributes --attributes MonthlySpendLimit={}",
                    usd(budget).ceil()
                )
            ),
            set(stack, &format!("SmsMonthlyBudgetUsd={limit}")),
        ),
    )
}

fn origination(texts: &Texts, stack: &Stack) -> Finding {
    let numbers = match &texts.numbers {
        Ok(numbers) => numbers,
        Err(why) => return unanswered(ORIGINATION, "sns:ListOriginationNumbers", why),
    };

    let countries = stack.list("AllowedCountries");
    if countries == ["*"] {
        return Finding::warning(
            ORIGINATION,
            "Texts to all countries are allowed, also to those that cost most and have no users of yours.",
            set(stack, "AllowedCountries=US,CA (the countries of your users)"),
        );
    }
    let lacking: Vec<&str> =
        countries.iter().copied().filter(|country| !has_number(country, numbers)).collect();
    unregistered(&countries, &lacking, stack).unwrap_or_else(|| others(&countries, &lacking, stack))
}

/// Whether texts to a country can come from one of these numbers.
fn has_number(country: &str, numbers: &[Number]) -> bool {
    numbers.iter().any(|number| {
        let of_the_states = number.country == "US" && UNITED_STATES.contains(&country);
        number.ready && (number.country == country || of_the_states)
    })
}

/// A finding if a country is allowed that refuses unregistered senders.
fn unregistered(countries: &[&str], lacking: &[&str], stack: &Stack) -> Option<Finding> {
    if lacking.iter().any(|country| UNITED_STATES.contains(country)) {
        return Some(grave(
            stack,
            ORIGINATION,
            "SNS has no active number of the United States, whose carriers refuse texts without one.",
            format!(
                "request a toll-free number, 10DLC or short code at https://{0}.console.aws.amazon.com/sms-voice/home?region={0}#/phone-numbers",
                stack.region
            ),
        ));
    }

    let registered = ["SmsEntityId", "SmsTemplateId"];
    if countries.contains(&"IN") && registered.iter().any(|name| stack.parameter(name).is_empty()) {
        return Some(grave(
            stack,
            ORIGINATION,
            "Texts to India need a registered sender and template, and none is set.",
            set(stack, "SmsEntityId=… SmsTemplateId=… (the ids from the DLT registration)"),
        ));
    }
    None
}

/// The finding about countries of which SNS does not show whether a text arrives.
fn others(countries: &[&str], lacking: &[&str], stack: &Stack) -> Finding {
    if lacking.is_empty() {
        return Finding::ok(ORIGINATION, format!("SNS has a number for {}.", countries.join(", ")));
    }
    let lacking = lacking.join(", ");
    if !stack.parameter("SmsSenderId").is_empty() {
        return Finding::ok(
            ORIGINATION,
            format!(
                "Texts to {lacking} have the sender id. SNS does not list sender ids, so whether \
                 it is registered is not checked."
            ),
        );
    }
    Finding::warning(
        ORIGINATION,
        format!(
            "SNS has no number for {lacking}, and SmsSenderId is not set. Some countries need \
             either. SNS does not list sender ids."
        ),
        "look up these countries at https://docs.aws.amazon.com/sms-voice/latest/userguide/phone-numbers-sms-by-country.html; \
         request a number there, or set SmsSenderId",
    )
}

pub(super) fn delivery_log(texts: &Texts, stack: &Stack) -> Finding {
    let check = "texts-delivery-log";
    let attributes = match &texts.attributes {
        Ok(attributes) => attributes,
        Err(why) => return unanswered(check, "sns:GetSMSAttributes", why),
    };
    if attributes.get("DeliveryStatusIAMRole").is_some_and(|role| !role.is_empty()) {
        return Finding::ok(check, "SNS logs whether texts are delivered.");
    }
    Finding::warning(
        check,
        "SNS does not log whether texts are delivered, so that nobody sees why one did not arrive.",
        format!(
            "{} (docs/operators.md shows how to make the role)",
            aws(
                stack,
                "sns set-sms-attributes --attributes \
                 DeliveryStatusIAMRole=ARN,DeliveryStatusSuccessSamplingRate=100",
            )
        ),
    )
}
