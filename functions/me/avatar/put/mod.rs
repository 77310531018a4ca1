//! `PUT /v1/me/avatar`: sets the signed-in user's picture.

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

mod colours;
pub mod picture;
#[cfg(test)]
mod tests;
mod upload;

/// The URLs of the new picture.
#[derive(Serialize, ToSchema)]
pub struct PutAvatarAnswer {
    /// The URL of the picture, a JPEG of 512 pixels square. If the URL is signed, it works for at
    /// least 45 minutes. `null` if it cannot be signed.
    #[schema(example = "https://avatars.example.com/0f2d…/512.jpg")]
    avatar_url: Option<String>,
    /// The URL of the thumbnail, a JPEG of 96 pixels square. If the URL is signed, it works for at
    /// least 45 minutes. `null` if it cannot be signed.
    #[schema(example = "https://avatars.example.com/0f2d…/96.jpg")]
    avatar_thumbnail_url: Option<String>,
}

/// Set the signed-in user's picture
///
/// Send a JPEG, PNG, WebP or GIF as the body, or as the only file of a form. It may have up to 4
/// MiB, unless the deployment allows less, and up to 4,096 pixels per side. Its format is
/// recognised by its content, not by its media type or name. The picture is turned upright, cropped
/// to a square and encoded again as a JPEG of 512 and one of 96 pixels per side. That removes all
/// metadata of the camera, such as the location. The first frame of an animation is used.
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
    responses((status = 200, description = "The picture was set", body = PutAvatarAnswer)),
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
