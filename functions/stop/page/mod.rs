//! `GET /stop/{token}`: the page that asks whether to stop messages to an address.

use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{Page, Reader};
use shared::{challenges::Challenges, http::PathName, latchkey::Latchkey};

/// Show the page that stops messages
///
/// From the second message within 24 hours on, messages contain a link to this page, except those
/// that use a registered template. Opening it changes nothing, because programs open links, too:
/// messages stop when its button is pressed. It says which app sent the messages, and why. A link that
/// does not work is refused with a page too, if the request prefers `text/html`. The page is in the first language of `Accept-Language`
/// that is English, Arabic, Hindi or Spanish, otherwise in English.
#[utoipa::path(
    get,
    path = "/stop/{token}",
    operation_id = "stop-page",
    tag = "One-time codes",
    params((
        "token" = String,
        Path,
        description = "From the link in the message. Valid on its day (UTC) and the next"
    )),
    responses((
        status = 200,
        description = "A page with one button",
        content_type = "text/html",
        body = String
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn page(challenges: Challenges, reader: Reader, PathName(token): PathName) -> Response {
    reader.answer(challenges.check_stop_link(&token).map(|_| Page::StopQuestion))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(page))
}
