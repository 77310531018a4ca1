//! The signed-in caller of a request, as an extractor that exists for nobody else.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use jiff::Timestamp;

use super::step_up::{self, StepUp};
use crate::{
    audit::{Action, Activity},
    base::Error,
    latchkey::Latchkey,
    tokens::Claims,
    users::User,
};

/// A signed-in user who is not disabled and whose session has not ended. Both are read from the
/// store at each request. If the operation needs step-up, the sign-in is recent and strong enough.
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
        let caller = Self { user, claims };
        if let Some(needed) = step_up::of_own_route(request) {
            caller.require(needed, latchkey.clock().now())?;
        }
        Ok(caller)
    }
}

impl Caller {
    /// Requires a sign-in as strong and as recent as an operation needs. The extractors do this by
    /// the table in `step_up.rs`; this is for operations that need it only sometimes.
    ///
    /// # Errors
    /// As [`StepUp::check`].
    pub fn require(&self, needed: StepUp, now: Timestamp) -> Result<(), Error> {
        needed.check(&self.user, &self.claims, now)
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
