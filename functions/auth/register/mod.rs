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
    http::{Client, Credentials, EndUserAddress, Idempotent, Json, Once},
    identifiers::{Username, parse_name},
    latchkey::Latchkey,
    messages::{self, Messenger},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new account. It needs a phone or an e-mail address. If both are sent, the code goes to the
/// phone, and the e-mail address stays unverified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Ann Lee",
    "password": "correct horse battery staple",
    "phone": "+15005550006"
}))]
pub struct RegisterRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in ASCII and of at most 254 characters.
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// The password: up to 256 characters, and at least as many as the deployment's minimum (8 by
    /// default). One that is easy to guess is refused. If it is left out, the user has no password.
    password: Option<String>,
    /// The username: a letter, then 2 to 63 letters, digits, `.`, `_` or `-`, all in ASCII. It is
    /// unique regardless of letter case. Names such as `admin`, and the service's own, are reserved.
    #[schema(example = "ann")]
    username: Option<String>,
    /// The display name: 1 to 64 visible characters, without spaces around them and without any of
    /// `/:@#<>{}\`, control characters and marks of direction. It is kept in NFC.
    #[schema(example = "Ann Lee")]
    name: Option<String>,
    /// The language of messages: a BCP 47 language tag. Its language, script and region count, all else
    /// is left out, and a tag without a language counts as none. Default: the language of the
    /// phone's country.
    #[schema(example = "en-US")]
    locale: Option<String>,
    /// The app to sign up with. Default: the app that authenticates by HTTP Basic, or
    /// `default`.
    client_id: Option<String>,
    /// The `device_token` of an earlier sign-in on this device. One that is not of the user with
    /// this address reads as none.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// The solved proof of work, if the answer to this request was `proof_required`.
    proof: Option<String>,
}

/// Sign up with a phone or an e-mail address
///
/// The account is created when the code is verified with `POST /v1/otp/verify`. If the address
/// already has an account, the response is the same, so it does not reveal who has one. The message
/// then says so, and its code signs in without changing the account. Usernames are public: one that
/// is taken is refused immediately. A confidential app authenticates by HTTP Basic.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    operation_id = "auth-register",
    tag = "Sign-in",
    params(Once, EndUserAddress),
    request_body = RegisterRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "weak_password", "conflict",
        "resend_too_soon", "undeliverable", "sms_limit_reached", "proof_required", "otp_locked",
        "invalid_client", "app_disabled", "forbidden", "idempotency_conflict"
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
        let client = client.served_by(&app)?;
        let locale = request.locale.as_deref().and_then(messages::parse_locale);
        let (address, unverified_email) = match (&request.phone, &request.email) {
            (Some(phone), Some(email)) => {
                (challenges.address(Some(phone), None)?, Some(challenges.email(email)?))
            }
            (phone, email) => (challenges.address(phone.as_deref(), email.as_deref())?, None),
        };

        let choose = |username: &str| Username::choose(username, &apps.settings().app_name);
        let registration = Registration {
            password: None,
            username: request.username.as_deref().map(choose).transpose()?,
            name: request.name.as_deref().map(parse_name).transpose()?,
            unverified_email,
        };

        let password =
            request.password.map(|password| Password::parse("password", password)).transpose()?;
        let registration = accounts.registration(&address, password, registration).await?;

        let new = NewChallenge {
            registration: Some(registration),
            device_token: request.device_token,
            proof: request.proof,
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
