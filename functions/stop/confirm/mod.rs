//! `POST /stop/{token}`: stops messages to an address for a day.

use axum::{http::HeaderMap, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::html::{self, Page};
use shared::{base::Error, challenges::Challenges, http::PathName, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// Stops messages to an address for 24 hours.
///
/// Its holder need not be a user. Codes that were sent stay good; who asks for one is told to wait.
#[utoipa::path(
    post,
    path = "/stop/{token}",
    operation_id = "stop-confirm",
    tag = "One-time codes",
    params(("token" = String, Path, description = "From the message: good on that day (UTC) and the next")),
    responses((status = 200, description = "Stopped", content_type = "text/html", body = String)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn confirm(
    challenges: Challenges,
    request: HeaderMap,
    PathName(token): PathName,
) -> Result<Response, Error> {
    let until = challenges.stop(&token).await?.strftime("%F %R").to_string();
    html::page(Page::Stopped { until: &until }, &request)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
