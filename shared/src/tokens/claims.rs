//! The claims of access tokens.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    apps::TokenClaims,
    base::Error,
    roles::Permissions,
    users::{AuthenticationMethod, Grant, Session, User, asks_for, assurance_level},
};

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer: the setting `ISSUER`.
    pub iss: String,
    /// The user's id.
    pub sub: Uuid,
    /// The app that the token is for: the same as `client_id`.
    pub aud: String,
    /// The app that the token was issued to.
    pub client_id: String,
    /// When the token was issued, in seconds since 1970.
    pub iat: i64,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uuid,
    /// The id of the session.
    pub sid: Uuid,
    /// The user's roles in the app.
    pub roles: Vec<String>,
    /// The permissions that the roles grant, separated by spaces; `None` if the token would be too
    /// long with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How the user signed in.
    pub amr: Vec<AuthenticationMethod>,
    /// The assurance level of the sign-in: `aal1` or `aal2`.
    pub acr: String,
    /// When the user signed in, in seconds since 1970.
    pub auth_time: i64,
    /// Whether `scope` has less than the session was granted: the app asked for less.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// The claims that the app takes from the user's metadata. Nothing here reads them.
    #[serde(flatten, skip_deserializing)]
    pub of_app: Map<String, Value>,
}

/// The claims of a JWT (RFC 7519 §3) from somebody who is trusted otherwise: nothing is verified. `None`
/// if it has another form.
pub(crate) fn unverified<T: DeserializeOwned>(token: &str) -> Option<T> {
    let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// The claims of a verified token that its app takes from the user's metadata: all that no
/// specification knows.
pub fn claims_of_app(token: &str) -> Map<String, Value> {
    let mut claims: Map<String, Value> = unverified(token).unwrap_or_default();
    claims.retain(|name, _| !TokenClaims::is_registered(name));
    claims
}

/// The scopes of a session with this `grant`, separated by spaces: those of OpenID Connect that were
/// granted, and those of the user's `permissions` that the app has.
pub fn scope_of(permissions: &Permissions, grant: Option<&Grant>) -> String {
    let granted = grant.into_iter().flat_map(Grant::open_id_scopes);
    let permitted = permissions.names.iter().map(String::as_str);
    let permitted = permitted.filter(|name| grant.is_none_or(|grant| grant.permits(name)));
    granted.chain(permitted).collect::<Vec<_>>().join(" ")
}

/// Whether a scope is among others.
fn has(scopes: &str, scope: &str) -> bool {
    scopes.split(' ').any(|one| one == scope)
}

impl Claims {
    /// The claims of a token for a session, issued at `now` and still without permissions.
    pub fn new(
        issuer: &str,
        user: &User,
        (sid, session): (Uuid, &Session),
        jti: Uuid,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub: user.id,
            aud: session.client_id.clone(),
            client_id: session.client_id.clone(),
            iat: now.as_second(),
            exp: now.as_second() + ttl_seconds,
            jti,
            sid,
            scope: None,
            narrowed: false,
            roles: user.roles_of(sid),
            acr: assurance_level(&session.amr).to_owned(),
            amr: session.amr.clone(),
            auth_time: session.signed_in_at().as_second(),
            of_app: Map::new(),
        }
    }

    /// Returns the claims with the scopes of a session with this `grant` ([`scope_of`]), and without the
    /// roles that are switched off.
    #[must_use]
    pub fn permitting(mut self, permissions: &Permissions, grant: Option<&Grant>) -> Self {
        self.scope = Some(scope_of(permissions, grant));
        self.roles = permissions.active_roles(self.roles);
        self
    }

    /// Returns the claims with those permissions alone that a first request asks for, if it asks for
    /// any (RFC 6749 §3.3). One that the user does not have is left out.
    #[must_use]
    pub fn asking(mut self, asked: Option<&str>) -> Self {
        if let (Some(scope), Some(asked)) = (&self.scope, asked) {
            let kept = scope.split(' ').filter(|name| asks_for(asked, name));
            let kept = kept.collect::<Vec<_>>().join(" ");
            self.narrowed |= kept != *scope;
            self.scope = Some(kept);
        }
        self
    }

    /// Whether the token has a permission that its user has now. `grant` is that of its session.
    pub fn permits(&self, permission: &str, grant: Option<&Grant>) -> bool {
        grant.is_none_or(|grant| grant.permits(permission)) && self.keeps(permission)
    }

    /// The scopes that the token has now, as [`scope_of`] its session, unless its app asked for less.
    pub fn scope_now(&self, permissions: &Permissions, grant: Option<&Grant>) -> String {
        let all = scope_of(permissions, grant);
        all.split(' ').filter(|scope| self.keeps(scope)).collect::<Vec<_>>().join(" ")
    }

    /// Whether a scope of its session was left to the token. One without `scope` has all: they were
    /// too long.
    fn keeps(&self, scope: &str) -> bool {
        let left = self.scope.as_deref().filter(|_| self.narrowed);
        left.is_none_or(|left| has(left, scope))
    }

    /// Returns the claims with those scopes alone that a refresh asks for, separated by spaces; all of
    /// them if it asks for none (RFC 6749 §6).
    ///
    /// # Errors
    /// [`Error::InvalidScope`] if it asks for another one.
    pub fn narrowed(mut self, asked: Option<&str>) -> Result<Self, Error> {
        let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else { return Ok(self) };
        let granted = self.scope.take().unwrap_or_default();
        let mut words = asked.split(' ').filter(|scope| !scope.is_empty());
        if !words.all(|scope| has(&granted, scope)) {
            return Err(Error::InvalidScope);
        }
        let kept = granted.split(' ').filter(|scope| has(asked, scope));
        let kept = kept.collect::<Vec<_>>().join(" ");
        self.narrowed |= kept != granted;
        self.scope = Some(kept);
        Ok(self)
    }

    /// The scopes of OpenID Connect in `grant` that a refresh has left to the token.
    pub fn left_of(&self, grant: &Grant) -> String {
        grant.open_id_scopes().filter(|scope| self.keeps(scope)).collect::<Vec<_>>().join(" ")
    }
}
