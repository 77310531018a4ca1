//! `PUT /v1/users/{user_id}/phone`: moves a user who has lost their phone to a new one.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    accounts::{Accounts, UserView},
    administration::{PhoneMove, Users, check_is_other},
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::{Error, api_time},
    challenges::Challenges,
    http::{Admin, IfMatch, Json, PathId, Tagged, UsersWrite},
    identifiers::Address,
    latchkey::Latchkey,
    messages::Messenger,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The new phone of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovePhoneRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550199")]
    phone: String,
}

/// A move that a second administrator has to agree to.
#[derive(Serialize, ToSchema)]
pub struct MovePhoneResponse {
    /// Until when (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Move a user to a new phone
///
/// For a person who has lost their phone number and has no other way to sign in. It takes two
/// administrators: the first request is kept for a day (202), and the same request of another
/// administrator makes the change (200). A request with another phone, or of the same administrator
/// again, takes the place of the first. If the user has the phone already, nothing changes.
///
/// All sessions and known devices of the user end, and they sign in with a code to the new phone. Every
/// other proven address and the old phone get a notice with a link that undoes the change for 72 hours.
/// A second factor stays. You can do this only to users who have no right that you lack, and not to
/// yourself: use `POST /v1/me/phone`.
#[utoipa::path(
    put,
    path = "/v1/users/{user_id}/phone",
    operation_id = "users-phone-put",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    request_body = MovePhoneRequest,
    responses(
        (
            status = 200,
            description = "Moved",
            body = UserView,
            headers(("ETag" = String, description = "For `If-Match`"))
        ),
        (status = 202, description = "Waiting for a second administrator", body = MovePhoneResponse),
    ),
    extensions(("x-codes" = json!([
        "invalid_request", "invalid_phone", "country_not_allowed", "not_found", "conflict",
        "precondition_failed"
    ]))),
)]
async fn put(
    admin: Admin<UsersWrite>,
    (users, accounts, challenges): (Users, Accounts, Challenges),
    recorder: Recorder,
    messenger: Messenger,
    PathId(id): PathId,
    seen: IfMatch,
    Json(request): Json<MovePhoneRequest>,
) -> Result<Response, Error> {
    let caller = admin.caller.user.id;
    check_is_other(caller, id)?;
    let phone = challenges.phone(&request.phone)?;
    let event =
        recorder.event(admin.caller.activity(Action::UserPhoneMove, format!("user:{id}")))?;
    let moved = users
        .recording(event)
        .move_phone((id, seen.tags()), &phone, caller, &admin.permissions)
        .await?;

    Ok(match moved {
        PhoneMove::Waits { expires_at } => {
            (StatusCode::ACCEPTED, axum::Json(MovePhoneResponse { expires_at })).into_response()
        }
        PhoneMove::Unchanged(user) => {
            let metadata = users.metadata(&user).await?;
            Tagged::new(&user, metadata, DEFAULT_CLIENT_ID, users.avatar_urls()).into_response()
        }
        PhoneMove::Done { user, old } => {
            let (old, new) = (old.map(Address::Sms), Address::Sms(phone));
            accounts.tell_address(&user, (old.as_ref(), &new), &messenger).await;
            let metadata = users.metadata(&user).await?;
            Tagged::new(&user, metadata, DEFAULT_CLIENT_ID, users.avatar_urls()).into_response()
        }
    })
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
