//! Kaleyra, by its SMS API.

use std::collections::BTreeMap;

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;

use crate::inbox::{Inbox, Message};

/// Kaleyra.
pub(super) fn kaleyra(inbox: Inbox) -> Router {
    Router::new().route("/v1/{sid}/messages", post(kaleyra_message)).with_state(inbox)
}

async fn kaleyra_message(
    State(inbox): State<Inbox>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let refuse = |status: StatusCode, error: &str| {
        (status, Json(json!({"error": error, "message": "refused"}))).into_response()
    };
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (to, body) = (field("to"), field("body"));
    if !headers.contains_key("api-key") {
        return refuse(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    }
    let is_kind = ["OTP", "TXN", "MKT"].contains(&field("type").as_str());
    if to.is_empty() || body.is_empty() || field("sender").is_empty() || !is_kind {
        return refuse(StatusCode::BAD_REQUEST, "INVALID-PARAMETERS");
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "THROTTLED");
    }

    inbox.deliver(Message::text("kaleyra", to, body, form.into_iter().collect()));
    Json(json!({"id": uuid::Uuid::new_v4(), "status": "queued", "error": {}})).into_response()
}
