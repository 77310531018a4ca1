//! `POST /v1/me/totp`: starts to set up an authenticator app.

use serde::{Deserialize, Serialize};
use shared::{
    apps::Apps,
    base::{Clock, Error},
    http::{Caller, Json, OptionalJson},
    latchkey::Latchkey,
    second_factors::{SecondFactors, qr_svg},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// There is nothing to say.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTotpRequest {}

/// What the authenticator app has to know. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct NewTotpView {
    /// For typing: base32 (RFC 4648).
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    #[schema(example = "otpauth://totp/…")]
    otpauth_uri: String,
    /// The same as a QR code, an SVG document.
    qr_svg: String,
    /// Seconds until it has to be confirmed.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Starts to set up an authenticator app.
///
/// Nothing is asked for at sign-in before a first code confirmed it. It needs a fresh sign-in (RFC 9470).
#[utoipa::path(
    post,
    path = "/v1/me/totp",
    operation_id = "me-totp-create",
    tag = "Second factor",
    security(("access_token" = [])),
    responses((status = 200, description = "The secret", body = NewTotpView)),
    extensions(("x-codes" = json!(["conflict", "insufficient_user_authentication", "invalid_json", "body_too_large", "unsupported_media_type"]))),
)]
async fn create(
    caller: Caller,
    apps: Apps,
    second_factors: SecondFactors,
    clock: Clock,
    OptionalJson(NewTotpRequest {}): OptionalJson<NewTotpRequest>,
) -> Result<Json<NewTotpView>, Error> {
    caller.require_fresh_sign_in(clock.now())?;
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
