//! `GET /.well-known/assetlinks.json`: the Android apps that may use passkeys of this domain.

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

/// A statement about an Android app.
#[derive(Serialize, ToSchema)]
pub struct AssetLinkView {
    /// Always that the app may use what is kept for the domain's pages.
    #[schema(example = json!(["delegate_permission/common.get_login_creds"]))]
    relation: [&'static str; 2],
    target: AssetLinkTarget,
}

/// An Android app.
#[derive(Serialize, ToSchema)]
struct AssetLinkTarget {
    /// Always `android_app`.
    #[schema(example = "android_app")]
    namespace: &'static str,
    #[schema(example = "com.example.app")]
    package_name: String,
    /// The SHA-256 of the certificate that signs the app.
    #[schema(example = json!(["14:6D:E9:…"]))]
    sha256_cert_fingerprints: [String; 1],
}

/// Get the Android apps that may use passkeys of this domain
///
/// Digital Asset Links. Android reads it from the domain in `PASSKEY_RP_ID`: let that domain lead
/// here, or serve a copy there.
#[utoipa::path(
    get,
    path = "/.well-known/assetlinks.json",
    operation_id = "asset-links",
    tag = "Service",
    responses((status = 200, description = "The apps", body = Vec<AssetLinkView>)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn asset_links(
    CurrentSettings(settings): CurrentSettings,
) -> Result<impl IntoResponse, Error> {
    let apps = &settings.passkeys.android_apps;
    if apps.is_empty() {
        return Err(Error::NotFound);
    }
    let link = |(package, fingerprint): &(String, String)| AssetLinkView {
        relation: [
            "delegate_permission/common.handle_all_urls",
            "delegate_permission/common.get_login_creds",
        ],
        target: AssetLinkTarget {
            namespace: "android_app",
            package_name: package.clone(),
            sha256_cert_fingerprints: [fingerprint.clone()],
        },
    };
    Ok(([(header::CACHE_CONTROL, CACHED)], Json(apps.iter().map(link).collect::<Vec<_>>())))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(asset_links))
}
