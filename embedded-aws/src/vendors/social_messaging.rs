//! AWS End User Messaging Social, by the protocol REST JSON: messages in WhatsApp.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::whatsapp::Template;
use crate::inbox::Inbox;

/// End User Messaging Social.
pub(crate) fn social_messaging(inbox: Inbox) -> Router {
    Router::new().route("/v1/whatsapp/send", post(send_whatsapp_message)).with_state(inbox)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    origination_phone_number_id: String,
    meta_api_version: String,
    /// Meta's JSON, in Base64.
    message: String,
}

/// Takes templates for authentication alone, as Meta does.
async fn send_whatsapp_message(State(inbox): State<Inbox>, body: Bytes) -> Response {
    let refuse = |status: StatusCode, kind: &'static str| {
        (status, [("x-amzn-errortype", kind)], Json(json!({"message": "refused"}))).into_response()
    };
    let Ok(request) = serde_json::from_slice::<Request>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "ValidationException");
    };
    if !request.origination_phone_number_id.starts_with("phone-number-id-") {
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException");
    }

    let message = BASE64.decode(request.message.as_bytes()).unwrap_or_default();
    let Ok(message) = Template::read(&message) else {
        return refuse(StatusCode::BAD_REQUEST, "InvalidParametersException");
    };
    if !request.meta_api_version.starts_with('v') {
        return refuse(StatusCode::BAD_REQUEST, "InvalidParametersException");
    }
    if inbox.refuses() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "ThrottledRequestException");
    }

    message.deliver("whatsapp_aws", &inbox);
    Json(json!({"messageId": uuid::Uuid::new_v4()})).into_response()
}
