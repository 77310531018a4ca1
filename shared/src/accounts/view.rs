//! A user as the API returns it, and the entity tag.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    apps::DEFAULT_CLIENT_ID,
    avatars::AvatarUrls,
    base::{api_time, api_time_option},
    crypto::sha256,
    users::{Metadata, MetadataObject, Size, User, UserStatus},
};

/// A user, as `GET /v1/me` and the endpoints for administrators return it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The user's id, a version 7 UUID.
    id: Uuid,
    /// The phone number in E.164 form, with its country code.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    phone_verified: bool,
    email: Option<String>,
    email_verified: bool,
    username: Option<String>,
    /// The id that the user has elsewhere, such as in the service that they came from.
    #[schema(example = "auth0|5f7c8ec7c33c6c004bbafe82")]
    external_id: Option<String>,
    /// The display name.
    name: Option<String>,
    /// The language of messages to the user, as a BCP 47 language tag.
    #[schema(example = "en-US")]
    locale: Option<String>,
    /// The URL of the picture, 512 pixels square. If the URL is signed, it works for at least 45
    /// minutes.
    #[schema(example = "https://avatars.example.com/0f2d…/512.jpg")]
    avatar_url: Option<String>,
    /// The URL of the picture, 96 pixels square.
    #[schema(example = "https://avatars.example.com/0f2d…/96.jpg")]
    avatar_thumbnail_url: Option<String>,
    has_password: bool,
    /// The second factors that the user has set up.
    mfa: Vec<String>,
    /// The user's roles in the app that makes the request.
    #[schema(example = json!(["User"]))]
    roles: Vec<String>,
    status: UserStatus,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[serde(with = "api_time_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_sign_in_at: Option<Timestamp>,
    /// The metadata that the user may read and write.
    #[schema(value_type = HashMap<String, Value>, additional_properties, example = json!({"theme": "dark"}))]
    metadata: MetadataObject,
    /// The metadata that the user may read, and only administrators may write.
    #[schema(value_type = HashMap<String, Value>, additional_properties, example = json!({"plan": "pro"}))]
    app_metadata: MetadataObject,
    /// When the account is erased. It is absent unless its owner has asked for that. Until then, a
    /// sign-in takes it back.
    #[serde(with = "api_time_option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    erase_at: Option<Timestamp>,
}

impl UserView {
    /// The view that the app `client_id` has of `user` with this `metadata`.
    pub fn new(user: &User, metadata: Metadata, client_id: &str, urls: &AvatarUrls) -> Self {
        let url = |size| user.avatar.as_ref().and_then(|key| urls.url(key, size));
        Self {
            avatar_url: url(Size::Full),
            avatar_thumbnail_url: url(Size::Thumbnail),
            ..Self::without_avatar(user, metadata, client_id)
        }
    }

    /// The view that the app `client_id` has of `user`, without the picture.
    pub fn without_avatar(user: &User, metadata: Metadata, client_id: &str) -> Self {
        Self {
            id: user.id,
            phone: user.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            phone_verified: user.phone_is_verified(),
            email: user.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: user.email_is_verified(),
            username: user.username.as_ref().map(|username| username.as_str().to_owned()),
            external_id: user.external_id.as_ref().map(|id| id.as_str().to_owned()),
            name: user.name.clone(),
            locale: user.locale.clone(),
            avatar_url: None,
            avatar_thumbnail_url: None,
            has_password: user.password.is_some(),
            mfa: user.totp.then(|| "totp".to_owned()).into_iter().collect(),
            roles: user.roles_in(client_id),
            status: user.status,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_sign_in_at: user.last_sign_in_at,
            metadata: metadata.metadata,
            app_metadata: metadata.app_metadata,
            erase_at: user.erase_at,
        }
    }
}

/// The entity tag of a user (RFC 9110 §8.8.3), for optimistic locking. It changes with the user,
/// but not when they sign in. It is the same for every app, and changes with the roles in any of
/// them. It changes with the picture, but not with the picture's URL.
pub fn entity_tag(user: &User) -> String {
    let profile = UserView::without_avatar(user, Metadata::default(), DEFAULT_CLIENT_ID);
    let profile = UserView { last_sign_in_at: None, ..profile };
    let apart = (&user.roles, &user.avatar, user.metadata, user.app_metadata);
    let digest = sha256(&serde_json::to_vec(&(profile, apart)).unwrap_or_default());
    format!("\"{}\"", data_encoding::HEXLOWER.encode(digest.split_at(8).0))
}
