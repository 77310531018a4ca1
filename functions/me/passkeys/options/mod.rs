//! `POST /v1/me/passkeys/options`: the options with which a browser makes a passkey.

use serde::Deserialize;
use shared::{
    base::Error,
    http::{Caller, Json, OptionalJson},
    latchkey::Latchkey,
    passkeys::{CreationOptions, Passkeys},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// An empty object; the request has no parameters.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasskeyOptionsRequest {}

/// Get the options for a new passkey
///
/// Give the response to `PublicKeyCredential.parseCreationOptionsFromJSON`, call
/// `navigator.credentials.create` with the result, and send what it makes to
/// `POST /v1/me/passkeys`. The options are good for 5 minutes. It needs a fresh sign-in (RFC 9470):
/// less than 10 minutes old, and with both factors if the user has two. The response is `not_found`
/// if the deployment has no passkeys.
#[utoipa::path(
    post,
    path = "/v1/me/passkeys/options",
    operation_id = "me-passkeys-options",
    tag = "Passkeys",
    security(("access_token" = [])),
    responses((status = 200, description = "The options", body = CreationOptions)),
    extensions(("x-codes" = json!([
        "not_found", "conflict", "insufficient_user_authentication", "invalid_json",
        "body_too_large", "unsupported_media_type"
    ]))),
)]
async fn options(
    caller: Caller,
    passkeys: Passkeys,
    OptionalJson(PasskeyOptionsRequest {}): OptionalJson<PasskeyOptionsRequest>,
) -> Result<Json<CreationOptions>, Error> {
    passkeys.creation_options(&caller.user).await.map(Json)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(options))
}
