//! `POST /v1/auth/passkey/options`: the options with which a browser uses a passkey.

use serde::Deserialize;
use shared::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    base::Error,
    http::{Credentials, Json, OptionalJson},
    latchkey::Latchkey,
    passkeys::{Passkeys, RequestOptions},
    second_factors::SecondFactors,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The purpose of the passkey.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct PasskeySignInOptionsRequest {
    /// The `mfa_token` of a sign-in that waits for its second factor. Without it, the passkey is the
    /// whole sign-in.
    #[schema(example = "lkm_…")]
    mfa_token: Option<String>,
    /// The app to sign in to. Default: the app that authenticates by HTTP Basic, or `default`. It is
    /// that of the `mfa_token`, if there is one.
    client_id: Option<String>,
}

/// Get the options for signing in with a passkey
///
/// Give the response to `PublicKeyCredential.parseRequestOptionsFromJSON`, call
/// `navigator.credentials.get` with the result, and send what it makes to `POST /v1/auth/passkey`.
/// With an `mfa_token`, send it to `POST /v1/auth/mfa`. The options are good for 5 minutes, once.
/// Without an `mfa_token` nothing is written, and only an app other than `default` is read, so a page may
/// ask for them each time it is shown. A confidential app authenticates by HTTP Basic. The response is `not_found` if the deployment has no passkeys.
#[utoipa::path(
    post,
    path = "/v1/auth/passkey/options",
    operation_id = "auth-passkey-options",
    tag = "Passkeys",
    request_body = PasskeySignInOptionsRequest,
    responses((status = 200, description = "The options", body = RequestOptions)),
    extensions(("x-codes" = json!([
        "not_found", "conflict", "token_invalid", "token_expired", "invalid_client", "app_disabled",
        "forbidden"
    ]))),
)]
async fn options(
    apps: Apps,
    passkeys: Passkeys,
    second_factors: SecondFactors,
    Credentials(credentials): Credentials,
    OptionalJson(request): OptionalJson<PasskeySignInOptionsRequest>,
) -> Result<Json<RequestOptions>, Error> {
    let options = match (&request.mfa_token, &request.client_id) {
        (Some(token), None) => second_factors.passkey_options(token, &passkeys).await?,
        (None, client_id) => {
            let of_credentials = credentials.as_ref().map(|sent| sent.client_id.as_str());
            let wanted = client_id.as_deref().or(of_credentials).unwrap_or(DEFAULT_CLIENT_ID);
            apps.authorize(wanted, credentials.as_ref()).await?;
            passkeys.request_options(wanted)?
        }
        (Some(_), Some(_)) => {
            let text = "must not be sent together with mfa_token, which names the app";
            return Err(Error::field("client_id", text));
        }
    };
    Ok(Json(options))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(options))
}
