//! `POST /oauth2/device_authorization`: begins the sign-in of a device that has no browser (RFC 8628
//! §3.1).

use axum::middleware::map_response;
use serde::Serialize;
use shared::{
    apps::{Apps, GrantType},
    authorization::{AuthorizationRequest, Devices, POLL_SECONDS},
    base::Error,
    http::{Credentials, CurrentSettings, Json, RawForm, Trail, oauth_errors},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::requests;

#[cfg(test)]
mod tests;

/// The request of the app, and how it authenticates.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct DeviceAuthorizationRequest {
    /// The app. Default: the app that authenticates by HTTP Basic, or `default`.
    client_id: Option<String>,
    /// The secret of a confidential app that does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
    /// Of `openid`, `profile`, `email` and `phone`, separated by spaces. A first-party app may add
    /// permissions; without any it gets all of the person's.
    #[schema(example = "openid profile")]
    scope: Option<String>,
    /// The greatest age of the person's sign-in in seconds; 0 asks for a new one.
    max_age: Option<String>,
    /// `aal2`: people who have a second factor use it.
    acr_values: Option<String>,
}

/// The codes of a device.
#[derive(Serialize, ToSchema)]
pub struct DeviceAuthorization {
    /// The secret with which the device polls `POST /oauth2/token`.
    #[schema(example = "lkdc_…")]
    device_code: String,
    /// The code that the device shows. A person types it into the page; case and hyphens do not matter.
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// The address of the page.
    #[schema(example = "https://id.example.com/device")]
    verification_uri: String,
    /// The address of the page with the code in it, for a QR code or a link.
    #[schema(example = "https://id.example.com/device?user_code=WDJB-MJHT")]
    verification_uri_complete: String,
    /// Seconds until both codes expire.
    #[schema(example = 600)]
    expires_in: i64,
    /// Seconds to wait between two polls.
    #[schema(example = 5)]
    interval: i64,
}

/// Begin the sign-in of a device
///
/// As in RFC 8628 §3.1, for a television or a command line. The device shows `user_code` and
/// `verification_uri`, and polls `POST /oauth2/token` until a person has decided on the page. The app
/// must have the grant `urn:ietf:params:oauth:grant-type:device_code`.
#[utoipa::path(
    post,
    path = "/oauth2/device_authorization",
    operation_id = "oauth2-device",
    tag = "OAuth 2.0",
    request_body(content = DeviceAuthorizationRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The codes", body = DeviceAuthorization)),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "unauthorized_client", "invalid_scope"
    ]))),
)]
async fn authorize(
    CurrentSettings(settings): CurrentSettings,
    apps: Apps,
    devices: Devices,
    trail: Trail,
    credentials: Credentials,
    RawForm(form): RawForm,
) -> Result<Json<DeviceAuthorization>, Error> {
    let (parameters, app) = requests::read(&apps, credentials, &form).await?;
    app.grants.check(GrantType::DeviceCode)?;

    let request = AuthorizationRequest::of_device(&parameters, &app)
        .map_err(|refusal| Error::RequestRefused(refusal.error, refusal.description))?;
    let device = trail.recorder().device().clone();
    let begun = devices.begin(request, device).await?;
    let user_code = begun.user_code.shown();
    let verification_uri = format!("{}/device", settings.issuer);
    Ok(Json(DeviceAuthorization {
        device_code: begun.device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        user_code,
        verification_uri,
        expires_in: begun.expires_in,
        interval: POLL_SECONDS,
    }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(authorize)).layer(map_response(oauth_errors))
}
