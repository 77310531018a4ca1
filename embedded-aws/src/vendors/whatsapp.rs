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

    let message = match Template::read(&body) {
        Ok(message) => message,
        Err(code) => return refuse(StatusCode::BAD_REQUEST, code),
    };
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, 130_429);
    }

    let to = message.to.clone();
    message.deliver("whatsapp", &inbox);
    let id = format!("wamid.{}", uuid::Uuid::new_v4().simple());
    Json(json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": to, "wa_id": to.trim_start_matches('+')}],
        "messages": [{"id": id, "message_status": "accepted"}],
    }))
    .into_response()
}

/// A message with a template for authentication, as Meta reads it.
pub(super) struct Template {
    pub to: String,
    name: String,
    code: String,
    callback: String,
}

impl Template {
    /// Reads a message.
    ///
    /// # Errors
    /// The number of Meta's error.
    pub(super) fn read(body: &[u8]) -> Result<Self, u32> {
        let message: Value = serde_json::from_slice(body).unwrap_or_default();
        let field = |path: &str| {
            message.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let code_of =
            |place: usize| field(&format!("/template/components/{place}/parameters/0/text"));
        let read = Self {
            to: field("/to"),
            name: field("/template/name"),
            code: code_of(0),
            callback: field("/biz_opaque_callback_data"),
        };
        if read.name.is_empty() || read.code.is_empty() {
            return Err(132_000);
        }

        let is_template = field("/messaging_product") == "whatsapp"
            && field("/type") == "template"
            && !field("/template/language/code").is_empty()
            && field("/template/components/1/type") == "button"
            && read.code == code_of(1);
        let fits = read.callback.len() <= 512 && read.code.len() <= 15;
        if is_template && fits && !read.to.is_empty() { Ok(read) } else { Err(100) }
    }

    /// Delivers it.
    pub(super) fn deliver(self, sender: &'static str, inbox: &Inbox) {
        let attributes = [("template", self.name), ("biz_opaque_callback_data", self.callback)]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec();
        let text = format!("{} is your verification code.", self.code);
        inbox.deliver(Message::text(sender, self.to, text, attributes).on("whatsapp"));
    }
}
