//! The anchors in the bucket.
//!
//! The name of an object begins with a number that decreases, because S3 lists names in ascending
//! order: so the first name is the latest anchor.
//!
//! The lock protects the versions of an object, not its name: somebody with the right to write could
//! add a version, or a marker that hides all versions. The first version is the genuine one.

use std::collections::BTreeMap;

use aws_sdk_s3::{Client, error::SdkError, primitives::ByteStream};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::SdkConfig;

use super::{Anchor, Digest, hash};
use crate::{aws::unavailable, base::Error};

/// The folder of the anchors.
const FOLDER: &str = "anchors/";
/// The largest number of an anchor.
const MAX_NUMBER: u64 = 9_999_999_999;
/// Another object has the name (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>),
/// or another request is writing it.
const EXISTS: [u16; 2] = [412, 409];

/// The objects in the bucket.
#[derive(Clone)]
pub(super) struct Objects {
    client: Client,
    bucket: String,
}

/// The versions of an anchor, and the markers that hide them.
#[derive(Default)]
pub(super) struct Versions {
    name: String,
    /// The ids of the versions, oldest first.
    ids: Vec<Option<String>>,
    markers: usize,
}

impl Versions {
    /// Whether somebody has tried to replace or hide it.
    pub(super) fn is_touched(&self) -> bool {
        self.ids.len() != 1 || self.markers > 0
    }
}

impl Objects {
    /// The objects in `bucket`. No call is made.
    pub(super) fn new(config: &SdkConfig, is_emulated: bool, bucket: &str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(config)
            // Only in AWS does a bucket have its own host.
            .force_path_style(is_emulated)
            .build();
        Self { client: Client::from_conf(config), bucket: bucket.to_owned() }
    }

    /// The latest anchor and its hash.
    pub(super) async fn latest(&self) -> Result<Option<(Anchor, Digest)>, Error> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(FOLDER).max_keys(1);
        let list = list.send().await.map_err(unavailable)?;
        match list.contents().first().and_then(|object| object.key()) {
            Some(name) => {
                let (bytes, digest) = self.read(name, None).await?;
                Ok(Some((parse(&bytes)?, digest)))
            }
            None => Ok(None),
        }
    }

    /// Adds an anchor. Returns its hash, or nothing if its number is taken.
    pub(super) async fn add(&self, anchor: &Anchor) -> Result<Option<Digest>, Error> {
        let bytes =
            serde_json::to_vec(anchor).map_err(|error| Error::Internal(error.to_string()))?;
        let digest = hash(&bytes);
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(name(anchor.number))
            .content_type("application/json")
            .if_none_match("*")
            .body(ByteStream::from(bytes));

        match put.send().await {
            Ok(_) => Ok(Some(digest)),
            Err(error) if has_status(&error, &EXISTS) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// The versions of all anchors by their numbers.
    pub(super) async fn versions(&self) -> Result<BTreeMap<u64, Versions>, Error> {
        let mut anchors: BTreeMap<u64, Versions> = BTreeMap::new();
        let mut from: (Option<String>, Option<String>) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(FOLDER)
                .set_key_marker(from.0)
                .set_version_id_marker(from.1)
                .send()
                .await
                .map_err(unavailable)?;

            for version in page.versions() {
                let Some((name, number)) = version.key().and_then(numbered) else { continue };
                let of_name = anchors.entry(number).or_default();
                name.clone_into(&mut of_name.name);
                // S3 lists the newest version first.
                of_name.ids.insert(0, version.version_id().map(str::to_owned));
            }
            for marker in page.delete_markers() {
                if let Some((_, number)) = marker.key().and_then(numbered) {
                    anchors.entry(number).or_default().markers += 1;
                }
            }

            if page.is_truncated() != Some(true) {
                return Ok(anchors);
            }
            from = (page.next_key_marker, page.next_version_id_marker);
        }
    }

    /// The first version of an anchor, and its hash. No anchor if that is not one.
    pub(super) async fn first(
        &self,
        versions: &Versions,
    ) -> Result<Option<(Anchor, Digest)>, Error> {
        let Some(id) = versions.ids.first() else { return Ok(None) };
        let (bytes, digest) = self.read(&versions.name, id.clone()).await?;
        Ok(parse(&bytes).ok().map(|anchor| (anchor, digest)))
    }

    async fn read(&self, name: &str, version: Option<String>) -> Result<(Vec<u8>, Digest), Error> {
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(name)
            .set_version_id(version)
            .send()
            .await
            .map_err(unavailable)?;
        let body = object.body.collect().await;
        let bytes =
            body.map_err(|error| Error::Unavailable(DisplayErrorContext(error).to_string()))?;
        let bytes = bytes.to_vec();
        let digest = hash(&bytes);
        Ok((bytes, digest))
    }
}

fn parse(bytes: &[u8]) -> Result<Anchor, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Internal(format!("an object is no anchor: {error}")))
}

fn name(number: u64) -> String {
    format!("{FOLDER}{:010}-{number}.json", MAX_NUMBER.saturating_sub(number))
}

/// The name of an anchor, with its number.
fn numbered(key: &str) -> Option<(&str, u64)> {
    let number = key.strip_suffix(".json")?.rsplit_once('-')?.1.parse().ok()?;
    Some((key, number)).filter(|_| key == name(number))
}

fn has_status<E>(
    error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    statuses: &[u16],
) -> bool {
    error.raw_response().is_some_and(|response| statuses.contains(&response.status().as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_anchor_has_the_first_name() {
        assert!(name(10) < name(9) && name(2) < name(1));
        assert_eq!(numbered(&name(10)), Some((name(10).as_str(), 10)));
        assert_eq!(numbered("anchors/0000000000-10.json"), None);
    }
}
