//! The settings of avatars.

use crate::base::{Reader, base_url};

/// The largest picture: a Lambda's request holds 6 MB, in base64.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Where avatars are, and how large they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarSettings {
    /// `AVATAR_MAX_BYTES`: the largest picture that is taken.
    pub max_bytes: usize,
    /// `AVATAR_BUCKET`.
    pub bucket: String,
    /// `AVATAR_BASE_URL`: what serves the bucket, without a slash at the end. Without it URLs are signed.
    pub base_url: Option<String>,
}

impl AvatarSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let base_url_text = "the URL of a folder, as https://avatars.example.com, without ? and #";
        Self {
            max_bytes: reader.number("AVATAR_MAX_BYTES", MAX_BYTES, 10_240, MAX_BYTES),
            bucket: reader
                .required("AVATAR_BUCKET", "the bucket's name", |text| Some(text.to_owned())),
            base_url: reader.optional("AVATAR_BASE_URL", base_url_text, base_url),
        }
    }
}
