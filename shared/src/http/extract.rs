//! The parts of Latchkey, and the parameters of a request, as extractors.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::{header, request::Parts};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Client, form::parse_urlencoded};
use crate::{
    accounts::Accounts,
    administration::{Users, WaitingMoves},
    apps::{App, Apps, DEFAULT_CLIENT_ID, WebOrigin},
    audit::{Audit, Recorder},
    authorization::{Devices, PushedRequests},
    avatars::{AvatarUrls, Avatars},
    base::{Clock, Error},
    challenges::Challenges,
    crypto::HashKeys,
    latchkey::Latchkey,
    messages::{DeliveryCounts, MailName, MailTemplates, Messenger, Reports},
    migration::PasswordSignIns,
    passkeys::Passkeys,
    roles::Roles,
    second_factors::{Inventory, SecondFactors},
    sessions::{LiveSessions, Sessions},
    settings::Settings,
    tokens::AccessTokens,
    users::Directory,
};

/// The id in the path, a UUID.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, state: &S) -> Result<Self, Error> {
        let (name, value) = parameter(request, state).await?;
        Uuid::try_parse(&value).map(Self).map_err(|_| Error::field(name, "must be a UUID"))
    }
}

/// The two ids in the path, UUIDs.
#[derive(Clone, Copy, Debug)]
pub struct PathIds(pub Uuid, pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, state: &S) -> Result<Self, Error> {
        let parameters = parameters(request, state).await?;
        let mut ids = parameters.iter().map(|(name, value)| {
            Uuid::try_parse(value).map_err(|_| Error::field(name, "must be a UUID"))
        });
        match (ids.next(), ids.next()) {
            (Some(first), Some(second)) => Ok(Self(first?, second?)),
            _ => Err(Error::Internal("a path without two parameters".into())),
        }
    }
}

/// The name in the path.
#[derive(Clone, Debug)]
pub struct PathName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, state: &S) -> Result<Self, Error> {
        parameter(request, state).await.map(|(_, value)| Self(value))
    }
}

/// The two names in the path.
#[derive(Clone, Debug)]
pub struct PathNames(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathNames {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, state: &S) -> Result<Self, Error> {
        let parameters = parameters(request, state).await?;
        let mut names = parameters.iter().map(|(_, value)| value.to_owned());
        match (names.next(), names.next()) {
            (Some(first), Some(second)) => Ok(Self(first, second)),
            _ => Err(Error::Internal("a path without two parameters".into())),
        }
    }
}

/// The app and the name of one of its templates of e-mails in the path.
#[derive(Clone, Debug)]
pub struct PathMail {
    /// The app.
    pub client_id: String,
    /// The kind of the message and its language.
    pub name: MailName,
}

impl<S: Send + Sync> FromRequestParts<S> for PathMail {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, state: &S) -> Result<Self, Error> {
        let parameters = parameters(request, state).await?;
        let mut names = parameters.iter().map(|(_, value)| value);
        match (names.next(), names.next(), names.next()) {
            (Some(client_id), Some(kind), Some(language)) => {
                let name = MailName::parse(kind, language, client_id == DEFAULT_CLIENT_ID)?;
                Ok(Self { client_id: client_id.to_owned(), name })
            }
            _ => Err(Error::Internal("a path without three parameters".into())),
        }
    }
}

/// The name and the decoded value of the path's only parameter.
async fn parameter<S: Send + Sync>(
    request: &mut Parts,
    state: &S,
) -> Result<(String, String), Error> {
    let parameters = parameters(request, state).await?;
    let (name, value) = parameters
        .iter()
        .next()
        .ok_or_else(|| Error::Internal("a path without a parameter".into()))?;

    Ok((name.to_owned(), value.to_owned()))
}

async fn parameters<S: Send + Sync>(
    request: &mut Parts,
    state: &S,
) -> Result<RawPathParams, Error> {
    let parameters = RawPathParams::from_request_parts(request, state).await;
    // The path is not UTF-8, so nothing can be at it.
    parameters.map_err(|_| Error::NotFound)
}

