//! `GET /v1/me/passkeys`: lists the signed-in user's passkeys.

use serde::Serialize;
use shared::{
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    passkeys::{PasskeyView, Passkeys},
    webauthn::Base64Url,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The passkeys of a user.
#[derive(Serialize, ToSchema)]
pub struct PasskeysView {
    /// The passkeys, in the order in which they were added. At most 10.
    items: Vec<PasskeyView>,
    /// The domain that they are for.
    #[schema(example = "example.com")]
    rp_id: String,
    /// By which keepers of passkeys know the user: base64url. Absent before the first passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_handle: Option<Base64Url>,
}

/// List the signed-in user's passkeys
///
/// With `rp_id`, `user_handle` and each `credential_id`, a page can call
/// `PublicKeyCredential.signalAllAcceptedCredentials`, so that removed passkeys are offered no more.
#[utoipa::path(
    get,
    path = "/v1/me/passkeys",
    operation_id = "me-passkeys-list",
    tag = "Passkeys",
    security(("access_token" = [])),
    responses((status = 200, description = "The passkeys", body = PasskeysView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn list(caller: Caller, passkeys: Passkeys) -> Result<Json<PasskeysView>, Error> {
    let found = passkeys.of(&caller.user).await?;
    Ok(Json(PasskeysView {
        items: found.into_iter().map(PasskeyView::from).collect(),
        rp_id: passkeys.rp_id()?.to_owned(),
        user_handle: caller.user.passkey_handle.map(Base64Url),
    }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
