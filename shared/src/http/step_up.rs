//! Step-up: how strong and how recent a sign-in has to be for an operation (RFC 9470).

use axum::extract::MatchedPath;
use http::{Method, request::Parts};
use jiff::Timestamp;

use crate::{
    administration::AdministrationSettings,
    base::Error,
    tokens::Claims,
    users::{AuthenticationMethod, FRESH_SECONDS, User},
};

/// The operations on one's own account that could shut the owner out, or let somebody else in.
const OWN: [(Method, &str); 6] = [
    (Method::DELETE, "/v1/me"),
    (Method::POST, "/v1/me/email"),
    (Method::POST, "/v1/me/phone"),
    (Method::POST, "/v1/me/totp"),
    (Method::POST, "/v1/me/passkeys/options"),
    (Method::POST, "/v1/me/passkeys"),
];

/// The demands of an operation on the sign-in behind the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// Whether users without a second factor must set one up first. Users who have one always need
    /// a token with both factors.
    pub requires_factor: bool,
    /// Whether users with a passkey have to use it, or another second factor.
    pub asks_for_passkey: bool,
    /// The greatest age of the sign-in, in seconds; `None` if the age does not matter.
    pub max_age: Option<i64>,
}

impl StepUp {
    /// For changes of one's own account.
    pub const OWN: Self =
        Self { requires_factor: false, asks_for_passkey: false, max_age: Some(FRESH_SECONDS) };

    /// The demands of an operation on one's own account; `None` if it needs no step-up.
    pub fn of_own(method: &Method, path: &str) -> Option<Self> {
        OWN.iter().any(|row| *row == (method.clone(), path)).then_some(Self::OWN)
    }

    /// The demands of an operation that needs a permission. Changes need a recent sign-in.
    pub fn of_administration(method: &Method, settings: &AdministrationSettings) -> Self {
        Self {
            requires_factor: settings.requires_mfa,
            asks_for_passkey: true,
            max_age: (*method != Method::GET).then_some(settings.max_age_seconds),
        }
    }

    /// Checks the sign-in behind a token.
    ///
    /// # Errors
    /// [`Error::FreshSignInNeeded`] if it is too old, or lacks the second factor.
    pub fn check(self, user: &User, claims: &Claims, now: Timestamp) -> Result<(), Error> {
        let has_passkey = self.asks_for_passkey && !user.passkeys.is_empty();
        let multi_factor = user.totp || has_passkey || self.requires_factor;
        let lacks_factor = multi_factor && !claims.amr.contains(&AuthenticationMethod::Mfa);
        let is_old = self.max_age.is_some_and(|age| claims.auth_time + age <= now.as_second());
        if lacks_factor || is_old {
            return Err(Error::FreshSignInNeeded { multi_factor, max_age: self.max_age });
        }
        Ok(())
    }
}

/// The demands of the route of a request, if its caller acts on their own account.
pub(super) fn of_own_route(request: &Parts) -> Option<StepUp> {
    let path = request.extensions.get::<MatchedPath>()?;
    StepUp::of_own(&request.method, path.as_str())
}
