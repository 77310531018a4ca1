//! The Lambda authorizer: lets other HTTP APIs accept our access tokens.
//!
//! It takes API Gateway's payload format 2.0 and returns the simple response. An API that uses it
//! can set two stage variables:
//!
//! - `latchkey_client_id`: the app whose tokens the API accepts, or several apps separated by
//!   commas. Without it the API accepts the tokens of every app and must check `client_id` in the
//!   context itself.
//! - `latchkey_permissions`: what each route requires, as in
//!   `GET/orders=orders:read,POST/orders/:id=orders:write&acr=aal2&max_age=900`: permissions, both
//!   factors (`acr=aal2`), and the greatest age of the sign-in in seconds. `GET/menu=` requires only
//!   a valid token. A route that is not listed is refused, so that a misspelled one is not open. If
//!   the list cannot be read, every request is refused.
//!
//! API Gateway caches responses under the identity source, so everything that a response depends on
//! must be part of it: the token, unless there is no identity source and so no cache; and, with
//! `latchkey_permissions`, the route, `$context.routeKey`. If something is missing, every request
//! is refused.

use std::{collections::BTreeMap, pin::Pin};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    base::Error,
    latchkey::Latchkey,
    tokens::{MachineClaims, claims_of_app},
    users::{MULTI_FACTOR, MetadataObject},
};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The stage variable that names the apps.
const APPS_VARIABLE: &str = "latchkey_client_id";
/// The stage variable that names the permissions.
const PERMISSIONS_VARIABLE: &str = "latchkey_permissions";

/// The request of API Gateway (payload format 2.0), with the fields that are used here.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    /// The values of the identity source, if there is one.
    #[serde(default)]
    identity_source: Option<Vec<String>>,
    /// The route, like `GET /orders/{id}`.
    #[serde(default)]
    route_key: Option<String>,
    /// The headers, with names in lower case.
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    /// The variables of the API's stage.
    #[serde(default)]
    stage_variables: Option<BTreeMap<String, String>>,
}

/// The simple response of an authorizer.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerResponse {
    /// Whether the request may pass.
    is_authorized: bool,
    /// The user and the session of a request that may pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<AuthorizerContext>,
}

/// The context that the protected API gets: `$context.authorizer.…`, or
/// `requestContext.authorizer.lambda` in a Lambda.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct AuthorizerContext {
    /// The user's id; for the token of the grant `client_credentials`, the app.
    sub: String,
    /// The app that the token was issued to.
    client_id: String,
    /// The user's roles in the app, without those that are switched off.
    roles: Vec<String>,
    /// The permissions of these roles; without a user, the scopes of the token.
    permissions: Vec<String>,
    /// The id of the session; absent without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// How strongly the user was recognised: `aal2` with a second factor, else `aal1`; absent without
    /// a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    /// When the user signed in, in seconds since 1970; absent without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    /// The claims that the app takes from the user's metadata, as the token has them; absent if there
    /// are none.
    #[serde(skip_serializing_if = "MetadataObject::is_empty")]
    claims: MetadataObject,
}

/// An [`authorize`] that is running, boxed for the same reason as [`shared::http::lambda::Warm`].
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<AuthorizerResponse, Error>> + 'a>>;

/// Runs [`authorize`] for API Gateway.
pub fn answer<'a>(latchkey: &'a Latchkey, request: &'a AuthorizerRequest) -> Answering<'a> {
    Box::pin(authorize(latchkey, request))
}

/// Whether a request may pass. It may if its token is valid and not expired, its session has not
/// ended, the user is not disabled and the app is on. All this is read from the store at each call.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`] if this cannot be checked. The request does not
/// pass.
pub async fn authorize(
    latchkey: &Latchkey,
    request: &AuthorizerRequest,
) -> Result<AuthorizerResponse, Error> {
    let Some(token) = request.token() else { return Ok(AuthorizerResponse::default()) };
    let Some(context) = context(latchkey, token).await? else {
        return Ok(AuthorizerResponse::default());
    };

    let held = Held { context: &context, now: latchkey.clock().now() };
    if !request.is_for_app(&context.client_id) || !request.is_permitted(&held) {
        return Ok(AuthorizerResponse::default());
    }
    Ok(AuthorizerResponse { is_authorized: true, context: Some(context) })
}

/// The content of a token of a user or a machine, as it is now. `None` if it does not work.
async fn context(latchkey: &Latchkey, token: &str) -> Result<Option<AuthorizerContext>, Error> {
    let access_tokens = latchkey.access_tokens();
    let (user, claims) = match access_tokens.caller(token).await {
        Ok(caller) => caller,
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
        Err(_) => {
            let claims = access_tokens.machine(token).await?;
            return Ok(claims.map(AuthorizerContext::of_machine));
        }
    };

    let roles = user.roles_of(claims.sid);
    let permitted = latchkey.roles().permissions(&roles).await?;
    let grant = user.sessions.get(&claims.sid).and_then(|session| session.grant.as_ref());
    let permissions = permitted.names.iter().filter(|name| claims.permits(name, grant));
    let permissions = permissions.cloned().collect();
    Ok(Some(AuthorizerContext {
        sub: user.id.to_string(),
        client_id: claims.client_id,
        roles: permitted.active_roles(roles),
        permissions,
        sid: Some(claims.sid),
        acr: Some(claims.acr),
        auth_time: Some(claims.auth_time),
        claims: claims_of_app(token),
    }))
}

