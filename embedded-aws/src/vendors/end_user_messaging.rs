//! AWS End User Messaging, by the protocol AWS JSON 1.0: texts, calls, and AWS Notify.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Message};

/// End User Messaging.
pub(crate) fn end_user_messaging(inbox: Inbox) -> Router {
    Router::new().route("/", post(send_text_message)).with_state(inbox)
}

async fn send_text_message(
    State(inbox): State<Inbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |kind: &str, reason: &str| {
        let body = json!({"__type": kind, "Reason": reason, "Message": "refused"});
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    };
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("PinpointSMSVoiceV2."));
    let (channel, words) = match operation {
        Some("SendTextMessage") => ("sms", "MessageBody"),
        Some("SendVoiceMessage") => ("voice", "MessageBody"),
        Some("SendNotifyTextMessage") => ("sms", "TemplateVariables"),
        Some("SendNotifyVoiceMessage") => ("voice", "TemplateVariables"),
        _ => return refuse("ValidationException", "UNKNOWN_OPERATION"),
    };

    let fields: BTreeMap<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = match fields.get(words) {
        Some(Value::String(text)) => text.clone(),
        // AWS Notify puts the code into words of its template.
        Some(Value::Object(variables)) => match variables.get("code").and_then(Value::as_str) {
            Some(code) => format!("{code} is your verification code."),
            None => String::new(),
        },
        _ => String::new(),
    };
    if field("DestinationPhoneNumber").is_empty() || text.is_empty() {
        return refuse("ValidationException", "INVALID_PARAMETER");
    }
    if inbox.refuses() {
        return refuse("ThrottlingException", "");
    }

    let attributes = fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let to = field("DestinationPhoneNumber").to_owned();
    inbox.deliver(Message::text("end_user_messaging", to, text, attributes).on(channel));
    Json(json!({"MessageId": uuid::Uuid::new_v4()})).into_response()
}
