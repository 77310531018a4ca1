//! `DELETE /v1/me/passkeys/{passkey_id}`: removes a passkey.

use axum::http::StatusCode;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, PathId},
    latchkey::Latchkey,
    passkeys::Passkeys,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Remove a passkey
///
/// It signs in no more. The user can remove the last one, too: their phone or e-mail address still
/// signs in. Then list the passkeys and tell the browser which ones are left.
#[utoipa::path(
    delete,
    path = "/v1/me/passkeys/{passkey_id}",
    operation_id = "me-passkeys-delete",
    tag = "Passkeys",
    security(("access_token" = [])),
    params(("passkey_id" = uuid::Uuid, Path, description = "The passkey's id, a UUID")),
    responses((status = 204, description = "Removed")),
    extensions(("x-codes" = json!(["invalid_request", "not_found"]))),
)]
async fn delete(
    caller: Caller,
    passkeys: Passkeys,
    recorder: Recorder,
    PathId(id): PathId,
) -> Result<StatusCode, Error> {
    let event = recorder.event(caller.own_activity(Action::PasskeyRemove))?;
    let by = (&caller.user, caller.claims.sid);
    passkeys.recording(event).remove(by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
