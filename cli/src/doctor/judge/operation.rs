//! Findings about the stack itself: where it is, its settings, and what Lambda and SNS give it.

use super::{aws, grave, set, unanswered};
use crate::{
    doctor::facts::{Facts, Regions, Stack},
    finding::Finding,
};

/// A new account has ten instances or little more. Below this, a busy minute of 60 functions is
/// throttled; Lambda also refuses reservations that leave fewer unreserved.
const FEW_INSTANCES: i32 = 100;

pub(super) fn findings(facts: &Facts, stack: &Stack) -> Vec<Finding> {
    let mut findings =
        vec![concurrency(facts, stack), reservation(stack), alarm_mail(facts, stack)];
    findings.extend([origins(stack), web_otp(stack), first_administrator(facts, stack)]);
    findings
}

pub(super) fn region(regions: &Regions) -> Finding {
    let check = "region";
    let asked = &regions.asked;
    let export = format!("export AWS_REGION={asked} AWS_DEFAULT_REGION={asked}");
    match &regions.of_sam {
        Some(of_sam) if of_sam == asked => {
            Finding::ok(check, format!("The region is {asked}, here and for SAM."))
        }
        _ if regions.given => Finding::ok(check, format!("The region is {asked}, as asked.")),
        Some(of_sam) => Finding::problem(
            check,
            format!("The region is {asked}, but `sam deploy` would deploy into {of_sam}."),
            export,
        ),
        None => Finding::warning(
            check,
            format!("The region is {asked}, but SAM does not read AWS_REGION and finds no region."),
            export,
        ),
    }
}

pub(super) fn stack(facts: &Facts) -> Finding {
    let check = "stack";
    let (name, region) = (&facts.stack_name, &facts.regions.asked);
    let stack = match &facts.stack {
        Ok(stack) => stack,
        Err(why) if why.contains("does not exist") => {
            return Finding::problem(
                check,
                format!("There is no stack {name} in {region}, so its settings are not checked."),
                format!(
                    "pass --stack and --region; these exist: aws cloudformation list-stacks --region {region}"
                ),
            );
        }
        Err(why) => return unanswered(check, "cloudformation:DescribeStacks", why),
    };

    let status = stack.status.as_str();
    let events = aws(
        stack,
        &format!("cloudformation describe-stack-events --stack-name {name} --max-items 20"),
    );
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {
            Finding::ok(check, format!("The stack {name} is complete."))
        }
        "UPDATE_ROLLBACK_COMPLETE" => Finding::warning(
            check,
            format!("The last update of {name} failed and was rolled back."),
            events,
        ),
        _ if status.ends_with("IN_PROGRESS") => Finding::warning(
            check,
            format!("The stack {name} is being changed ({status})."),
            format!("wait, then run this again; or see {events}"),
        ),
        _ => Finding::problem(check, format!("The stack {name} failed ({status})."), events),
    }
}

pub(super) fn concurrency(facts: &Facts, stack: &Stack) -> Finding {
    let check = "concurrency";
    let concurrency = match &facts.concurrency {
        Ok(concurrency) => concurrency,
        Err(why) => return unanswered(check, "lambda:GetAccountSettings", why),
    };
    let message = format!(
        "The account may run {} instances at the same time, of which {} are not reserved.",
        concurrency.limit, concurrency.unreserved
    );
    if concurrency.unreserved >= FEW_INSTANCES {
        return Finding::ok(check, message);
    }
    grave(
        stack,
        check,
        format!("{message} Further requests fail."),
        aws(
            stack,
            "service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000",
        ),
    )
}

/// Whether the functions that text strangers are bounded, in production.
fn reservation(stack: &Stack) -> Finding {
    let check = "reserved-concurrency";
    let reserved = stack.parameter("OtpSendConcurrency");
    if !["", "0"].contains(&reserved) {
        return Finding::ok(
            check,
            format!("At most {reserved} instances send texts to strangers."),
        );
    }
    if !stack.is_prod() {
        return Finding::ok(check, "Nothing is reserved, which is right outside of production.");
    }
    Finding::warning(
        check,
        "Nothing bounds how many instances send texts to strangers at the same time.",
        set(stack, "OtpSendConcurrency=20 OtpResendConcurrency=5"),
    )
}

