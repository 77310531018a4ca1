//! The credentials of the app that calls, by HTTP Basic (RFC 6749 §2.3.1).

use axum::extract::FromRequestParts;
use data_encoding::BASE64;
use http::{HeaderValue, header, request::Parts};
use percent_encoding::percent_decode_str;

use crate::{
    apps::{AppSecret, ClientCredentials},
    base::Error,
};

/// The credentials in the `Authorization` header; `None` if it has another scheme or an empty
/// `client_id`.
pub struct Credentials(pub Option<ClientCredentials>);

impl<S: Sync> FromRequestParts<S> for Credentials {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut values =
            request.headers.get_all(header::AUTHORIZATION).iter().filter(|value| is_basic(value));
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Error::InvalidClient);
        }
        let read = read(value).ok_or(Error::InvalidClient)?;
        Ok(Self(Some(read).filter(|credentials| !credentials.client_id.is_empty())))
    }
}

/// The app that a request names, and its credentials. Nothing of it is verified yet.
pub struct ClaimedApp {
    /// The `client_id` of the form or the credentials.
    pub client_id: Option<String>,
    /// The credentials, from the form or the header.
    pub credentials: Option<ClientCredentials>,
}

impl Credentials {
    /// Joins the header with `client_id` and `client_secret` of a form. Empty ones count as missing
    /// (RFC 6749 §3.2).
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if a secret is in both places (RFC 6749 §2.3), or in the form
    /// without a `client_id`.
    pub fn or_form(
        self,
        client_id: Option<String>,
        secret: Option<String>,
    ) -> Result<ClaimedApp, Error> {
        let client_id = client_id.filter(|id| !id.is_empty());

        let credentials = match (self.0, secret.filter(|secret| !secret.is_empty())) {
            (Some(_), Some(_)) => {
                return Err(Error::field(
                    "client_secret",
                    "must not be sent both here and in the Authorization header",
                ));
            }
            (basic, None) => basic,
            (None, Some(secret)) => {
                let client_id =
                    client_id.clone().ok_or_else(|| Error::field("client_id", "is missing"))?;
                Some(ClientCredentials { client_id, secret: AppSecret::sent(secret) })
            }
        };

        let client_id = client_id
            .or_else(|| credentials.as_ref().map(|credentials| credentials.client_id.clone()));
        Ok(ClaimedApp { client_id, credentials })
    }
}

/// Whether an `Authorization` header has the scheme `Basic`.
pub(super) fn is_basic(value: &HeaderValue) -> bool {
    value.as_bytes().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Basic "))
}

/// Reads the header. Both halves are form-encoded before they are joined.
fn read(value: &HeaderValue) -> Option<ClientCredentials> {
    let (_, encoded) = value.to_str().ok()?.split_once(' ')?;
    let joined = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (client_id, secret) = joined.split_once(':')?;
    let decoded =
        |half: &str| percent_decode_str(half).decode_utf8().ok().map(|half| half.into_owned());
    Some(ClientCredentials {
        client_id: decoded(client_id)?,
        secret: AppSecret::sent(decoded(secret)?),
    })
}
