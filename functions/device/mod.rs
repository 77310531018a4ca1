//! `GET /device`: the page for the code of a device (RFC 8628 §3.3).

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use shared::{
    authorization::{DeviceTask, Flow, Parameters, Step, Task},
    base::Error,
    http::Client,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    confirmation::{Page, Reader},
    hosted::Visit,
};

#[cfg(test)]
mod tests;

/// Sign in a device
///
/// The page for the `user_code` of `POST /oauth2/device_authorization`. A person types the code, signs
/// in if they are not signed in to this browser, and decides whether the device may use their account.
/// A code in the address is filled in; the person sends it.
#[utoipa::path(
    get,
    path = "/device",
    operation_id = "device",
    tag = "OAuth 2.0",
    params(
        ("user_code" = Option<String>, Query, description = "The code that the device shows", example = "WDJB-MJHT"),
        ("ui_locales" = Option<String>, Query, description = "Languages, the preferred one first"),
    ),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)),
)]
async fn device(
    State(latchkey): State<Latchkey>,
    client: Client,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let shown = show(latchkey, client, &headers, query).await;
    shown.unwrap_or_else(|error| reader.refusal(error, Page::Failed))
}

/// Shows the page.
async fn show(
    latchkey: Latchkey,
    client: Client,
    headers: &HeaderMap,
    query: Option<String>,
) -> Result<Response, Error> {
    let parameters = Parameters::read(query.unwrap_or_default().as_bytes());
    let locales = parameters.get("ui_locales");
    let visit = Visit::new(&latchkey, client, headers, locales).await?;
    let task = DeviceTask::new(parameters.get("user_code"), locales);
    let flow = Flow::new(Task::Device(Box::new(task)), Step::UserCode, latchkey.random())?;
    visit.show(&flow, None, None, None)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(device))
}
