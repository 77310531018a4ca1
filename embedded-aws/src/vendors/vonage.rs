//! Vonage, by its Messages API.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Message};

/// Vonage.
pub(super) fn vonage(inbox: Inbox) -> Router {
    Router::new().route("/v1/messages", post(vonage_message)).with_state(inbox)
}

/// The bounds of the fields are those of Vonage's own library (`vonage-messages` 1.8).
async fn vonage_message(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> Response {
    let refuse = |status: StatusCode, code: &str| {
        let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
        let body = json!({"type": kind, "title": code, "detail": "refused", "instance": "1"});
        (status, Json(body)).into_response()
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|token| token.to_str().ok());
    let is_token = |token: &str| token.starts_with("Bearer ") && token.split('.').count() == 3;
    if !token.is_some_and(is_token) {
        return refuse(StatusCode::UNAUTHORIZED, "unauthorized");
    }

    let fields: BTreeMap<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let ttl = fields.get("ttl").and_then(Value::as_i64).unwrap_or(20);
    let is_text = field("channel") == "sms" && field("message_type") == "text";
    let is_number = (7..=15).contains(&field("to").len())
        && field("to").bytes().all(|digit| digit.is_ascii_digit());
    let fits = !field("text").is_empty()
        && field("text").chars().count() <= 3_200
        && !field("from").is_empty()
        && field("client_ref").len() <= 100
        && (20..=604_800).contains(&ttl);
    if !is_text || !fits {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "1020");
    }
    if !is_number {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "1240");
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "1000");
    }

    let attributes = fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let (to, text) = (format!("+{}", field("to")), field("text").to_owned());
    inbox.deliver(Message::text("vonage", to, text, attributes));
    (StatusCode::ACCEPTED, Json(json!({"message_uuid": uuid::Uuid::new_v4()}))).into_response()
}
