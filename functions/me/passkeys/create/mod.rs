//! `POST /v1/me/passkeys`: adds a passkey.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::Apps,
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, CredentialJson, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    passkeys::{PasskeyView, Passkeys, parse_passkey_name},
    webauthn::RegistrationResponse,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePasskeyRequest {
    /// The result of `navigator.credentials.create` as JSON: its `toJSON()`.
    credential: RegistrationResponse,
    /// A name for it: 1 to 64 characters. Default: that of the app that keeps it, or `Passkey` if it is
    /// not known.
    #[schema(example = "My laptop")]
    name: Option<String>,
}

/// Add a passkey
///
/// A passkey signs in without a phone, a code or a password, and stands for two factors. A user can
/// have 10. A notice with a link that undoes it is sent to the user. A request that is sent again
/// returns the same passkey. It needs a fresh sign-in (RFC 9470): less than 10 minutes old, and with
/// both factors if the user has two.
#[utoipa::path(
    post,
    path = "/v1/me/passkeys",
    operation_id = "me-passkeys-create",
    tag = "Passkeys",
    security(("access_token" = [])),
    request_body = CreatePasskeyRequest,
    responses((status = 201, description = "Added", body = PasskeyView)),
    extensions(("x-codes" = json!([
        "not_found", "conflict", "app_disabled", "insufficient_user_authentication"
    ]))),
)]
async fn create(
    caller: Caller,
    apps: Apps,
    passkeys: Passkeys,
    accounts: Accounts,
    messenger: Messenger,
    recorder: Recorder,
    CredentialJson(request): CredentialJson<CreatePasskeyRequest>,
) -> Result<(StatusCode, Json<PasskeyView>), Error> {
    let name = request.name.as_deref().map(parse_passkey_name).transpose()?;
    let app = apps.of_session(&caller.claims.client_id).await?;
    let event = recorder.event(caller.own_activity(Action::PasskeyAdd))?;
    let by = (&caller.user, caller.claims.sid, app.as_ref());
    let added = passkeys.recording(event).add(by, &request.credential, name).await?;
    if let Some(user) = &added.user {
        accounts.tell(user, Subject::PasskeyAdded, None, &messenger).await;
    }
    Ok((StatusCode::CREATED, Json(added.passkey.into())))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
