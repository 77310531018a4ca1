//! Senders of texts that are not SNS, as far as one text goes: AWS End User Messaging (AWS JSON 1.0),
//! the APIs of Twilio and Twilio Verify, the Messages API of Vonage, Kaleyra's SMS API, and Meta's Cloud API for WhatsApp.

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

/// The vendors beside AWS, each with the setting that names its host.
pub(crate) fn all(inbox: &Inbox) -> [(&'static str, Router); 5] {
    [
        ("TWILIO_URL", twilio(inbox.clone())),
        ("TWILIO_VERIFY_URL", twilio_verify(inbox.clone())),
        ("VONAGE_URL", vonage(inbox.clone())),
        ("KALEYRA_URL", kaleyra(inbox.clone())),
        ("WHATSAPP_URL", whatsapp(inbox.clone())),
    ]
}

/// Twilio.
fn twilio(inbox: Inbox) -> Router {
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
    let refuse = |status: StatusCode, code: u32| {
        let body = json!({
            "code": code, "message": "refused", "more_info": "", "status": status.as_u16(),
        });
        (status, Json(body)).into_response()
    };
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

/// Twilio Verify, as far as our own codes go.
fn twilio_verify(inbox: Inbox) -> Router {
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
    let refuse = |status: StatusCode, code: u32| {
        let body = json!({
            "code": code, "message": "refused", "more_info": "", "status": status.as_u16(),
        });
        (status, Json(body)).into_response()
    };
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
    if let Some((_, code)) = REFUSED.iter().find(|(phone, _)| *phone == to) {
        return refuse(StatusCode::BAD_REQUEST, *code);
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, 20429);
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

/// WhatsApp, by Meta's Cloud API.
fn whatsapp(inbox: Inbox) -> Router {
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
