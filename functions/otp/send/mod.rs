//! `POST /v1/otp/send`: sends a sign-in code by text or e-mail.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    apps::Apps,
    base::Error,
    challenges::{ChallengeView, Challenges, NewChallenge, Purpose},
    http::{Client, Credentials, EndUserAddress, Idempotent, Json, Once},
    identifiers::Channel,
    latchkey::Latchkey,
    messages::{self, Messenger},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The address that the code is sent to: a phone or an e-mail address, but not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "+15005550006"}))]
pub struct SendOtpRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in ASCII and of at most 254 characters. It is refused if the deployment
    /// sends no e-mails.
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// How to send the code, one of the `channels` of `GET /v1/config`: `sms`, `whatsapp` or `voice` to
    /// a phone, `email` to an e-mail address. Nothing is sent by another channel than the one that is asked for.
    channel: Option<Channel>,
    /// The app to sign in to. Default: the app that authenticates by HTTP Basic, or
    /// `default`.
    client_id: Option<String>,
    /// The language of the message: a BCP 47 language tag. Its language, script and region count, all else
    /// is left out, and a tag without a language counts as none. Default: the language of the
    /// phone's country.
    #[schema(example = "en-US")]
    locale: Option<String>,
    /// The `device_token` of an earlier sign-in on this device. One that is not of the user with
    /// this address reads as none.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// The solved proof of work, if the answer to this request was `proof_required`.
    proof: Option<String>,
}

/// Start a sign-in with a one-time code
///
/// Sends a code by text or e-mail; finish the sign-in with `POST /v1/otp/verify`. The same request
/// serves sign-up and sign-in: the answer does not reveal whether the address has an account. A new
/// challenge replaces the previous one. Between messages to one address there must be 30, 60, 120
/// and then 300 seconds, unless the deployment sets another cooldown. A confidential app
/// authenticates by HTTP Basic.
#[utoipa::path(
    post,
    path = "/v1/otp/send",
    operation_id = "otp-send",
    tag = "One-time codes",
    params(Once, EndUserAddress),
    request_body = SendOtpRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "resend_too_soon",
        "undeliverable", "sms_limit_reached", "proof_required", "otp_locked", "invalid_client",
        "app_disabled", "forbidden", "idempotency_conflict"
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
        let locale = request.locale.as_deref().and_then(messages::parse_locale);
        let address = challenges.address(request.phone.as_deref(), request.email.as_deref())?;
        let (app, lookup) = tokio::try_join!(
            apps.identify(request.client_id.as_deref(), credentials.as_ref()),
            challenges.look_up(&address, request.device_token.as_deref(), client.ip.as_deref()),
        )?;
        let client = client.served_by(&app)?;

        let new = NewChallenge {
            channel: request.channel,
            device_token: request.device_token,
            proof: request.proof,
            ..NewChallenge::new(Purpose::SignIn, app, address, locale, client.ip)
        };
        let opened = challenges.open_with(new, lookup, &messenger).await?;
        Ok((StatusCode::ACCEPTED, Json(opened)).into_response())
    })
    .await
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(send))
}