/// The query, strictly: a `T` with `deny_unknown_fields` refuses unknown parameters.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Error> {
        parse_urlencoded(request.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// The web page that a request comes from. Browsers name it in every request with a body.
fn page(request: &Parts) -> Option<WebOrigin> {
    let origin = request.headers.get(header::ORIGIN)?;
    Some(WebOrigin::new(origin.to_str().unwrap_or_default()))
}

/// Makes an extractor of a part of Latchkey, so that a handler's signature lists the parts it uses.
macro_rules! part {
    ($part:ty, |$latchkey:ident| $make:expr) => {
        part!($part, |$latchkey, _request| $make);
    };
    ($part:ty, |$latchkey:ident, $request:ident| $make:expr) => {
        impl FromRequestParts<Latchkey> for $part {
            type Rejection = Error;

            async fn from_request_parts(
                $request: &mut Parts,
                $latchkey: &Latchkey,
            ) -> Result<Self, Error> {
                $make
            }
        }
    };
}

part!(Messenger, |latchkey| latchkey.messenger().await);
part!(Reports, |latchkey| latchkey.reports().await);
part!(MailTemplates, |latchkey| Ok(latchkey.mail_templates()));
part!(DeliveryCounts, |latchkey| Ok(latchkey.delivery_counts()));
part!(Apps, |latchkey, request| Ok(latchkey.apps().called_from(page(request))));
part!(Audit, |latchkey| Ok(latchkey.audit()));
part!(AvatarUrls, |latchkey| Ok(latchkey.avatar_urls()));
part!(Avatars, |latchkey| latchkey.avatars().await);
part!(Accounts, |latchkey| latchkey.accounts().await);
part!(Challenges, |latchkey, request| {
    Ok(latchkey.challenges().await?.called_from(page(request)))
});
part!(Roles, |latchkey| Ok(latchkey.roles()));
part!(PasswordSignIns, |latchkey| latchkey.password_sign_ins().await);
part!(Passkeys, |latchkey| latchkey.passkeys().await);
part!(SecondFactors, |latchkey| latchkey.second_factors().await);
part!(Sessions, |latchkey| latchkey.sessions().await);
part!(Users, |latchkey| latchkey.users().await);
part!(AccessTokens, |latchkey| Ok(latchkey.access_tokens()));
part!(LiveSessions, |latchkey| Ok(latchkey.live_sessions()));
part!(Devices, |latchkey| latchkey.devices().await);
part!(PushedRequests, |latchkey| Ok(latchkey.pushed_requests()));
part!(WaitingMoves, |latchkey| Ok(latchkey.waiting_moves()));
part!(Directory, |latchkey| Ok(latchkey.directory()));
part!(Inventory, |latchkey| Ok(latchkey.inventory()));
part!(Clock, |latchkey| Ok(latchkey.clock().clone()));

/// The settings, as an extractor.
#[derive(Clone)]
pub struct CurrentSettings(pub Arc<Settings>);
part!(CurrentSettings, |latchkey| Ok(Self(latchkey.settings().clone())));

/// The hash keys, as an extractor.
#[derive(Clone)]
pub struct CurrentHashKeys(pub Arc<HashKeys>);
part!(CurrentHashKeys, |latchkey| Ok(Self(latchkey.hash_keys().await?)));

/// The audit trail of this request, before its app is known.
pub struct Trail {
    audit: Audit,
    client: Client,
}

impl Trail {
    /// The audit trail of a request whose client is the one that it comes from.
    pub fn recorder(self) -> Recorder {
        Recorder::new(self.audit, self.client.into_device())
    }

    /// The IP address that the request comes from.
    pub fn ip(&self) -> Option<&str> {
        self.client.ip.as_deref()
    }

    /// The audit trail of a request by `app`, for the client that [`Client::served_by`] finds.
    ///
    /// # Errors
    /// As [`Client::served_by`].
    pub fn served_by<'a>(self, app: impl Into<Option<&'a App>>) -> Result<Recorder, Error> {
        Ok(Recorder::new(self.audit, self.client.served_by(app)?.into_device()))
    }
}

impl FromRequestParts<Latchkey> for Trail {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, latchkey: &Latchkey) -> Result<Self, Error> {
        let Ok(client) = Client::from_request_parts(request, latchkey).await;
        Ok(Self { audit: latchkey.audit(), client })
    }
}

/// The audit trail of this request.
impl FromRequestParts<Latchkey> for Recorder {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, latchkey: &Latchkey) -> Result<Self, Error> {
        let Ok(client) = Client::from_request_parts(request, latchkey).await;
        Ok(Self::new(latchkey.audit(), client.into_device()))
    }
}
