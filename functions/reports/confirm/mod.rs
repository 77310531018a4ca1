//! `GET /v1/reports/{sender}/{token}`: confirms the address of delivery reports.

use axum::{
    extract::RawQuery,
    http::{HeaderName, HeaderValue, header},
};
use shared::{base::Error, http::PathNames, latchkey::Latchkey, messages::Reports};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Plain text, so that no browser makes more of it.
const PLAIN: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));

/// Confirm the address of delivery reports
///
/// For Meta, which calls the address of WhatsApp's reports with `hub.challenge` before it reports
/// there. The challenge is returned if `hub.verify_token` is the one of the account. Everything else is
/// `not_found`.
#[utoipa::path(
    get,
    path = "/v1/reports/{sender}/{token}",
    operation_id = "reports-confirm",
    tag = "Senders",
    params(
        ("sender" = String, Path, description = "`whatsapp`"),
        ("token" = String, Path, description = "`app`"),
        ("hub.mode" = Option<String>, Query, description = "`subscribe`"),
        ("hub.verify_token" = Option<String>, Query, description = "The `verify_token` of the account"),
        ("hub.challenge" = Option<String>, Query, description = "Up to 200 letters and digits"),
    ),
    responses((
        status = 200, description = "The challenge", body = String, content_type = "text/plain"
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn confirm(
    reports: Reports,
    PathNames(sender, token): PathNames,
    RawQuery(query): RawQuery,
) -> Result<([(HeaderName, HeaderValue); 1], String), Error> {
    let challenge = reports.challenge((&sender, &token), &query.unwrap_or_default())?;
    Ok(([PLAIN], challenge))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
