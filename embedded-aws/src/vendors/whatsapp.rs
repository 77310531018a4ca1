//! WhatsApp, by Meta's Cloud API.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Message};

/// WhatsApp, by Meta's Cloud API.
pub(super) fn whatsapp(inbox: Inbox) -> Router {
    Router::new()
        .route("/v23.0/{phone_number_id}/messages", post(whatsapp_message))
        .with_state(inbox)
}

/// Takes templates for authentication alone, with the code in the body and in the button.
async fn whatsapp_message(
    State(inbox): State<Inbox>,
    Path(_): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |status: StatusCode, code: u32| {
        let error = json!({"message": "refused", "type": "OAuthException", "code": code});
        (status, Json(json!({"error": error}))).into_response()
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|token| token.to_str().ok());
    if !token.is_some_and(|token| token.starts_with("Bearer ")) {
        return refuse(StatusCode::UNAUTHORIZED, 190);
    }

    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let code_of =
        |place: usize| field(&format!("/template/components/{place}/parameters/0/text")).to_owned();
    let (to, name, code) = (field("/to"), field("/template/name"), code_of(0));
    let is_template = field("/messaging_product") == "whatsapp"
        && field("/type") == "template"
        && !field("/template/language/code").is_empty()
        && field("/template/components/1/type") == "button"
        && code == code_of(1);
    let callback = field("/biz_opaque_callback_data");
    if name.is_empty() || code.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, 132_000);
    }
    if !is_template || to.is_empty() || callback.len() > 512 || code.len() > 15 {
        return refuse(StatusCode::BAD_REQUEST, 100);
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, 130_429);
    }

    let attributes = [("template", name), ("biz_opaque_callback_data", callback)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let text = format!("{code} is your verification code.");
    inbox.deliver(Message::text("whatsapp", to.to_owned(), text, attributes).on("whatsapp"));
    let id = format!("wamid.{}", uuid::Uuid::new_v4().simple());
    Json(json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": to, "wa_id": to.trim_start_matches('+')}],
        "messages": [{"id": id, "message_status": "accepted"}],
    }))
    .into_response()
}
