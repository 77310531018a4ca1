//! Parts and parameters as extractors.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts as RequestParts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Client, form::parse_urlencoded};
use crate::{
    accounts::Accounts,
    administration::Users,
    apps::Apps,
    audit::{Audit, Recorder},
    avatars::{AvatarUrls, Avatars},
    base::{Clock, Error},
    challenges::Challenges,
    crypto::HashKeys,
    latchkey::Parts,
    messages::Messenger,
    roles::Roles,
    second_factors::SecondFactors,
    sessions::Sessions,
    settings::Settings,
    table::Store,
    tokens::AccessTokens,
};

/// The id in the path, a UUID.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, state: &S) -> Result<Self, Error> {
        let (name, value) = parameter(request, state).await?;
        Uuid::try_parse(&value).map(Self).map_err(|_| Error::field(name, "must be a UUID"))
    }
}

/// The name in the path.
#[derive(Clone, Debug)]
pub struct PathName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, state: &S) -> Result<Self, Error> {
        parameter(request, state).await.map(|(_, value)| Self(value))
    }
}

/// The one parameter of the path, its name and its decoded value.
async fn parameter<S: Send + Sync>(request: &mut RequestParts, state: &S) -> Result<(String, String), Error> {
    let parameters = RawPathParams::from_request_parts(request, state)
        .await
        // Not UTF-8: no such thing can be here.
        .map_err(|_| Error::NotFound)?;
    let (name, value) = parameters.iter().next().ok_or_else(|| Error::Internal("a path without a parameter".into()))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The query, strictly: what `T` does not know is refused.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, _: &S) -> Result<Self, Error> {
        parse_urlencoded(request.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// Each part is an extractor: a handler's signature says what it is made of.
macro_rules! part {
    ($part:ty, |$parts:ident| $make:expr) => {
        impl FromRequestParts<Parts> for $part {
            type Rejection = Error;

            async fn from_request_parts(_: &mut RequestParts, $parts: &Parts) -> Result<Self, Error> {
                $make
            }
        }
    };
}

part!(Store, |parts| Ok(parts.store().clone()));
part!(Messenger, |parts| parts.messenger());
part!(Apps, |parts| Ok(parts.apps()));
part!(Audit, |parts| Ok(parts.audit()));
part!(AvatarUrls, |parts| Ok(parts.avatar_urls()));
part!(Avatars, |parts| parts.avatars().await);
part!(Accounts, |parts| parts.accounts().await);
part!(Challenges, |parts| parts.challenges().await);
part!(Roles, |parts| Ok(parts.roles()));
part!(SecondFactors, |parts| parts.second_factors().await);
part!(Sessions, |parts| parts.sessions().await);
part!(Users, |parts| parts.users().await);
part!(AccessTokens, |parts| Ok(parts.access_tokens()));
part!(Clock, |parts| Ok(parts.clock().clone()));

/// The settings, as an extractor.
#[derive(Clone)]
pub struct CurrentSettings(pub Arc<Settings>);
part!(CurrentSettings, |parts| Ok(Self(parts.settings().clone())));

/// The hash keys, as an extractor.
#[derive(Clone)]
pub struct CurrentHashKeys(pub Arc<HashKeys>);
part!(CurrentHashKeys, |parts| Ok(Self(parts.hash_keys().await?)));

/// The audit trail of this request.
impl FromRequestParts<Parts> for Recorder {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, parts: &Parts) -> Result<Self, Error> {
        let Ok(client) = Client::from_request_parts(request, parts).await;
        Ok(Self::new(parts.audit(), client.into_device()))
    }
}
