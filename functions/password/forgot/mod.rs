//! `POST /v1/password/forgot`: sends a code, or a link and a code, to set a new password.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::Apps,
    base::Error,
    challenges::{ChallengeView, Challenges, NewChallenge, Purpose},
    http::{Client, Credentials, EndUserAddress, Json},
    identifiers::Address,
    latchkey::Latchkey,
    messages::Messenger,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The account whose password was forgotten, by its phone or e-mail address, but not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "+15005550006"}))]
pub struct ForgotPasswordRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in any letter case.
    email: Option<String>,
    /// The `device_token` of an earlier sign-in on this device. One that is not of the user with
    /// this address reads as none.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// The solved proof of work, if the answer to this request was `proof_required`.
    proof: Option<String>,
}

/// Start a password reset
///
/// Sends a code, with which `POST /v1/password/reset` sets a new password. If the deployment has a
/// page for it, an e-mail also contains a link, which works for 30 minutes. The answer and the time
/// that it takes are the same for every valid address, whether or not it has an account and whether
/// or not a message could be sent. The message is in the name of the default app, or of a confidential app
/// that authenticates by HTTP Basic.
#[utoipa::path(
    post,
    path = "/v1/password/forgot",
    operation_id = "password-forgot",
    tag = "Passwords",
    params(EndUserAddress),
    request_body = ForgotPasswordRequest,
    responses((
        status = 202,
        description = "If the address has an account, a code is on its way",
        body = ChallengeView
    )),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "sms_limit_reached",
        "proof_required", "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn forgot(
    apps: Apps,
    accounts: Accounts,
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Credentials(credentials): Credentials,
    Json(request): Json<ForgotPasswordRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    let app = apps.identify(None, credentials.as_ref()).await?;
    let client = client.served_by(&app)?;
    let address = challenges.address(request.phone.as_deref(), request.email.as_deref())?;

    let user = accounts.resettable(&address).await?;
    let link = match (&user, &address) {
        (Some(user), Address::Email(_)) => accounts.reset_link(user),
        _ => None,
    };

    let locale = user.as_ref().and_then(|user| user.locale.clone());
    let new = NewChallenge {
        decoy: user.is_none(),
        resets: user.as_ref().map(|user| (user.id, user.password_count)),
        link,
        device_token: request.device_token,
        proof: request.proof,
        ..NewChallenge::new(Purpose::PasswordReset, app, address, locale, client.ip)
    };

    // It takes the same time for every address.
    Ok((StatusCode::ACCEPTED, Json(challenges.open(new, &messenger).await?)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(forgot))
}
