//! `GET /.well-known/apple-app-site-association`: the apps of Apple's systems that may use passkeys of
//! this domain.

use axum::{http::header, response::IntoResponse};
use serde::Serialize;
use shared::{
    base::Error,
    http::{CurrentSettings, Json},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::well_known::CACHED;

#[cfg(test)]
mod tests;

/// Apps that belong to this domain.
#[derive(Serialize, ToSchema)]
pub struct AppleAppSiteView {
    webcredentials: AppleCredentialApps,
}

/// Apps that may use what is kept for the domain's pages.
#[derive(Serialize, ToSchema)]
struct AppleCredentialApps {
    /// Team and bundle of each app.
    #[schema(example = json!(["ABCDE12345.com.example.app"]))]
    apps: Vec<String>,
}

/// Get the apps of Apple's systems that may use passkeys of this domain
///
/// Apple reads it from the domain in `PASSKEY_RP_ID`, and keeps it for up to a week: let that domain
/// lead here, or serve a copy there.
#[utoipa::path(
    get,
    path = "/.well-known/apple-app-site-association",
    operation_id = "apple-app-site",
    tag = "Service",
    responses((status = 200, description = "The apps", body = AppleAppSiteView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn apple_app_site(
    CurrentSettings(settings): CurrentSettings,
) -> Result<impl IntoResponse, Error> {
    let apps = settings.passkeys.apple_apps.clone();
    if apps.is_empty() {
        return Err(Error::NotFound);
    }
    Ok((
        [(header::CACHE_CONTROL, CACHED)],
        Json(AppleAppSiteView { webcredentials: AppleCredentialApps { apps } }),
    ))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(apple_app_site))
}
