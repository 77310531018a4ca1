//! The pictures in S3.

use aws_sdk_s3::{Client, primitives::ByteStream};
use futures_util::future::try_join_all;

use super::Picture;
use crate::{
    avatars::AvatarSettings,
    aws::{endpoint, sdk_config, unavailable},
    base::{Environment, Error},
    users::{AvatarKey, Size},
};

/// A picture never changes: a new one gets a new key.
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// The tag of pictures that the bucket's lifecycle rule deletes after a day.
pub const PENDING: &str = "state=pending";

/// The objects in the bucket.
#[derive(Clone)]
pub(crate) struct Objects {
    client: Client,
    bucket: String,
}

impl Objects {
    /// The objects in the bucket that the settings name. This makes no call.
    pub(crate) fn new(environment: &Environment, settings: &AvatarSettings) -> Self {
        let config = aws_sdk_s3::config::Builder::from(&sdk_config(environment, "S3"))
            // Only in AWS does a bucket have its own host.
            .force_path_style(endpoint(environment, "S3").is_some())
            .build();
        Self { client: Client::from_conf(config), bucket: settings.bucket.clone() }
    }

    /// Stores a picture, tagged to be deleted after a day; see [`Self::keep`].
    pub(super) async fn put(&self, key: &AvatarKey, picture: Picture) -> Result<(), Error> {
        let put = async |size, jpeg: Vec<u8>| {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(key.object(size))
                .content_type("image/jpeg")
                .cache_control(CACHE_CONTROL)
                .tagging(PENDING)
                .body(ByteStream::from(jpeg))
                .send()
                .await
                .map_err(unavailable)
        };

        let (full, thumbnail) = futures_util::join!(
            put(Size::Full, picture.full),
            put(Size::Thumbnail, picture.thumbnail)
        );
        full.and(thumbnail).map(drop)
    }

    /// Removes the tag of a stored picture, so that it is kept.
    pub(super) async fn keep(&self, key: &AvatarKey) -> Result<(), Error> {
        let untag = async |size| {
            let untagged = self
                .client
                .delete_object_tagging()
                .bucket(&self.bucket)
                .key(key.object(size))
                .send();
            untagged.await.map_err(unavailable)
        };
        try_join_all(Size::ALL.map(untag)).await.map(drop)
    }

    /// Deletes pictures. It is no error if one is already gone.
    pub(super) async fn delete(
        &self,
        keys: impl IntoIterator<Item = &AvatarKey>,
    ) -> Result<(), Error> {
        for key in keys {
            let delete = async |size| {
                let deleted =
                    self.client.delete_object().bucket(&self.bucket).key(key.object(size)).send();
                deleted.await.map_err(unavailable)
            };
            try_join_all(Size::ALL.map(delete)).await?;
        }
        Ok(())
    }
}
