//! `POST /stop/{token}`: stops messages to an address for a day.

use axum::{http::HeaderMap, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{self, Page};
use shared::{
    audit::Recorder, base::Error, challenges::Challenges, http::PathName, latchkey::Latchkey,
};

#[cfg(test)]
mod tests;

/// Stop messages to an address for 24 hours
///
/// For the person who got the message, whether or not they are a user. Codes that were already sent
/// stay valid, and verifying one ends the stop. During the stop, requests for a code to this
/// address get `sms_limit_reached`.
#[utoipa::path(
    post,
    path = "/stop/{token}",
    operation_id = "stop-confirm",
    tag = "One-time codes",
    params((
        "token" = String,
        Path,
        description = "From the link in the message. Valid on its day (UTC) and the next"
    )),
    responses((
        status = 200,
        description = "A page that says until when no codes are sent",
        content_type = "text/html",
        body = String
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn confirm(
    challenges: Challenges,
    recorder: Recorder,
    request: HeaderMap,
    PathName(token): PathName,
) -> Result<Response, Error> {
    let until = challenges.stop(&token, &recorder).await?.strftime("%F %R").to_string();
    confirmation::page(Page::Stopped { until: &until }, &request)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
