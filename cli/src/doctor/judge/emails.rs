//! Findings about e-mails.

use super::{aws, grave, unanswered};
use crate::{
    doctor::facts::{EmailAccount, Emails, Identity, Stack},
    finding::Finding,
};

pub(super) fn findings(emails: &Emails, stack: &Stack) -> Vec<Finding> {
    let sender = stack.parameter("EmailFrom");
    if sender.is_empty() {
        let off = "No e-mails are sent, because EmailFrom is not set.";
        return vec![Finding::ok("email-identity", off)];
    }
    if !stack.parameter("EmailSmtpUrl").is_empty() {
        let smtp = "E-mails go by the server in EmailSmtpUrl, so SES is not checked.";
        return vec![Finding::ok("email-identity", smtp)];
    }

    let mut findings = vec![identity(emails, sender, stack)];
    if let Ok(Some(identity)) = &emails.identity {
        findings.push(configuration_set(emails, identity, stack));
    }
    findings.push(sandbox(emails, stack));
    if let Ok(account) = emails.account {
        findings.push(suppression(account, stack));
    }
    findings
}

fn identity(emails: &Emails, sender: &str, stack: &Stack) -> Finding {
    let check = "email-identity";
    let domain = sender.split_once('@').map_or(sender, |(_, domain)| domain);
    match &emails.identity {
        Ok(Some(identity)) if identity.verified => Finding::ok(
            check,
            format!("SES has verified {}, the sender of e-mails.", identity.name),
        ),
        Ok(Some(Identity { name, .. })) => grave(
            stack,
            check,
            format!("SES has not verified {name} yet, so it refuses every e-mail."),
            format!(
                "create the DNS records that this shows, or follow the link in the mail to {name}: {}",
                aws(stack, &format!("sesv2 get-email-identity --email-identity {name}"))
            ),
        ),
        Ok(None) => grave(
            stack,
            check,
            format!(
                "SES does not know {domain}, the sender of e-mails, so it refuses every e-mail."
            ),
            aws(stack, &format!("sesv2 create-email-identity --email-identity {domain}")),
        ),
        Err(why) => unanswered(check, "ses:GetEmailIdentity", why),
    }
}

fn configuration_set(emails: &Emails, identity: &Identity, stack: &Stack) -> Finding {
    let check = "email-configuration-set";
    let Some(name) = &identity.configuration_set else {
        return Finding::ok(check, "The identity has no default configuration set.");
    };
    match &emails.configuration_set_exists {
        Ok(true) => {
            Finding::ok(check, format!("The identity's default configuration set {name} exists."))
        }
        Ok(false) => grave(
            stack,
            check,
            format!(
                "The identity's default configuration set {name} does not exist, so SES refuses \
                 every e-mail."
            ),
            aws(stack, &format!("sesv2 create-configuration-set --configuration-set-name {name}")),
        ),
        Err(why) => unanswered(check, "ses:GetConfigurationSet", why),
    }
}

fn sandbox(emails: &Emails, stack: &Stack) -> Finding {
    let check = "email-sandbox";
    match &emails.account {
        Ok(EmailAccount { may_send: false, .. }) => grave(
            stack,
            check,
            "AWS has paused the account's e-mails.",
            format!(
                "answer AWS's review at https://{0}.console.aws.amazon.com/ses/home?region={0}#/reputation",
                stack.region
            ),
        ),
        Ok(EmailAccount { in_sandbox: true, .. }) => grave(
            stack,
            check,
            "The account is in the SES sandbox: only verified addresses get e-mails.",
            aws(
                stack,
                "sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL \
                 --website-url https://… --contact-language EN",
            ),
        ),
        Ok(_) => Finding::ok(check, "The account may send e-mails to all addresses."),
        Err(why) => unanswered(check, "ses:GetAccount", why),
    }
}

/// <https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html>
fn suppression(account: EmailAccount, stack: &Stack) -> Finding {
    let check = "email-suppression";
    let who = match (account.suppresses_bounces, account.suppresses_complaints) {
        (true, true) => {
            let all = "Addresses that bounced or complained get no more e-mails from SES.";
            return Finding::ok(check, all);
        }
        (false, true) => "that bounced",
        (true, false) => "whose owners complained of spam",
        (false, false) => "that bounced, and to those whose owners complained of spam",
    };
    Finding::warning(
        check,
        format!(
            "SES goes on sending to addresses {who}. AWS pauses the e-mails of accounts with many \
             of them."
        ),
        aws(
            stack,
            "sesv2 put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT",
        ),
    )
}
