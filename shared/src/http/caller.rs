//! The signed-in caller of a request, as an extractor that exists for nobody else.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use jiff::Timestamp;

use crate::{
    audit::{Action, Activity},
    base::Error,
    latchkey::Latchkey,
    tokens::Claims,
    users::{AuthenticationMethod, FRESH_SECONDS, User},
};

/// A signed-in user who is not disabled and whose session has not ended. Both are read from the
/// store at each request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// The claims of the token.
    pub claims: Claims,
}

impl FromRequestParts<Latchkey> for Caller {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, latchkey: &Latchkey) -> Result<Self, Error> {
        let (user, claims) = latchkey.access_tokens().caller(bearer(request)?).await?;
        Ok(Self { user, claims })
    }
}

impl Caller {
    /// Step-up: requires a fresh sign-in, with both factors if the user has two (RFC 9470).
    ///
    /// # Errors
    /// [`Error::FreshSignInNeeded`] if the sign-in is ten minutes old or more, or lacks the second
    /// factor.
    pub fn require_fresh_sign_in(&self, now: Timestamp) -> Result<(), Error> {
        let lacks_factor = self.user.totp && !self.claims.amr.contains(&AuthenticationMethod::Mfa);
        if lacks_factor || self.claims.auth_time + FRESH_SECONDS <= now.as_second() {
            return Err(Error::FreshSignInNeeded { multi_factor: self.user.totp });
        }
        Ok(())
    }
}

impl Caller {
    /// An action of the caller on themselves, for the audit trail.
    pub fn own_activity(&self, action: Action) -> Activity {
        Activity::own(action, self.user.id, &self.claims.client_id)
    }

    /// An action of the caller on `target`, for the audit trail.
    pub fn activity(&self, action: Action, target: String) -> Activity {
        Activity::to(action, self.user.id, target, &self.claims.client_id)
    }
}

/// The token in the only `Authorization` header (RFC 6750 §2.1).
///
/// # Errors
/// [`Error::TokenMissing`] without the header; [`Error::TokenInvalid`] for several headers or
/// another scheme.
fn bearer(request: &Parts) -> Result<&str, Error> {
    let mut values = request.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Error::TokenMissing)?;
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Error::TokenInvalid)?;

    if values.next().is_some() || !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Error::TokenInvalid);
    }
    Ok(token.trim())
}
