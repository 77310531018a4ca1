//! `POST /v1/addresses/unlock`: ends every wait of a phone or an e-mail address.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::Error,
    challenges::Challenges,
    http::{Admin, Json, UsersWrite},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The address: a phone or an e-mail address, but not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockAddressRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in any letter case.
    email: Option<String>,
}

/// Unlock a phone or an e-mail address
///
/// Ends every wait of the address, whether or not somebody owns it: wrong codes and passwords,
/// messages of the last hour and day, the cooldown, and a stop. To end all waits of a user, send the
/// status `active` to `PATCH /v1/users/{user_id}`. Each request is in the audit trail.
#[utoipa::path(
    post,
    path = "/v1/addresses/unlock",
    operation_id = "addresses-unlock",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    request_body = UnlockAddressRequest,
    responses((status = 204, description = "Nothing makes the address wait any more")),
    extensions(("x-codes" = json!(["invalid_phone", "country_not_allowed", "invalid_email"]))),
)]
async fn unlock(
    admin: Admin<UsersWrite>,
    users: Users,
    challenges: Challenges,
    recorder: Recorder,
    Json(request): Json<UnlockAddressRequest>,
) -> Result<StatusCode, Error> {
    let address = challenges.address(request.phone.as_deref(), request.email.as_deref())?;
    let activity = admin.caller.activity(Action::AddressUnlock, address.masked());
    users.unlock_address(&address, &recorder.event(activity)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(unlock))
}
