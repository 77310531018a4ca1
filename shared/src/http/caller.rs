//! The signed-in caller of a request, as an extractor that exists for nobody else.

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use http::{HeaderValue, header, request::Parts};
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    form::{FORM, parse_urlencoded},
    json::{check_content_type, read},
    problem::FIRST_PARTY,
    step_up::{self, StepUp},
};
use crate::{
    audit::{Action, Activity},
    base::Error,
    latchkey::Latchkey,
    tokens::Claims,
    users::{Session, User},
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
        if caller.session().is_some_and(Session::is_third_party) && !is_userinfo(request) {
            return Err(Error::Forbidden(FIRST_PARTY.to_owned()));
        }
        if let Some(needed) = step_up::of_own_route(request) {
            caller.require(needed, latchkey.clock().now())?;
        }
        Ok(caller)
    }
}

/// A [`Caller`] whose token is in the header or in a form (RFC 6750 §2.2).
#[derive(Clone, Debug)]
pub struct CallerOfForm(pub Caller);

/// A form with a token. Other parameters are ignored.
#[derive(Deserialize)]
struct TokenForm {
    access_token: Option<String>,
}

impl FromRequest<Latchkey> for CallerOfForm {
    type Rejection = Error;

    async fn from_request(request: Request, latchkey: &Latchkey) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let (_, body) = read(Request::new(body)).await?;
        if let (false, Err(refusal)) = (body.is_empty(), check_content_type(&parts.headers, FORM)) {
            // Strangers learn nothing about the body.
            Caller::from_request_parts(&mut parts, latchkey).await?;
            return Err(refusal);
        }
        let form: TokenForm = parse_urlencoded(&body)?;
        let token = form.access_token.filter(|token| !token.is_empty());

        if let Some(token) = token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let bearer = bearer.map_err(|_| Error::TokenInvalid)?;
            if parts.headers.insert(header::AUTHORIZATION, bearer).is_some() {
                let text = "must not be sent both here and in the Authorization header";
                return Err(Error::field("access_token", text));
            }
        }
        Caller::from_request_parts(&mut parts, latchkey).await.map(Self)
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
    /// The session of the token.
    pub fn session(&self) -> Option<&Session> {
        self.user.sessions.get(&self.claims.sid)
    }

    /// An action of the caller on themselves, for the audit trail.
    pub fn own_activity(&self, action: Action) -> Activity {
        Activity::own(action, self.user.id, &self.claims.client_id)
    }

    /// An action of the caller on `target`, for the audit trail.
    pub fn activity(&self, action: Action, target: String) -> Activity {
        Activity::to(action, self.user.id, target, &self.claims.client_id)
    }
}

/// Whether a request is for the claims about the person, which is all that a third-party app gets.
fn is_userinfo(request: &Parts) -> bool {
    request.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str() == "/oauth2/userinfo")
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
