//! `DELETE /v1/users/by-phone/{phone}`: deletes the user with a phone.

use axum::http::StatusCode;
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    avatars::Avatars,
    base::Error,
    challenges::Challenges,
    http::{Admin, IfMatch, PathName, UsersWrite},
    identifiers::Address,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Delete the user with a phone
///
/// All data of the user is deleted. Only an administrator can delete an administrator, and the last
/// one cannot be deleted: the answer is `conflict`.
#[utoipa::path(
    delete,
    path = "/v1/users/by-phone/{phone}",
    operation_id = "users-delete-by-phone",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params((
        "phone" = String,
        Path,
        description = "The phone number in E.164 form, percent-encoded",
        example = "%2B14155550123"
    ), IfMatch),
    responses((status = 204, description = "Deleted")),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "not_found", "conflict", "precondition_failed"
    ]))),
)]
async fn delete_by_phone(
    admin: Admin<UsersWrite>,
    users: Users,
    avatars: Avatars,
    recorder: Recorder,
    challenges: Challenges,
    PathName(phone): PathName,
    seen: IfMatch,
) -> Result<StatusCode, Error> {
    let address = Address::Sms(challenges.phone(&phone)?);
    let user = users.with_address(&address).await?.ok_or(Error::NotFound)?;

    let event =
        recorder.event(admin.caller.activity(Action::UserDelete, format!("user:{}", user.id)))?;
    users.recording(event).delete(user.id, seen.tags(), &admin.permissions, &avatars).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete_by_phone))
}
