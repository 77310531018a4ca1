//! Who may call: an extractor that cannot be built for anyone else.

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

/// A signed-in user, whose session lives and who is not disabled: read from the store at this request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// What the token says.
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
    /// For what only a fresh sign-in may do, one with both factors where the user has two (RFC 9470).
    ///
    /// # Errors
    /// [`Error::FreshSignInNeeded`] where the sign-in is older than ten minutes or lacks the second factor.
    pub fn require_fresh_sign_in(&self, now: Timestamp) -> Result<(), Error> {
        let lacks_factor = self.user.totp && !self.claims.amr.contains(&AuthenticationMethod::Mfa);
        if lacks_factor || self.claims.auth_time + FRESH_SECONDS <= now.as_second() {
            return Err(Error::FreshSignInNeeded { multi_factor: self.user.totp });
        }
        Ok(())
    }
}

impl Caller {
    /// What the caller does to himself, for the audit trail.
    pub fn own_activity(&self, action: Action) -> Activity {
        Activity::own(action, self.user.id, &self.claims.client_id)
    }

    /// What the caller does to somebody or something else, for the audit trail.
    pub fn activity(&self, action: Action, target: String) -> Activity {
        Activity::to(action, self.user.id, target, &self.claims.client_id)
    }
}

/// The token of the one `Authorization` header (RFC 6750 §2.1).
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
