//! `POST /v1/otp/verify`: verifies the code of a challenge.

use serde::{Deserialize, Serialize};
use shared::{
    accounts::{Accounts, UserView},
    audit::Action,
    base::Error,
    challenges::{Challenges, OneTimeCode, Purpose},
    http::{Caller, Credentials, EndUserAddress, Json, Trail},
    latchkey::Latchkey,
    messages::Messenger,
    sessions::{Sessions, SignIn},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The code of a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"challenge_id": "01890000-0000-7000-8000-000000000000", "code": "123456"}))]
pub struct VerifyOtpRequest {
    /// The `challenge_id` of the response that started the challenge.
    challenge_id: Uuid,
    /// The code from the message: 6 to 10 digits, as many as `code_length` says.
    #[schema(example = "123456")]
    code: String,
}

/// The result, which depends on what the challenge was for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum VerifyOtpAnswer {
    /// The sign-in: a session, or a request for the second factor.
    SignIn(SignIn),
    /// The phone or e-mail address is now the user's.
    NewAddress(NewAddressView),
}

/// How it goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewAddressStatus {
    /// The address is the user's.
    AddressChanged,
}

/// The signed-in user, with the new phone or e-mail address.
#[derive(Serialize, ToSchema)]
pub struct NewAddressView {
    /// Always `address_changed`.
    status: NewAddressStatus,
    /// The user.
    user: Box<UserView>,
}

/// Verify a code
///
/// If the code was for a sign-in or a sign-up, the answer is a session, or `mfa_required` if the
/// user has a second factor. If it was for a new phone or e-mail address, send the access token of
/// the user who asked for the change, which this request then makes. A code works once, even if
/// many requests arrive at the same time. The answer to a wrong code is `otp_incorrect`, with
/// `attempts_left`. When that is 0, all further tries get `otp_locked`: ask for a new code. Wrong
/// codes never make anybody wait; after ten in a row for an address, new codes for it are longer.
/// After a hundred in a row, strangers get no codes for a day, and `otp_locked` has `retry_after`; a
/// known device, or another way to sign in, ends that immediately. If a confidential app asked for
/// the code to sign in, it authenticates by HTTP Basic here, too; without that, no try is used.
///
/// If nobody has used the account of a phone for `PHONE_IDLE_DAYS` (365), the number may have a new
/// owner. A code by text alone then starts a new account, and the former one keeps everything but the
/// number; its owner is told at their e-mail address, and can take the number back for 30 days. An
/// administrator's account refuses it (`phone_idle`).
#[utoipa::path(
    post,
    path = "/v1/otp/verify",
    operation_id = "otp-verify",
    tag = "One-time codes",
    params(EndUserAddress),
    request_body = VerifyOtpRequest,
    responses((
        status = 200,
        description = "Signed in, the second factor is required, or the address has changed",
        body = VerifyOtpAnswer
    )),
    extensions(("x-codes" = json!([
        "otp_incorrect", "otp_locked", "otp_expired", "token_invalid", "token_expired", "conflict",
        "user_disabled", "invalid_client", "app_disabled", "forbidden", "phone_idle"
    ]))),
)]
async fn verify(
    (challenges, sessions): (Challenges, Sessions),
    accounts: Accounts,
    messenger: Messenger,
    caller: Result<Caller, Error>,
    trail: Trail,
    Credentials(credentials): Credentials,
    Json(request): Json<VerifyOtpRequest>,
) -> Result<Json<VerifyOtpAnswer>, Error> {
    let code = OneTimeCode::parse_field("code", &request.code)?;
    let user_id = caller.as_ref().ok().map(|caller| caller.user.id);
    let challenge = challenges.resume(request.challenge_id, credentials.as_ref()).await?;
    let recorder = trail.served_by(challenge.app())?;

    let accepted = [Purpose::SignIn, Purpose::NewAddress];
    let proven = challenges.prove(challenge, &code, user_id, &accepted, &recorder).await;

    // A sign-in needs no token, so an invalid one matters only if the challenge requires a token.
    let (proven, caller) = match (proven, caller) {
        (Err(Error::TokenMissing), Err(refused)) => return Err(refused),
        (proven, caller) => (proven?, caller.ok()),
    };

    match (proven.challenge.purpose, caller) {
        (Purpose::SignIn, _) => {
            let used = proven.used_code();
            let sign_in = challenges
                .redeem((&used, &messenger), sessions.sign_in(proven, recorder.device().clone()))
                .await?;
            if let SignIn::Done(signed_in) = &sign_in
                && let Some(former) = &signed_in.detached_from
            {
                accounts.tell_detached(former, &messenger).await;
            }
            Ok(Json(VerifyOtpAnswer::SignIn(sign_in)))
        }
        (Purpose::NewAddress, Some(caller)) => {
            let event = recorder.event(caller.own_activity(Action::AddressChange))?;
            let accounts = accounts.recording(event);
            let new = &proven.content.address;
            let is_new = caller.user.addresses().all(|address| address != *new);
            let by = (caller.user.id, caller.claims.sid);
            let changed = accounts.change_address(by, new);
            let (user, old) = challenges.redeem((&proven.used_code(), &messenger), changed).await?;
            if user.is_active_admin() && !caller.user.is_active_admin() {
                recorder.record(caller.own_activity(Action::AdminByPhone)).await?;
            }

            if is_new {
                accounts.tell_address(&user, (old.as_ref(), new), &messenger).await;
            }

            let (client_id, metadata) = (&caller.claims.client_id, accounts.metadata(&user).await?);
            let view = UserView::new(&user, metadata, client_id, accounts.avatar_urls());
            Ok(Json(VerifyOtpAnswer::NewAddress(NewAddressView {
                status: NewAddressStatus::AddressChanged,
                user: Box::new(view),
            })))
        }
        (Purpose::NewAddress | Purpose::PasswordReset, _) => Err(Error::OtpExpired),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(verify))
}