impl AuthorizerContext {
    fn of_machine(claims: MachineClaims) -> Self {
        let permissions = claims.scopes().map(str::to_owned).collect();
        Self {
            sub: claims.sub,
            client_id: claims.client_id,
            roles: Vec::new(),
            permissions,
            sid: None,
            acr: None,
            auth_time: None,
            claims: MetadataObject::new(),
        }
    }
}

impl AuthorizerRequest {
    /// The token in the identity source or, if there is no identity source, in the `Authorization`
    /// header. If there is one without the token, the token in the header must not count: API
    /// Gateway would return the cached response to everybody with the same identity source.
    fn token(&self) -> Option<&str> {
        let header = self.headers.as_ref().and_then(|headers| headers.get("authorization"));
        let header = header.filter(|_| self.identity_source.as_ref().is_none_or(Vec::is_empty));

        let mut values = self.identity_source.iter().flatten().chain(header);
        let (_, token) = values.find_map(|value| {
            value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        })?;
        Some(token.trim())
    }

    /// The value of a stage variable.
    fn variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether the API accepts tokens of an app.
    fn is_for_app(&self, client_id: &str) -> bool {
        let apps = self.variable(APPS_VARIABLE);
        apps.is_none_or(|apps| apps.split(',').any(|accepted| accepted.trim() == client_id))
    }

    /// Whether the token has all that the API requires for the route.
    fn is_permitted(&self, held: &Held<'_>) -> bool {
        let Some(needed) = self.variable(PERMISSIONS_VARIABLE) else { return true };
        let Some(route) = self.route_key.as_deref() else { return false };
        if !self.identity_source.iter().flatten().any(|value| value == route) {
            tracing::error!(
                "every request is refused: an API with {PERMISSIONS_VARIABLE} needs \
                 $context.routeKey in its identity source"
            );
            return false;
        }

        let entries: Option<Vec<_>> = needed.split(',').map(read_entry).collect();
        let Some(entries) = entries else { return false };
        // Stage variables cannot contain spaces, braces and dollar signs.
        let route = route.replace([' ', '}', '$'], "").replace('{', ":");
        let mut of_route =
            entries.iter().filter(|(named, _)| named.replace('$', "") == route).peekable();
        of_route.peek().is_some() && of_route.all(|(_, needed)| held.has_all(needed))
    }
}

/// A route, and all that it requires, separated by `&`. Logs what cannot be read.
fn read_entry(entry: &str) -> Option<(&str, Vec<Needed<'_>>)> {
    let read = entry.trim().split_once('=').and_then(|(route, needed)| {
        let needed = needed.split('&').filter(|it| !it.is_empty()).map(Needed::read);
        Some((route, needed.collect::<Option<Vec<_>>>()?))
    });
    if read.is_none() {
        tracing::error!(
            entry,
            "every request is refused: an entry of {PERMISSIONS_VARIABLE} is not a route and what \
             it requires, like GET/orders=orders:read&acr=aal2&max_age=900"
        );
    }
    read
}

/// A requirement of a route.
enum Needed<'a> {
    Permission(&'a str),
    /// Both factors.
    MultiFactor,
    /// The greatest age of the sign-in, in seconds.
    MaxAge(i64),
}

impl<'a> Needed<'a> {
    fn read(text: &'a str) -> Option<Self> {
        match text.split_once('=') {
            None => Some(Self::Permission(text)),
            Some(("acr", MULTI_FACTOR)) => Some(Self::MultiFactor),
            Some(("max_age", seconds)) => seconds.parse().ok().map(Self::MaxAge),
            Some(_) => None,
        }
    }
}

/// The token of a request, as its route judges it. Nobody has signed in for a machine, so it has
/// neither two factors nor a recent sign-in.
struct Held<'a> {
    context: &'a AuthorizerContext,
    now: Timestamp,
}

impl Held<'_> {
    fn has_all(&self, needed: &[Needed<'_>]) -> bool {
        let AuthorizerContext { permissions, acr, auth_time, .. } = self.context;
        needed.iter().all(|needed| match needed {
            Needed::Permission(permission) => permissions.iter().any(|it| it == permission),
            Needed::MultiFactor => acr.as_deref() == Some(MULTI_FACTOR),
            Needed::MaxAge(seconds) => {
                auth_time.is_some_and(|signed_in| signed_in + seconds > self.now.as_second())
            }
        })
    }
}
