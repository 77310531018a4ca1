//! Twilio: messages, calls, and Twilio Verify as far as our own codes go.

use std::collections::BTreeMap;

use axum::{
    Form, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;

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

/// Twilio.
pub(super) fn twilio(inbox: Inbox) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(create_message))
        .route("/2010-04-01/Accounts/{account}/Calls.json", post(create_call))
        .with_state(inbox)
}

async fn create_call(
    State(inbox): State<Inbox>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let words = field("Twiml").split_once("\">").map(|(_, words)| words.to_owned());
    let words = words.as_deref().and_then(|words| words.split_once("</Say>"));
    let (to, Some((words, _))) = (field("To"), words) else {
        return refuse(StatusCode::BAD_REQUEST, 21205);
    };
    if !headers.contains_key(header::AUTHORIZATION) {
        return refuse(StatusCode::UNAUTHORIZED, 20003);
    }
    if to.is_empty() || field("From").is_empty() {
        return refuse(StatusCode::BAD_REQUEST, 21213);
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, 20429);
    }

    let words = words.to_owned();
    let attributes = form.clone().into_iter().collect();
    inbox.deliver(Message::text("twilio", to.clone(), words, attributes).on("voice"));
    let answer = json!({
        "account_sid": account, "sid": format!("CA{}", uuid::Uuid::new_v4().simple()),
        "status": "queued", "to": to, "price": null,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn create_message(
    State(inbox): State<Inbox>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (to, body) = (field("To"), field("Body"));
    let has_origin = form.contains_key("From") || form.contains_key("MessagingServiceSid");
    if !headers.contains_key(header::AUTHORIZATION) {
        return refuse(StatusCode::UNAUTHORIZED, 20003);
    }
    if to.is_empty() || body.is_empty() || !has_origin {
        return refuse(StatusCode::BAD_REQUEST, 21604);
    }
    if let Some(refused) = refused(&to, &inbox) {
        return refused;
    }

    inbox.deliver(Message::text("twilio", to.clone(), body.clone(), form.into_iter().collect()));
    let answer = json!({
        "account_sid": account, "sid": format!("SM{}", uuid::Uuid::new_v4().simple()),
        "status": "queued", "to": to, "body": body, "error_code": null, "price": null,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// Twilio Verify, as far as our own codes go.
pub(super) fn twilio_verify(inbox: Inbox) -> Router {
    Router::new()
        .route("/v2/Services/{service}/Verifications", post(create_verification))
        .route("/v2/Services/{service}/Verifications/{sid}", post(update_verification))
        .with_state(inbox)
}

async fn create_verification(
    State(inbox): State<Inbox>,
    Path(service): Path<String>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (to, code) = (field("To"), field("CustomCode"));
    if !headers.contains_key(header::AUTHORIZATION) {
        return refuse(StatusCode::UNAUTHORIZED, 20003);
    }
    let channel = match field("Channel").as_str() {
        "sms" => "sms",
        "call" => "voice",
        _ => return refuse(StatusCode::BAD_REQUEST, 60200),
    };
    let is_code = (4..=10).contains(&code.len()) && code.bytes().all(|it| it.is_ascii_digit());
    if to.is_empty() || !is_code {
        return refuse(StatusCode::BAD_REQUEST, 60200);
    }
    if let Some(refused) = refused(&to, &inbox) {
        return refused;
    }

    let text = format!("Your verification code is: {code}");
    let attributes = form.into_iter().collect();
    inbox.deliver(Message::text("twilio", to.clone(), text, attributes).on(channel));
    let sid = format!("VE{}", uuid::Uuid::new_v4().simple());
    let answer = json!({"sid": sid, "service_sid": service, "to": to, "status": "pending"});
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn update_verification(
    Path((service, sid)): Path<(String, String)>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    match form.get("Status").map(String::as_str) {
        Some(status @ ("approved" | "canceled")) => {
            Json(json!({"sid": sid, "service_sid": service, "status": status})).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, Json(json!({"code": 60200}))).into_response(),
    }
}

/// An error, as all APIs of Twilio answer with it.
fn refuse(status: StatusCode, code: u32) -> Response {
    let body = json!({
        "code": code, "message": "refused", "more_info": "", "status": status.as_u16(),
    });
    (status, Json(body)).into_response()
}

/// The refusal of a text to this phone, if it is one that Twilio refuses, or the inbox refuses all.
fn refused(to: &str, inbox: &Inbox) -> Option<Response> {
    let listed = REFUSED.iter().find(|(phone, _)| *phone == to);
    let by_number = listed.map(|(_, code)| refuse(StatusCode::BAD_REQUEST, *code));
    let by_inbox = || inbox.refuses().then(|| refuse(StatusCode::TOO_MANY_REQUESTS, 20429));
    by_number.or_else(by_inbox)
}
