//! `GET /v1/users/by-phone/{phone}`: returns the user with a phone.

use shared::{
    accounts::UserView,
    administration::Users,
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    challenges::Challenges,
    http::{Admin, PathName, Tagged, UsersRead},
    identifiers::Address,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get the user with a phone
///
/// Send the `ETag` of the answer as `If-Match` with a change that depends on what was read. The
/// read is recorded in the audit trail.
#[utoipa::path(
    get,
    path = "/v1/users/by-phone/{phone}",
    operation_id = "users-get-by-phone",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params((
        "phone" = String,
        Path,
        description = "The phone number in E.164 form, percent-encoded",
        example = "%2B14155550123"
    )),
    responses((
        status = 200,
        description = "The user",
        body = UserView,
        headers(("ETag" = String, description = "For `If-Match`"))
    )),
    extensions(("x-codes" = json!(["invalid_phone", "country_not_allowed", "not_found"]))),
)]
async fn get_by_phone(
    admin: Admin<UsersRead>,
    users: Users,
    challenges: Challenges,
    recorder: Recorder,
    PathName(phone): PathName,
) -> Result<Tagged, Error> {
    let address = Address::Sms(challenges.phone(&phone)?);
    let user = users.with_address(&address).await?.ok_or(Error::NotFound)?;
    let metadata = users.metadata(&user).await?;
    recorder.record(admin.caller.activity(Action::UserRead, format!("user:{}", user.id))).await?;
    Ok(Tagged::new(&user, metadata, DEFAULT_CLIENT_ID, users.avatar_urls()))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get_by_phone))
}
