//! `POST /v1/otp/send`: texts a sign-in code.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    address::Address,
    app,
    challenge::Purpose,
    challenges::{ChallengeView, Challenges, NewChallenge},
    error::Error,
    http::{Client, Json},
    messages::{self, Texts},
    parts::Parts,
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
    /// Not available yet.
    email: Option<String>,
    /// The app to sign in to; `default` where it is not given.
    client_id: Option<String>,
    /// The language of the text (BCP 47); the one of the phone's country where it is not given.
    #[schema(example = "en-US")]
    locale: Option<String>,
}

/// Texts a sign-in code.
///
/// One form serves sign-up and sign-in: the answer is the same whether or not the phone has an
/// account. A new challenge replaces the one before. Messages to one phone are 30, 60, 120 and then
/// 300 seconds apart.
#[utoipa::path(
    post,
    path = "/v1/otp/send",
    operation_id = "otp-send",
    tag = "One-time codes",
    request_body = SendOtpRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "resend_too_soon", "sms_limit_reached", "otp_locked"
    ]))),
)]
async fn send(
    challenges: Challenges,
    texts: Texts,
    client: Client,
    Json(request): Json<SendOtpRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    app::check_client_id(request.client_id.as_deref())?;
    let new = NewChallenge {
        purpose: Purpose::SignIn,
        locale: messages::parse_locale(request.locale)?,
        address: match (request.phone, request.email) {
            (Some(phone), None) => Address::Sms(challenges.phone(&phone)?),
            (None, Some(_)) => return Err(Error::field("email", "codes by e-mail are not available yet")),
            (Some(_), Some(_)) => return Err(Error::field("email", "give a phone or an e-mail address, not both")),
            (None, None) => return Err(Error::field("phone", "is missing")),
        },
        ip: client.ip,
    };
    Ok((StatusCode::ACCEPTED, Json(challenges.open(new, &texts).await?)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(send))
}
