//! `DELETE /v1/me/avatar`: removes the signed-in user's picture.

use axum::http::StatusCode;
use shared::{
    audit::{Action, Recorder},
    avatars::Avatars,
    base::Error,
    http::Caller,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Remove the signed-in user's picture
///
/// Both sizes are deleted immediately. If there is no picture, nothing changes, and the response is
/// the same.
#[utoipa::path(
    delete,
    path = "/v1/me/avatar",
    operation_id = "me-avatar-delete",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 204, description = "Removed, or there was none")),
)]
async fn delete(caller: Caller, avatars: Avatars, recorder: Recorder) -> Result<StatusCode, Error> {
    let event = recorder.event(caller.own_activity(Action::AvatarRemove))?;
    avatars.remove(caller.user.id, event, |_| Ok(())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
