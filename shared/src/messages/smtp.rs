//! E-mails through a server that speaks SMTP.

use std::{sync::Arc, time::Duration};

use http::Uri;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{MultiPart, SinglePart},
    transport::smtp::{
        Error as SmtpError, PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;

use super::{MailText, senders::SmtpAccount, settings::CA_BUNDLE};
use crate::{
    base::{Environment, Error},
    identifiers::Email,
};

/// The time limit of a connection and of each command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of an e-mail. A request has 8 seconds in all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An instance serves one request at a time, which sends at most two e-mails at a time.
const MAX_CONNECTIONS: u32 = 2;

/// The server that `EMAIL_SMTP_URL` names. It has no `Debug`, since it may have a password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// TLS from the first byte (`smtps`), or by STARTTLS before anything else is said (`smtp`).
    is_implicit: bool,
    host: String,
    port: u16,
    account: Option<(String, String)>,
}

impl SmtpServer {
    /// The accepted form, for the error of the setting.
    pub(super) const FORM: &str = "smtps://host:port or smtp://host:port; in production the user \
                                   and the password are in the secret of the senders";

    /// Parses `smtps://user:password@host:port`. User, password and port may be left out. With
    /// `smtp`, STARTTLS is required; `?tls=required` says so, and changes nothing.
    pub(super) fn parse(text: &str, is_prod: bool) -> Option<Self> {
        let url: Uri = text.parse().ok()?;
        let is_implicit = match url.scheme_str()? {
            "smtps" => true,
            "smtp" => false,
            _ => return None,
        };
        let is_bare = matches!(url.path(), "" | "/");
        if !is_bare || url.query().is_some_and(|query| query != "tls=required") {
            return None;
        }

        let authority = url.authority()?;
        let account = match authority.as_str().rsplit_once('@') {
            Some((account, _)) => {
                let (user, password) = account.split_once(':')?;
                Some((decoded(user)?, decoded(password)?))
            }
            None => None,
        };
        if is_prod && account.is_some() {
            return None;
        }

        let port = authority.port_u16().unwrap_or(if is_implicit { 465 } else { 587 });
        let host = authority.host().to_owned();
        (!host.is_empty()).then_some(Self { is_implicit, host, port, account })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Sends e-mails through a server, over connections that stay open.
#[derive(Clone)]
pub(super) struct Smtp {
    server: SmtpServer,
    account: Option<SmtpAccount>,
    roots: Option<String>,
    // Made for the first e-mail: reading the roots of the system takes CPU time.
    transport: Arc<OnceCell<AsyncSmtpTransport<Tokio1Executor>>>,
}

impl Smtp {
    /// A sender that signs in with `account`, or as the URL says if there is none.
    pub(super) fn new(
        server: SmtpServer,
        account: Option<SmtpAccount>,
        environment: &Environment,
    ) -> Self {
        let roots = environment.get(CA_BUNDLE).map(str::to_owned);
        Self { server, account, roots, transport: Arc::default() }
    }

    /// Sends an e-mail once. An outcome that nobody knows counts as sent, as with texts.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it certainly was not sent; [`Error::Internal`].
    pub(super) async fn send(
        &self,
        from: &Email,
        to: &Email,
        mail: &MailText,
    ) -> Result<(), Error> {
        let message = message(from, to, mail)?;
        let transport = self.transport.get_or_try_init(|| async { self.transport(from) }).await?;

        let deadline = tokio::time::Instant::now() + TIMEOUT;
        // Asked before, so that a failure after this may only mean that the answer was lost.
        match tokio::time::timeout_at(deadline, transport.test_connection()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) | Err(_) => return Err(refused("no connection")),
            Ok(Err(error)) => return Err(refused(&reason(&error))),
        }

        match tokio::time::timeout_at(deadline, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.status().is_some() || error.is_client() => {
                Err(refused(&reason(&error)))
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the SMTP server did not answer; its e-mail may have been sent");
                Ok(())
            }
        }
    }

    fn transport(&self, from: &Email) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
        let SmtpServer { is_implicit, host, port, account } = &self.server;
        let mut parameters = TlsParameters::builder(host.clone());
        if let Some(file) = &self.roots {
            let roots = std::fs::read(file)
                .map_err(|error| Error::Internal(format!("SENDERS_CA_BUNDLE: {error}")))?;
            parameters =
                parameters.add_root_certificate(Certificate::from_pem(&roots).map_err(internal)?);
        }
        let parameters = parameters.build().map_err(internal)?;
        let tls = if *is_implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) };

        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(*port)
            .tls(tls)
            .hello_name(ClientId::Domain(from.domain().to_owned()))
            .timeout(Some(COMMAND_TIMEOUT))
            .pool_config(PoolConfig::new().max_size(MAX_CONNECTIONS));
        let account = match (&self.account, account) {
            (Some(of_secret), _) => Some((of_secret.username.clone(), of_secret.password.clone())),
            (None, of_url) => of_url.clone(),
        };
        Ok(match account {
            Some((user, password)) => builder.credentials(Credentials::new(user, password)),
            None => builder,
        }
        .build())
    }
}

fn message(from: &Email, to: &Email, mail: &MailText) -> Result<Message, Error> {
    let address = |email: &Email| email.as_str().parse().map_err(internal);
    let builder =
        Message::builder().from(address(from)?).to(address(to)?).subject(mail.subject.as_str());
    match &mail.html {
        Some(html) => {
            builder.multipart(MultiPart::alternative_plain_html(mail.text.clone(), html.clone()))
        }
        None => builder.singlepart(SinglePart::plain(mail.text.clone())),
    }
    .map_err(internal)
}

/// Why a server refused, for the log. Its own words may name the recipient, so only the status is
/// kept.
fn reason(error: &SmtpError) -> String {
    match error.status() {
        Some(status) => format!("status {status}"),
        None if error.is_tls() => "TLS failed".to_owned(),
        None if error.is_client() => "the server lacks STARTTLS or a way to sign in".to_owned(),
        None => "no connection".to_owned(),
    }
}

fn refused(reason: &str) -> Error {
    Error::Unavailable(format!("the SMTP server refused an e-mail: {reason}"))
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("an e-mail cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_tls_begins_and_production_keeps_the_password_in_the_secret() {
        let parsed = |url, is_prod| SmtpServer::parse(url, is_prod);
        let server = parsed("smtps://mail.example.com", true).unwrap();
        assert!(server.is_implicit && server.port == 465 && server.host == "mail.example.com");
        let server = parsed("smtp://mail.example.com:2525?tls=required", true).unwrap();
        assert!(!server.is_implicit && server.port == 2525 && server.account.is_none());

        let with_password = "smtps://shop%40example.com:p%3A%2Fw@mail.example.com:465";
        let account = parsed(with_password, false).unwrap().account;
        assert_eq!(account, Some(("shop@example.com".to_owned(), "p:/w".to_owned())));
        assert!(parsed(with_password, true).is_none());

        for wrong in [
            "mail.example.com",
            "https://mail.example.com",
            "smtp://mail.example.com?tls=opportunistic",
            "smtps://mail.example.com/path",
            "smtps://user@mail.example.com",
        ] {
            assert!(parsed(wrong, false).is_none(), "{wrong}");
        }
    }
}
