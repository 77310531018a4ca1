//! `POST /v1/auth/register`: sign-up.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::Apps,
    base::Error,
    challenges::{ChallengeView, Challenges, NewChallenge, Purpose, Registration},
    http::{Client, Credentials, Idempotent, Json, Once},
    identifiers::{Username, parse_name},
    latchkey::Latchkey,
    messages::{self, Messenger},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Who signs up. A phone or an e-mail address is needed; with both, the phone is proven now, and the
/// e-mail address stays unverified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    password: Option<String>,
    #[schema(example = "ann")]
    username: Option<String>,
    #[schema(example = "Ann Lee")]
    name: Option<String>,
    #[schema(example = "en-US")]
    locale: Option<String>,
    client_id: Option<String>,
}

/// Signs up with a phone or an e-mail address.
///
/// The account exists once the code is verified. Where the address has an account already, the answer
/// is the same; the message says so, and its code signs in without changing anything. Usernames are
/// public: one that is taken is refused at once.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    operation_id = "auth-register",
    tag = "Sign-in",
    params(Once),
    request_body = RegisterRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "weak_password", "conflict", "resend_too_soon",
        "sms_limit_reached", "otp_locked", "invalid_client", "app_disabled",
        "idempotency_conflict"
    ]))),
)]
async fn register(
    apps: Apps,
    accounts: Accounts,
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Credentials(credentials): Credentials,
    Idempotent(request, once): Idempotent<RegisterRequest>,
) -> Result<Response, Error> {
    let caller = client.ip.clone().unwrap_or_default();
    once.answer(&caller, async {
        let app = apps.identify(request.client_id.as_deref(), credentials.as_ref()).await?;
        let locale = messages::parse_locale(request.locale)?;
        let (address, unverified_email) = match (&request.phone, &request.email) {
            (Some(phone), Some(email)) => {
                (challenges.address(Some(phone), None)?, Some(challenges.email(email)?))
            }
            (phone, email) => (challenges.address(phone.as_deref(), email.as_deref())?, None),
        };
        let registration = Registration {
            password: None,
            username: request.username.as_deref().map(Username::parse).transpose()?,
            name: request.name.map(parse_name).transpose()?,
            unverified_email,
        };
        let password =
            request.password.map(|password| Password::parse("password", password)).transpose()?;
        let registration = accounts.registration(&address, password, registration).await?;
        let new = NewChallenge {
            registration: Some(registration),
            ..NewChallenge::new(Purpose::SignIn, app, address, locale, client.ip)
        };
        Ok((StatusCode::ACCEPTED, Json(challenges.open(new, &messenger).await?)).into_response())
    })
    .await
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(register))
}
