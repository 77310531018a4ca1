//! The key of a picture, and its sizes.

use serde::{Deserialize, Serialize};

use crate::base::{Error, Random};

/// The key of a picture in the bucket. Anyone who knows it can see the picture, so it is random
/// (128 bits).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AvatarKey(String);

impl AvatarKey {
    pub(crate) fn random(random: &Random) -> Result<Self, Error> {
        Ok(Self(data_encoding::HEXLOWER.encode(&random.bytes::<16>()?)))
    }

    /// The name of the S3 object that holds the picture in this size.
    pub fn object(&self, size: Size) -> String {
        format!("{}/{}.jpg", self.0, size.pixels())
    }
}

/// The sizes of a picture. Both are square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For a profile.
    Full,
    /// For a list.
    Thumbnail,
}

impl Size {
    pub(crate) const ALL: [Self; 2] = [Self::Full, Self::Thumbnail];

    /// The width and height in pixels.
    pub fn pixels(self) -> u32 {
        match self {
            Self::Full => 512,
            Self::Thumbnail => 96,
        }
    }
}