fn alarm_mail(facts: &Facts, stack: &Stack) -> Finding {
    let check = "alarm-mail";
    let subscriptions = match &facts.subscriptions {
        Ok(subscriptions) => subscriptions,
        Err(why) => return unanswered(check, "sns:ListSubscriptionsByTopic", why),
    };
    if let Some((endpoint, _)) = subscriptions.iter().find(|(_, confirmed)| !confirmed) {
        return grave(
            stack,
            check,
            format!("{endpoint} has not confirmed that it wants alarms, and gets none."),
            format!(
                "follow the link in AWS's mail to it; to have it sent again: {}",
                aws(
                    stack,
                    &format!(
                        "sns subscribe --topic-arn {} --protocol email --notification-endpoint {endpoint}",
                        stack.output("AlarmTopicArn")
                    )
                )
            ),
        );
    }
    if subscriptions.is_empty() {
        return grave(
            stack,
            check,
            "Nobody gets the alarms.",
            set(stack, "AlarmEmail=ops@example.com (your address)"),
        );
    }
    let endpoints: Vec<&str> = subscriptions.iter().map(|(to, _)| to.as_str()).collect();
    Finding::ok(check, format!("Alarms go to {}.", endpoints.join(", ")))
}

fn origins(stack: &Stack) -> Finding {
    let check = "origins";
    let origins = stack.list("AllowedOrigins");
    let insecure: Vec<&str> =
        origins.iter().copied().filter(|origin| !origin.starts_with("https://")).collect();
    if origins.is_empty() {
        return Finding::warning(
            check,
            "AllowedOrigins is empty, so only web apps with their own origins (docs/apps.md) may call the API.",
            set(stack, "AllowedOrigins=https://app.example.com (the origins of your web apps)"),
        );
    }
    if stack.is_prod() && !insecure.is_empty() {
        let secure: Vec<&str> =
            origins.iter().copied().filter(|origin| origin.starts_with("https://")).collect();
        return Finding::problem(
            check,
            format!("In production, pages at {} may call the API.", insecure.join(", ")),
            set(stack, &format!("AllowedOrigins={}", quoted(&secure.join(",")))),
        );
    }
    Finding::ok(check, format!("Web apps at {} may call the API.", origins.join(", ")))
}

/// Browsers fill in a code only on a page of the host that the text names.
fn web_otp(stack: &Stack) -> Finding {
    let check = "web-otp";
    let origin = stack.parameter("WebOtpOrigin");
    if origin.is_empty() {
        let off = "Browsers do not fill in codes, because WebOtpOrigin is not set.";
        return Finding::ok(check, off);
    }

    let origins = stack.list("AllowedOrigins");
    if origins.iter().any(|allowed| host(allowed) == host(origin)) {
        return Finding::ok(check, format!("Browsers fill in codes at {origin}."));
    }
    grave(
        stack,
        check,
        format!(
            "Texts name {origin} for browsers to fill codes in, and pages there may not call the API."
        ),
        set(stack, &format!("AllowedOrigins={}", [&[origin], &origins[..]].concat().join(","))),
    )
}

fn first_administrator(facts: &Facts, stack: &Stack) -> Finding {
    let check = "first-administrator";
    let phone_is_set = !stack.parameter("AdminPhone").is_empty();
    match (&facts.has_admin, phone_is_set) {
        (Ok(true), false) => Finding::ok(check, "There is an administrator."),
        (Ok(true), true) => Finding::warning(
            check,
            "There is an administrator, and AdminPhone is still set. If that account is deleted, \
             the next owner of the number becomes an administrator, too.",
            set(stack, &format!("AdminPhone={}", quoted(""))),
        ),
        (Ok(false), true) => Finding::warning(
            check,
            "There is no administrator yet. The owner of AdminPhone becomes one by signing in.",
            format!("latchkey login --url {} (with that phone)", stack.output("Url")),
        ),
        (Ok(false), false) => Finding::warning(
            check,
            "There is no administrator, and AdminPhone is not set.",
            set(stack, "AdminPhone=+14155550123 (your phone)"),
        ),
        (Err(why), _) => unanswered(check, "dynamodb:GetItem", why),
    }
}

/// The host of an origin, without its port.
fn host(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    host.split_once(':').map_or(host, |(host, _)| host)
}

/// A value of `parameter_overrides`, in which an empty one needs quotes.
fn quoted(value: &str) -> String {
    if value.is_empty() { r#"\"\""#.to_owned() } else { value.to_owned() }
}
