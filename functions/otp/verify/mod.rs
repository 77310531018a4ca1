//! `POST /v1/otp/verify`: proves a challenge.

use serde::{Deserialize, Serialize};
use shared::{
    accounts::{Accounts, UserView},
    audit::{Action, Recorder},
    base::Error,
    challenges::{Challenges, OneTimeCode, Purpose},
    http::{Caller, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    sessions::{Sessions, SignIn},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A code for a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyOtpRequest {
    challenge_id: Uuid,
    /// The digits that were sent.
    #[schema(example = "123456")]
    code: String,
}

/// What the challenge was for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum VerifyOtpAnswer {
    /// A session, or the second factor.
    SignIn(SignIn),
    /// The address is his.
    NewAddress(NewAddressView),
}

/// The signed-in user, with the new phone or e-mail address, and nothing else: by that it is told from a session.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddressView {
    user: Box<UserView>,
}

/// Proves a challenge with its code: a session, or what the challenge was for.
///
/// A challenge for a new phone or e-mail address is proven by the user who asked for it, signed in.
/// A code signs in once, however many requests arrive together. The last wrong code answers
/// `otp_incorrect` with `attempts_left` 0; what follows is `otp_locked`, with `retry_after` where the
/// phone itself has to wait.
#[utoipa::path(
    post,
    path = "/v1/otp/verify",
    operation_id = "otp-verify",
    tag = "One-time codes",
    request_body = VerifyOtpRequest,
    responses((status = 200, description = "Signed in, the second factor is due, or the address changed", body = VerifyOtpAnswer)),
    extensions(("x-codes" = json!(["otp_incorrect", "otp_locked", "otp_expired", "token_invalid", "token_expired", "conflict",
        "user_disabled", "app_disabled"]))),
)]
async fn verify(
    challenges: Challenges,
    sessions: Sessions,
    accounts: Accounts,
    messenger: Messenger,
    caller: Result<Caller, Error>,
    recorder: Recorder,
    Json(request): Json<VerifyOtpRequest>,
) -> Result<Json<VerifyOtpAnswer>, Error> {
    let code = OneTimeCode::parse_field("code", &request.code)?;
    let user_id = caller.as_ref().ok().map(|caller| caller.user.id);
    let accepted = [Purpose::SignIn, Purpose::NewAddress];
    let proven = challenges.prove(request.challenge_id, &code, user_id, &accepted, &recorder).await;
    // Who signs in needs no token: one that is too old matters only where there has to be one.
    let (proven, caller) = match (proven, caller) {
        (Err(Error::TokenMissing), Err(refused)) => return Err(refused),
        (proven, caller) => (proven?, caller.ok()),
    };
    match (proven.challenge.purpose, caller) {
        (Purpose::SignIn, _) => {
            let challenge = proven.challenge.clone();
            let sign_in = challenges
                .redeem(&challenge, sessions.sign_in(proven, recorder.device().clone()))
                .await?;
            Ok(Json(VerifyOtpAnswer::SignIn(sign_in)))
        }
        (Purpose::NewAddress, Some(caller)) => {
            let event = recorder.event(caller.own_activity(Action::AddressChange))?;
            let accounts = accounts.recording(event);
            let changed = accounts.change_address(caller.user.id, &proven.content.address);
            let (user, old) = challenges.redeem(&proven.challenge, changed).await?;
            if let Some(old) = old {
                accounts
                    .tell_at(&old, Subject::AddressChanged, user.locale.as_deref(), &messenger)
                    .await;
            }
            let user =
                Box::new(UserView::new(&user, &caller.claims.client_id, accounts.avatar_urls()));
            Ok(Json(VerifyOtpAnswer::NewAddress(NewAddressView { user })))
        }
        (Purpose::NewAddress | Purpose::PasswordReset, _) => Err(Error::OtpExpired),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(verify))
}
