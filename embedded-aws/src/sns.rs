//! SNS: `Publish` to a phone (the Query protocol: the request is a form, the response XML).

use std::collections::BTreeMap;

use axum::{
    Form, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};

use crate::inbox::{Inbox, Message};

pub(crate) fn router(inbox: Inbox) -> Router {
    Router::new().route("/", post(call)).with_state(inbox)
}

async fn call(State(inbox): State<Inbox>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if field("Action") != "Publish" {
        return error(StatusCode::BAD_REQUEST, "InvalidAction", "only Publish is supported");
    }

    let (phone, message) = (field("PhoneNumber"), field("Message"));
    if phone.is_empty() || message.is_empty() {
        return error(
            StatusCode::BAD_REQUEST,
            "InvalidParameter",
            "PhoneNumber and Message are required",
        );
    }

    if inbox.refuses() {
        return error(
            StatusCode::TOO_MANY_REQUESTS,
            "Throttled",
            "the monthly spend limit is reached",
        );
    }

    let attributes = (1..)
        .map_while(|index| {
            let name = form.get(&format!("MessageAttributes.entry.{index}.Name"))?;
            let value = form.get(&format!("MessageAttributes.entry.{index}.Value.StringValue"))?;
            Some((name.clone(), value.clone()))
        })
        .collect();

    inbox.deliver(Message::text("sns", phone, message, attributes));
    let id = uuid::Uuid::new_v4();
    xml(
        StatusCode::OK,
        format!(
            r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{id}</MessageId></PublishResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></PublishResponse>"#
        ),
    )
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    xml(
        status,
        format!(
            r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"#
        ),
    )
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}
