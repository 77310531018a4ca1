//! `POST /v1/otp/send`: texts or mails a sign-in code.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    apps::Apps,
    base::Error,
    challenges::{ChallengeView, Challenges, NewChallenge, Purpose},
    http::{Client, Credentials, Idempotent, Json, Once},
    latchkey::Latchkey,
    messages::{self, Messenger},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Where the code goes: a phone or an e-mail address, not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendOtpRequest {
    /// E.164, or the digits of a national number where the deployment has a default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// The app to sign in to; `default` where it is not given.
    client_id: Option<String>,
    /// The language of the message (BCP 47); the one of the phone's country where it is not given.
    #[schema(example = "en-US")]
    locale: Option<String>,
}

/// Texts or mails a sign-in code.
///
/// One form serves sign-up and sign-in: the answer is the same whether or not the address has an
/// account. A new challenge replaces the one before. Messages to one address are 30, 60, 120 and then
/// 300 seconds apart.
#[utoipa::path(
    post,
    path = "/v1/otp/send",
    operation_id = "otp-send",
    tag = "One-time codes",
    params(Once),
    request_body = SendOtpRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "resend_too_soon", "sms_limit_reached", "otp_locked",
        "invalid_client", "app_disabled", "idempotency_conflict"
    ]))),
)]
async fn send(
    apps: Apps,
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Credentials(credentials): Credentials,
    Idempotent(request, once): Idempotent<SendOtpRequest>,
) -> Result<Response, Error> {
    let caller = client.ip.clone().unwrap_or_default();
    once.answer(&caller, async {
        let app = apps.identify(request.client_id.as_deref(), credentials.as_ref()).await?;
        let locale = messages::parse_locale(request.locale)?;
        let address = challenges.address(request.phone.as_deref(), request.email.as_deref())?;
        let new = NewChallenge::new(Purpose::SignIn, app, address, locale, client.ip);
        Ok((StatusCode::ACCEPTED, Json(challenges.open(new, &messenger).await?)).into_response())
    })
    .await
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(send))
}
