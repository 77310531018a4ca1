//! `DELETE /v1/users/{user_id}/mfa`: removes a user's second factor.

use axum::http::StatusCode;
use shared::{
    accounts::Accounts,
    administration::{Users, check_is_other},
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, IfMatch, PathId, UsersWrite},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Remove a user's second factor and passkeys
///
/// For a user who lost both the authenticator app and the recovery codes, or whose account somebody
/// else has used. Their passkeys are removed, too. A notice is sent to the user. You can do this only to users who have no right that you lack, and not to yourself: use
/// `DELETE /v1/me/totp`. If there is nothing to remove, nothing changes, and the answer is the same.
#[utoipa::path(
    delete,
    path = "/v1/users/{user_id}/mfa",
    operation_id = "users-mfa-delete",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    responses((status = 204, description = "Removed, or there was none")),
    extensions(("x-codes" = json!(["invalid_request", "not_found", "precondition_failed"]))),
)]
async fn delete(
    admin: Admin<UsersWrite>,
    users: Users,
    recorder: Recorder,
    accounts: Accounts,
    messenger: Messenger,
    PathId(id): PathId,
    seen: IfMatch,
) -> Result<StatusCode, Error> {
    check_is_other(admin.caller.user.id, id)?;
    let event = recorder
        .event(admin.caller.activity(Action::UserSecondFactorRemove, format!("user:{id}")))?;
    let removed =
        users.recording(event).remove_second_factor(id, seen.tags(), &admin.permissions).await?;
    if let Some(user) = removed {
        accounts.tell(&user, Subject::SecondFactorRemoved, None, &messenger).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
