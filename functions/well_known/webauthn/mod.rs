//! `GET /.well-known/webauthn`: the further origins that may use passkeys of this domain.

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

/// Origins that may use passkeys of this domain.
#[derive(Serialize, ToSchema)]
pub struct RelatedOriginsView {
    /// The pages that `PASSKEY_ORIGINS` lists.
    #[schema(example = json!(["https://example.org"]))]
    origins: Vec<String>,
}

/// Get the related origins of passkeys
///
/// WebAuthn Level 3 §5.11. Browsers read it from the domain in `PASSKEY_RP_ID`: let that domain lead
/// here, or serve a copy there.
#[utoipa::path(
    get,
    path = "/.well-known/webauthn",
    operation_id = "webauthn",
    tag = "Service",
    responses((status = 200, description = "The origins", body = RelatedOriginsView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn webauthn(CurrentSettings(settings): CurrentSettings) -> Result<impl IntoResponse, Error> {
    let passkeys = &settings.passkeys;
    passkeys.rp_id.as_ref().ok_or(Error::NotFound)?;
    let origins = passkeys.related_origins().map(str::to_owned).collect();
    Ok(([(header::CACHE_CONTROL, CACHED)], Json(RelatedOriginsView { origins })))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(webauthn))
}
