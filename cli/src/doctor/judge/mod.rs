//! Makes findings of facts. Everything here is pure: no call, no clock.

mod emails;
mod operation;
mod senders;
mod service;
mod texts;

#[cfg(test)]
mod tests;

use super::facts::{Facts, Stack};
use crate::finding::Finding;

/// All findings, in the order in which they are printed. Without the stack, only those about the
/// account and about a service whose URL is given.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![operation::region(&facts.regions), operation::stack(facts)];

    match &facts.stack {
        Ok(stack) => {
            findings.extend(texts::findings(&facts.texts, stack));
            findings.extend(emails::findings(&facts.emails, stack));
            findings.extend(senders::findings(facts, stack));
            findings.extend(operation::findings(facts, stack));
            findings.extend(service::findings(facts, stack));
        }
        Err(_) => {
            let stack = Stack {
                name: facts.stack_name.clone(),
                region: facts.regions.asked.clone(),
                ..Stack::default()
            };
            findings.push(texts::sandbox(&facts.texts, &stack));
            findings.push(texts::delivery_log(&facts.texts, &stack));
            findings.push(operation::concurrency(facts, &stack));
            if !facts.service.url.is_empty() {
                findings.extend(service::answers(facts, &stack));
            }
        }
    }
    findings
}

/// Something that real users would notice: a problem in production, elsewhere a warning.
fn grave(
    stack: &Stack,
    check: &'static str,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    if stack.is_prod() {
        Finding::problem(check, message, fix)
    } else {
        Finding::warning(check, message, fix)
    }
}

/// A question that AWS did not answer. This is a problem, because nothing was checked.
fn unanswered(check: &'static str, action: &str, why: &str) -> Finding {
    Finding::problem(
        check,
        format!("AWS did not answer {action}: {why}"),
        format!("allow {action} to the credentials of this command, then run it again"),
    )
}

/// A command of the AWS CLI, in the region of the stack.
fn aws(stack: &Stack, command: &str) -> String {
    format!("aws {command} --region {}", stack.region)
}

/// How a parameter of the stack is changed. SAM keeps the previous value of a parameter that is no
/// longer named, so an empty value has to be written down, too.
fn set(stack: &Stack, parameter: &str) -> String {
    let deploy = match stack.parameter("Environment") {
        "dev" | "" => "sam deploy".to_owned(),
        environment => format!("sam deploy --config-env {environment}"),
    };
    format!("write {parameter} into parameter_overrides in samconfig.toml, then run {deploy}")
}
