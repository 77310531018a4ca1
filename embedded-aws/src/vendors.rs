//! Senders of texts that are not SNS, as far as one text goes: AWS End User Messaging (AWS JSON 1.0),
//! the Messages APIs of Twilio and Vonage, and Kaleyra's SMS API.

use std::collections::BTreeMap;

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Message};

/// The phones that Twilio itself refuses in tests, and the code of the refusal.
/// <https://www.twilio.com/docs/iam/test-credentials#test-sms-messages>
const REFUSED: [(&str, u32); 5] = [
    ("+15005550001", 21211),
    ("+15005550002", 21612),
    ("+15005550003", 21408),
    ("+15005550004", 21610),
    ("+15005550009", 21614),
];

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
    if target != Some("PinpointSMSVoiceV2.SendTextMessage") {
        return refuse("ValidationException", "UNKNOWN_OPERATION");
    }

    let fields: BTreeMap<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if field("DestinationPhoneNumber").is_empty() || field("MessageBody").is_empty() {
        return refuse("ValidationException", "INVALID_PARAMETER");
    }
    if inbox.refuses() {
        return refuse("ThrottlingException", "");
    }

    let attributes = fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let (to, text) = (field("DestinationPhoneNumber"), field("MessageBody"));
    let message = Message::text("end_user_messaging", to.to_owned(), text.to_owned(), attributes);
    inbox.deliver(message);
    Json(json!({"MessageId": uuid::Uuid::new_v4()})).into_response()
}

/// The vendors beside AWS, each with the setting that names its host.
pub(crate) fn all(inbox: &Inbox) -> [(&'static str, Router); 3] {
    [
        ("TWILIO_URL", twilio(inbox.clone())),
        ("VONAGE_URL", vonage(inbox.clone())),
        ("KALEYRA_URL", kaleyra(inbox.clone())),
    ]
}

/// Twilio.
fn twilio(inbox: Inbox) -> Router {
    let path = "/2010-04-01/Accounts/{account}/Messages.json";
    Router::new().route(path, post(create_message)).with_state(inbox)
}

async fn create_message(
    State(inbox): State<Inbox>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let refuse = |status: StatusCode, code: u32| {
        let body = json!({
            "code": code, "message": "refused", "more_info": "", "status": status.as_u16(),
        });
        (status, Json(body)).into_response()
    };
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (to, body) = (field("To"), field("Body"));
    let has_origin = form.contains_key("From") || form.contains_key("MessagingServiceSid");
    if !headers.contains_key(header::AUTHORIZATION) {
        return refuse(StatusCode::UNAUTHORIZED, 20003);
    }
    if to.is_empty() || body.is_empty() || !has_origin {
        return refuse(StatusCode::BAD_REQUEST, 21604);
    }
    if let Some((_, code)) = REFUSED.iter().find(|(phone, _)| *phone == to) {
        return refuse(StatusCode::BAD_REQUEST, *code);
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, 20429);
    }

    inbox.deliver(Message::text("twilio", to.clone(), body.clone(), form.into_iter().collect()));
    let answer = json!({
        "account_sid": account, "sid": format!("SM{}", uuid::Uuid::new_v4().simple()),
        "status": "queued", "to": to, "body": body, "error_code": null, "price": null,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// Vonage.
fn vonage(inbox: Inbox) -> Router {
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

/// Kaleyra.
fn kaleyra(inbox: Inbox) -> Router {
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
