//! SES v2: `SendEmail`.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Message};

pub(crate) fn router(inbox: Inbox) -> Router {
    Router::new().route("/v2/email/outbound-emails", post(send)).with_state(inbox)
}

async fn send(State(inbox): State<Inbox>, Json(request): Json<Value>) -> Response {
    let text = |pointer: &str| {
        request.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let to = text("/Destination/ToAddresses/0");

    let body = text("/Content/Simple/Body/Text/Data");
    if to.is_empty() || body.is_empty() {
        return error(
            StatusCode::BAD_REQUEST,
            "BadRequestException",
            "ToAddresses and a text body are required",
        );
    }

    if inbox.refuses() {
        return error(StatusCode::BAD_REQUEST, "SendingPausedException", "sending is paused");
    }

    let (subject, html) =
        (text("/Content/Simple/Subject/Data"), text("/Content/Simple/Body/Html/Data"));
    inbox.deliver(Message::mail((text("/FromEmailAddress"), to), subject, body, html));

    Json(json!({"MessageId": uuid::Uuid::new_v4()})).into_response()
}

fn error(status: StatusCode, code: &'static str, message: &str) -> Response {
    (status, [("x-amzn-errortype", code)], Json(json!({"message": message}))).into_response()
}
