//! `GET /stop/{token}`: asks whether messages are to be stopped.

use axum::{http::HeaderMap, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::html::{self, Page};
use shared::{base::Error, challenges::Challenges, http::PathName, latchkey::Latchkey};

/// Asks whether messages are to be stopped.
///
/// Who gets a second message within 24 hours finds a link in it. Following it changes nothing: links are followed by
/// programs, too. The page is in Arabic, Hindi or Spanish where `Accept-Language` says so, and in English elsewhere.
#[utoipa::path(
    get,
    path = "/stop/{token}",
    operation_id = "stop-page",
    tag = "One-time codes",
    params(("token" = String, Path, description = "From the message: good on that day (UTC) and the next")),
    responses((status = 200, description = "A page with one button", content_type = "text/html", body = String)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn page(
    challenges: Challenges,
    request: HeaderMap,
    PathName(token): PathName,
) -> Result<Response, Error> {
    challenges.check_stop_link(&token)?;
    html::page(Page::StopQuestion, &request)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(page))
}
