//! `PUT /v1/me/avatar`: my picture.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::upload::{AvatarFile, AvatarForm, Upload};
use shared::{
    audit::{Action, Recorder},
    avatars::{AvatarUrls, Avatars},
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    users::Size,
};

pub mod picture;
#[cfg(test)]
mod tests;
mod upload;

/// Where my picture is from now on.
#[derive(Serialize, ToSchema)]
pub struct PutAvatarAnswer {
    /// 512 pixels square, a JPEG.
    #[schema(example = "https://avatars.example.com/0f2d…/512.jpg")]
    avatar_url: Option<String>,
    /// 96 pixels square.
    #[schema(example = "https://avatars.example.com/0f2d…/96.jpg")]
    avatar_thumbnail_url: Option<String>,
}

/// Sets my picture: a JPEG, PNG, WebP or GIF as the body, or a form with one file.
///
/// What it is its content tells, not its type or name. It is turned upright, cropped to a square, and made
/// a JPEG of 512 and one of 96 pixels, without the metadata, such as a place, that a camera wrote. Of an
/// animation the first picture is taken. At most 4 MiB and 4,096 pixels a side.
#[utoipa::path(
    put,
    path = "/v1/me/avatar",
    operation_id = "me-avatar-put",
    tag = "Me",
    security(("access_token" = [])),
    request_body(content(
        (AvatarFile = "image/jpeg"),
        (AvatarFile = "image/png"),
        (AvatarFile = "image/webp"),
        (AvatarFile = "image/gif"),
        (AvatarFile = "application/octet-stream"),
        (AvatarForm = "multipart/form-data"),
    )),
    responses((status = 200, description = "The picture is shown", body = PutAvatarAnswer)),
    extensions(("x-codes" = json!(["invalid_image"]))),
)]
async fn put(
    caller: Caller,
    avatars: Avatars,
    avatar_urls: AvatarUrls,
    recorder: Recorder,
    Upload(bytes): Upload,
) -> Result<Json<PutAvatarAnswer>, Error> {
    let picture = picture::portrait(bytes).await?;
    let event = recorder.event(caller.own_activity(Action::AvatarChange))?;
    let user = avatars.set(caller.user.id, picture, event).await?;
    let url = |size| user.avatar.as_ref().and_then(|key| avatar_urls.url(key, size));
    Ok(Json(PutAvatarAnswer {
        avatar_url: url(Size::Full),
        avatar_thumbnail_url: url(Size::Thumbnail),
    }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
