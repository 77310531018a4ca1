//! The Lambda authorizer: guards other HTTP APIs by our access tokens.
//!
//! It takes API Gateway's payload format 2.0 and answers in the simple form. An API that uses it names
//! itself in two stage variables, both optional:
//!
//! - `latchkey_client_id`: the app whose tokens open it, or several separated by commas. Without it every
//!   app's tokens do, and the API must look at `client_id` in the context.
//! - `latchkey_permissions`: what routes need, as `GET/orders=orders:read,POST/orders/:id=orders:write`; a
//!   route that is not named needs a good token alone. Where the list cannot be read, everything is refused.
//!
//! API Gateway remembers answers by the identity source, so what an answer rests on has to be part of it:
//! the token, unless there is no identity source and thus no memory; and with `latchkey_permissions` the
//! route, `$context.routeKey`. Where it is not, everything is refused.

use std::{collections::BTreeMap, pin::Pin};

use serde::{Deserialize, Serialize};
use shared::{base::Error, latchkey::Latchkey, tokens::Claims};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The stage variable that names the apps.
const APPS_VARIABLE: &str = "latchkey_client_id";
/// The stage variable that names the permissions.
const PERMISSIONS_VARIABLE: &str = "latchkey_permissions";

/// What API Gateway asks (payload format 2.0), as far as it matters.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    /// The values of the identity source.
    #[serde(default)]
    identity_source: Option<Vec<String>>,
    /// The route, as `GET /orders/{id}`.
    #[serde(default)]
    route_key: Option<String>,
    /// The headers, their names in lower case.
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    stage_variables: Option<BTreeMap<String, String>>,
}

/// The simple response.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerResponse {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<AuthorizerContext>,
}

/// What the guarded API learns: `$context.authorizer.…`, `requestContext.authorizer.lambda` in a Lambda.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct AuthorizerContext {
    sub: Uuid,
    client_id: String,
    /// The user's roles in the app, without those that are switched off.
    roles: Vec<String>,
    /// What those permit.
    permissions: Vec<String>,
    sid: Uuid,
    auth_time: i64,
}

/// A [`authorize`] under way, boxed for the same reason as [`shared::http::lambda::Warm`].
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<AuthorizerResponse, Error>> + 'a>>;

/// Answers API Gateway: [`authorize`].
pub fn answer<'a>(latchkey: &'a Latchkey, request: &'a AuthorizerRequest) -> Answering<'a> {
    Box::pin(authorize(latchkey, request))
}

/// Whether a request may pass. The token is good, its session lives, the user is not disabled and the app
/// is on, as the store has it now.
///
/// # Errors
/// [`Error::Unavailable`] where that cannot be told: nothing passes.
pub async fn authorize(
    latchkey: &Latchkey,
    request: &AuthorizerRequest,
) -> Result<AuthorizerResponse, Error> {
    let Some(token) = request.token() else { return Ok(AuthorizerResponse::default()) };
    let (user, claims) = match latchkey.access_tokens().caller(token).await {
        Ok(caller) => caller,
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
        Err(_) => return Ok(AuthorizerResponse::default()),
    };
    let roles = user.roles_in(&claims.client_id);
    let permitted = latchkey.roles().permissions(&roles).await?;
    let roles = permitted.active_roles(roles);
    let permissions = permitted.names.into_iter().collect::<Vec<_>>();
    if !request.is_for_app(&claims) || !request.is_permitted(&permissions) {
        return Ok(AuthorizerResponse::default());
    }
    let Claims { client_id, sid, auth_time, .. } = claims;
    let context = AuthorizerContext { sub: user.id, client_id, roles, permissions, sid, auth_time };
    Ok(AuthorizerResponse { is_authorized: true, context: Some(context) })
}

impl AuthorizerRequest {
    /// The token of the identity source or, where there is none, of the header. A token that is in the
    /// header alone would be remembered for whoever else has the same identity source.
    fn token(&self) -> Option<&str> {
        let header = self.headers.as_ref().and_then(|headers| headers.get("authorization"));
        let header = header.filter(|_| self.identity_source.as_ref().is_none_or(Vec::is_empty));
        let mut values = self.identity_source.iter().flatten().chain(header);
        let (_, token) = values.find_map(|value| {
            value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        })?;
        Some(token.trim())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.as_ref()?.get(name).map(String::as_str)
    }

    fn is_for_app(&self, claims: &Claims) -> bool {
        let apps = self.variable(APPS_VARIABLE);
        apps.is_none_or(|apps| {
            apps.split(',').any(|client_id| client_id.trim() == claims.client_id)
        })
    }

    fn is_permitted(&self, permissions: &[String]) -> bool {
        let Some(needed) = self.variable(PERMISSIONS_VARIABLE) else { return true };
        let Some(route) = self.route_key.as_deref() else { return false };
        if !self.identity_source.iter().flatten().any(|value| value == route) {
            tracing::error!(
                "an API with {PERMISSIONS_VARIABLE} needs $context.routeKey in its identity source"
            );
            return false;
        }
        // Stage variables hold neither spaces nor braces.
        let route = route.replace(' ', "").replace('{', ":").replace('}', "");
        needed.split(',').all(|pair| match pair.trim().split_once('=') {
            Some((named, permission)) => {
                named != route || permissions.iter().any(|held| held == permission)
            }
            None => {
                tracing::error!(
                    "{PERMISSIONS_VARIABLE} holds {pair:?}, which is no route and permission"
                );
                false
            }
        })
    }
}
