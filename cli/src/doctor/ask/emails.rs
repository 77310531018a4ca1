//! Asks SES about e-mails.

use aws_config::SdkConfig;
use aws_sdk_sesv2::types::SuppressionListReason;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::said;
use crate::doctor::facts::{Answer, EmailAccount, Emails, Identity};

/// Asks SES about the sender. Without one, SES is not asked.
pub(super) async fn ask(config: &SdkConfig, sender: &str) -> Emails {
    let client = aws_sdk_sesv2::Client::new(config);
    let (account, identity) = if sender.is_empty() {
        (Err(String::new()), Ok(None))
    } else {
        tokio::join!(email_account(&client), identity(&client, sender))
    };

    let set = identity.as_ref().ok().and_then(Option::as_ref);
    let set = set.and_then(|identity| identity.configuration_set.clone());
    let configuration_set_exists = match set {
        Some(name) => configuration_set_exists(&client, &name).await,
        None => Ok(false),
    };
    Emails { account, identity, configuration_set_exists }
}

async fn email_account(client: &aws_sdk_sesv2::Client) -> Answer<EmailAccount> {
    let account = client.get_account().send().await.map_err(said)?;
    let suppressed = account.suppression_attributes();
    let suppressed = suppressed.map(|it| it.suppressed_reasons()).unwrap_or_default();
    Ok(EmailAccount {
        in_sandbox: !account.production_access_enabled(),
        may_send: account.sending_enabled(),
        suppresses_bounces: suppressed.contains(&SuppressionListReason::Bounce),
        suppresses_complaints: suppressed.contains(&SuppressionListReason::Complaint),
    })
}

/// The identity by which SES judges a sender: the address itself, its domain, or the nearest domain
/// above that.
async fn identity(client: &aws_sdk_sesv2::Client, sender: &str) -> Answer<Option<Identity>> {
    for name in senders(sender) {
        match client.get_email_identity().email_identity(name).send().await {
            Ok(found) => {
                return Ok(Some(Identity {
                    name: name.to_owned(),
                    verified: found.verified_for_sending_status(),
                    configuration_set: found.configuration_set_name().map(str::to_owned),
                }));
            }
            Err(error) if error.code() == Some("NotFoundException") => {}
            Err(error) => return Err(said(error)),
        }
    }
    Ok(None)
}

/// The names under which SES may know a sender, the nearest first.
fn senders(address: &str) -> Vec<&str> {
    let mut names = vec![address];
    let mut domain = address.split_once('@').map(|(_, domain)| domain);
    while let Some(name) = domain.filter(|name| name.contains('.')) {
        names.push(name);
        domain = name.split_once('.').map(|(_, above)| above);
    }
    names
}

async fn configuration_set_exists(client: &aws_sdk_sesv2::Client, name: &str) -> Answer<bool> {
    match client.get_configuration_set().configuration_set_name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("NotFoundException") => Ok(false),
        Err(error) => Err(said(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_looked_up_by_address_and_by_each_domain_above_it() {
        assert_eq!(
            senders("codes@mail.example.com"),
            ["codes@mail.example.com", "mail.example.com", "example.com"]
        );
    }
}
