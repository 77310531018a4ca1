//! `POST /stop/{token}`: stops messages to an address for a day, and takes that back.

use axum::{extract::RawQuery, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{Page, Reader};
use shared::{audit::Recorder, challenges::Challenges, http::PathName, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// Stop messages to an address for 24 hours
///
/// For the person who got the message, whether or not they are a user. Codes that were already sent
/// stay valid, and verifying one ends the stop. During the stop, requests for a code to this
/// address get `sms_limit_reached`. The page has a button that takes the stop back.
#[utoipa::path(
    post,
    path = "/stop/{token}",
    operation_id = "stop-confirm",
    tag = "One-time codes",
    params(
        (
            "token" = String,
            Path,
            description = "From the link in the message. Valid on its day (UTC) and the next"
        ),
        ("resume" = Option<bool>, Query, description = "`true`: takes the stop back instead"),
    ),
    responses((
        status = 200,
        description = "A page that says until when no codes are sent, or that they are sent again",
        content_type = "text/html",
        body = String
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn confirm(
    challenges: Challenges,
    recorder: Recorder,
    reader: Reader,
    PathName(token): PathName,
    RawQuery(query): RawQuery,
) -> Response {
    let done = if query.as_deref().is_some_and(resumes) {
        challenges.take_back_stop(&token, &recorder).await.map(|()| Page::Resumed)
    } else {
        let stopped = challenges.stop(&token, &recorder).await;
        stopped.map(|until| Page::Stopped { until: until.strftime("%F %R").to_string() })
    };
    reader.answer(done)
}

/// Whether a query has `resume=true`. Others may add parameters to links.
fn resumes(query: &str) -> bool {
    query.split('&').any(|parameter| parameter == "resume=true")
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
