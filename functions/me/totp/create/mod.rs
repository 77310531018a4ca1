//! `POST /v1/me/totp`: starts the set-up of an authenticator app.

use serde::{Deserialize, Serialize};
use shared::{
    apps::Apps,
    base::Error,
    http::{Caller, Json, OptionalJson},
    latchkey::Latchkey,
    second_factors::{SecondFactors, qr_svg},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// An empty object; the request has no parameters.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTotpRequest {}

/// The secret for the authenticator app, in three forms. It is shown only this once.
#[derive(Serialize, ToSchema)]
pub struct NewTotpView {
    /// The secret in base32 (RFC 4648), for typing: 32 characters, which are 160 bits.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// The secret as a URI that authenticator apps open. It names the app and the user.
    #[schema(example = "otpauth://totp/…")]
    otpauth_uri: String,
    /// The URI as a QR code, an SVG document.
    qr_svg: String,
    /// Seconds until the set-up expires if it is not confirmed.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Start the set-up of an authenticator app
///
/// Confirm it with `POST /v1/me/totp/confirm` and a first code. Until then, sign-ins do not require
/// a second factor. A new set-up replaces one that was not confirmed. It needs a fresh sign-in (RFC
/// 9470): less than 10 minutes old.
#[utoipa::path(
    post,
    path = "/v1/me/totp",
    operation_id = "me-totp-create",
    tag = "Second factor",
    security(("access_token" = [])),
    responses((status = 200, description = "The secret", body = NewTotpView)),
    extensions(("x-codes" = json!([
        "conflict", "insufficient_user_authentication", "invalid_json", "body_too_large",
        "unsupported_media_type"
    ]))),
)]
async fn create(
    caller: Caller,
    apps: Apps,
    second_factors: SecondFactors,
    OptionalJson(NewTotpRequest {}): OptionalJson<NewTotpRequest>,
) -> Result<Json<NewTotpView>, Error> {
    let app = apps.active(&caller.claims.client_id).await?;
    let new = second_factors.enrol(&caller.user, &app).await?;

    Ok(Json(NewTotpView {
        secret: new.secret.base32(),
        qr_svg: qr_svg(&new.otpauth_uri)?,
        otpauth_uri: new.otpauth_uri,
        expires_in: new.expires_in,
    }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
