//! `POST /v1/reports/{sender}/{token}`: takes a delivery report.

use axum::{
    body::to_bytes,
    extract::{RawQuery, Request},
    http::StatusCode,
};
use serde::Deserialize;
use shared::{
    base::Error,
    http::{MAX_BODY_BYTES, PathNames},
    latchkey::Latchkey,
    messages::{ReceivedReport, Reports},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The sender whose reports are answered by 200.
const WHATSAPP: &str = "whatsapp";

/// A report of Twilio, which has further fields.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct TwilioReport {
    /// Twilio's status of the text.
    #[serde(rename = "MessageStatus")]
    #[schema(example = "delivered")]
    message_status: String,
    /// Twilio's code for the reason, if the text was not delivered.
    #[serde(rename = "ErrorCode")]
    #[schema(example = "30003")]
    error_code: Option<String>,
}

/// A report of the service that gets texts by webhook.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct WebhookReport {
    /// `text.sent`, `text.delivered` or `text.failed`. Other types are accepted and change nothing.
    #[serde(rename = "type")]
    #[schema(example = "text.delivered")]
    kind: String,
    /// When it happened.
    #[schema(format = DateTime, example = "2027-01-15T08:00:05Z")]
    timestamp: String,
    /// The text.
    data: WebhookReportData,
}

/// The text that a report is about.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct WebhookReportData {
    /// The `data.id` of the text.
    #[schema(example = "0d8c3f62-5b7e-4c1a-9f0e-2a6d8b4c1e3f")]
    id: String,
    /// Why it failed, in a word for the log.
    #[schema(example = "unreachable")]
    reason: Option<String>,
}

/// A report of Vonage, which has further fields.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct VonageReport {
    /// Vonage's status of the text. Those that are not known are accepted and change nothing.
    #[schema(example = "delivered")]
    status: String,
    /// The id of the text, which was sent along with it.
    #[schema(example = "0d8c3f62-5b7e-4c1a-9f0e-2a6d8b4c1e3f")]
    client_ref: String,
}

/// A webhook of Meta about messages in WhatsApp, which has further fields.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct WhatsappReport {
    /// The changes of several accounts. `changes[].value.statuses[]` has the states of messages.
    entry: Vec<serde_json::Value>,
}

/// A report as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JsonReport {
    /// Of Vonage.
    Vonage(VonageReport),
    /// Of Meta.
    Whatsapp(WhatsappReport),
    /// Of the service behind a webhook.
    Webhook(WebhookReport),
}

/// Report whether a text was delivered
///
/// For the senders of texts, which get this address with each text. Meta reports on all messages in
/// WhatsApp at `/v1/reports/whatsapp/app`. A report is accepted for four days, by the sender of the text alone, who
/// signs it: Twilio by `X-Twilio-Signature`, Vonage by a token with the hash of the body, Meta by
/// `X-Hub-Signature-256`, the service of a webhook by
/// [Standard Webhooks](https://www.standardwebhooks.com/). A report may come more than once, and reports may come in any order. Everything that is not accepted is `not_found`.
#[utoipa::path(
    post,
    path = "/v1/reports/{sender}/{token}",
    operation_id = "reports-create",
    tag = "Senders",
    params(
        ("sender" = String, Path, description = "`twilio`, `vonage`, `whatsapp` or `webhook`"),
        ("token" = String, Path, description = "From the address that came with the text"),
    ),
    request_body(content(
        (TwilioReport = "application/x-www-form-urlencoded"),
        (JsonReport = "application/json"),
    )),
    responses(
        (status = 200, description = "The report of Meta was accepted"),
        (status = 204, description = "The report was accepted"),
    ),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn create(
    reports: Reports,
    PathNames(sender, token): PathNames,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<StatusCode, Error> {
    if query.is_some() {
        return Err(Error::NotFound);
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Error::NotFound)?;
    let received = ReceivedReport { headers: &head.headers, body: &body };
    reports.receive((&sender, &token), received).await?;
    // Meta repeats what is not answered by 200.
    Ok(if sender == WHATSAPP { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
