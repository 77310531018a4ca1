//! The settings of avatars.

use crate::base::{Reader, base_url};

/// The maximum size of a picture: a Lambda's request can have 6 MB, and a picture in it is in
/// base64.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The place of avatars, and their maximum size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarSettings {
    /// `AVATAR_MAX_BYTES`: the maximum size of an uploaded picture, in bytes.
    pub max_bytes: usize,
    /// `AVATAR_BUCKET`: the name of the bucket. Empty in a Lambda that may not reach it.
    pub bucket: String,
    /// `AVATAR_BASE_URL`: the URL under which the bucket is served, without a slash at the end.
    /// Without it, URLs are presigned.
    pub base_url: Option<String>,
}

impl AvatarSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let base_url_text =
            "the URL of a folder, like https://avatars.example.com, without ? and #";
        Self {
            max_bytes: reader.number("AVATAR_MAX_BYTES", MAX_BYTES, 10_240, MAX_BYTES),
            bucket: reader.name_of("AVATAR_BUCKET", "the bucket's name"),
            base_url: reader.optional("AVATAR_BASE_URL", base_url_text, base_url),
        }
    }
}
