//! Findings about the service's answers, and about its domain.

use jiff::Timestamp;

use super::{aws, grave, set, unanswered};
use crate::{
    doctor::facts::{Certificate, Facts, Stack},
    finding::Finding,
};

/// A difference between two clocks that tokens tolerate.
const SMALL_SKEW_SECONDS: i64 = 30;
/// A difference at which AWS refuses what this machine signs.
const LARGE_SKEW_SECONDS: i64 = 300;
/// ACM renews a certificate 60 days before its end. One with fewer days than this is not renewed.
const FEW_DAYS: i64 = 30;

pub(super) fn findings(facts: &Facts, stack: &Stack) -> Vec<Finding> {
    let mut findings = answers(facts, stack);
    if stack.parameter("DomainName").is_empty() {
        findings.push(Finding::ok("domain", "The service has no custom domain."));
    } else {
        findings.push(domain(facts, stack));
        findings.push(certificate(facts, stack));
    }
    findings
}

/// The findings for which a URL is enough.
pub(super) fn answers(facts: &Facts, stack: &Stack) -> Vec<Finding> {
    vec![health(facts, stack), keys(facts, stack), clock(facts)]
}

fn health(facts: &Facts, stack: &Stack) -> Finding {
    let check = "health";
    let url = &facts.service.url;
    let logs = format!(
        "sam logs --cw-log-group /latchkey/{}/functions --region {} --start-time '10min ago'",
        stack.name, stack.region
    );
    match &facts.service.health {
        Ok((200, _)) => {
            let own = stack.output("Url");
            let other = if own.is_empty() || own == url {
                String::new()
            } else {
                format!(" This is not the URL of the stack, {own}.")
            };
            Finding::ok(check, format!("{url} works, and so does its table.{other}"))
        }
        Ok((status, _)) => {
            Finding::problem(check, format!("{url}/health returns {status}, not 200."), logs)
        }
        Err(why) => Finding::problem(check, format!("{url} cannot be reached: {why}."), logs),
    }
}

fn keys(facts: &Facts, stack: &Stack) -> Finding {
    let check = "signing-keys";
    let rotate = aws(
        stack,
        &format!(
            "secretsmanager rotate-secret --secret-id {}",
            stack.output("SigningKeysSecretArn")
        ),
    );
    match &facts.service.keys {
        Ok(0) => Finding::problem(
            check,
            "No key is published, so that nobody can sign in: the first rotation has not ended or \
             has failed.",
            rotate,
        ),
        Ok(number) => Finding::ok(check, format!("Keys that verify tokens: {number}.")),
        Err(why) => Finding::problem(
            check,
            format!("The published keys cannot be read: {why}."),
            "see the line health",
        ),
    }
}

fn clock(facts: &Facts) -> Finding {
    let check = "clock";
    let Ok((_, Some(theirs))) = facts.service.health else {
        return Finding::warning(
            check,
            "The service did not say what time it is.",
            "see the line health",
        );
    };

    let skew = (facts.now.as_second() - theirs.as_second()).abs();
    let message = format!("This machine's clock and the service's differ by {skew} s.");
    let fix = "timedatectl set-ntp true (on Linux), or set the clock of this machine";
    if skew > LARGE_SKEW_SECONDS {
        Finding::problem(check, format!("{message} AWS refuses what it signs."), fix)
    } else if skew > SMALL_SKEW_SECONDS {
        Finding::warning(check, message, fix)
    } else {
        Finding::ok(check, message)
    }
}

fn domain(facts: &Facts, stack: &Stack) -> Finding {
    let check = "domain";
    let name = stack.parameter("DomainName");
    let target = stack.output("DomainTarget");
    match &facts.domain {
        Ok(()) => Finding::ok(check, format!("The name {name} resolves.")),
        Err(why) => grave(
            stack,
            check,
            format!(
                "The name {name} does not resolve ({why}), so that nobody reaches the service."
            ),
            format!(
                "make a CNAME record from {name} to {target}, or {}",
                set(stack, "HostedZoneId=Z… (its zone in Route 53)")
            ),
        ),
    }
}

fn certificate(facts: &Facts, stack: &Stack) -> Finding {
    let check = "certificate";
    let name = stack.parameter("DomainName");
    let arn = stack.parameter("CertificateArn");
    let certificate = match &facts.certificate {
        Ok(certificate) => certificate,
        Err(why) => return unanswered(check, "acm:DescribeCertificate", why),
    };

    let describe = aws(stack, &format!("acm describe-certificate --certificate-arn {arn}"));
    let another = aws(
        stack,
        &format!("acm request-certificate --domain-name {name} --validation-method DNS"),
    );
    if certificate.status != "ISSUED" {
        let message = format!("The certificate is not issued ({}).", certificate.status);
        return grave(
            stack,
            check,
            message,
            format!("create the DNS record that this shows: {describe}"),
        );
    }
    if !certificate.names.iter().any(|covered| covers(covered, name)) {
        return grave(stack, check, format!("The certificate is not for {name}."), another);
    }

    let days = days_left(certificate, facts.now);
    match days {
        Some(days) if days < FEW_DAYS => {
            let renewal = if certificate.renewed {
                "ACM has not renewed it"
            } else {
                "ACM does not renew it"
            };
            grave(
                stack,
                check,
                format!("The certificate ends in {days} days, and {renewal}."),
                format!("{another}; or, if its DNS record is gone, create it again: {describe}"),
            )
        }
        Some(days) => Finding::ok(check, format!("The certificate is good for {days} days.")),
        None => Finding::ok(check, "The certificate is issued."),
    }
}

fn days_left(certificate: &Certificate, now: Timestamp) -> Option<i64> {
    let seconds = certificate.expires?.as_second() - now.as_second();
    Some(seconds.div_euclid(24 * 60 * 60))
}

/// Whether a name in a certificate is good for `host`. A wildcard stands for one label.
fn covers(name: &str, host: &str) -> bool {
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((_, above))) => domain == above,
        _ => name == host,
    }
}
