//! Tokens that carry a tag, which shows that they were made here.

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::TAG_BYTES;

/// The base64url of `bytes` and their tag.
pub(crate) fn encode_tagged(mut bytes: Vec<u8>, tag: impl Fn(&[u8]) -> [u8; TAG_BYTES]) -> String {
    bytes.extend(tag(&bytes));
    BASE64URL_NOPAD.encode(&bytes)
}

/// The bytes in a text of [`encode_tagged`]; `None` if the tag is not that of the bytes.
pub(crate) fn decode_tagged(text: &str, tag: impl Fn(&[u8]) -> [u8; TAG_BYTES]) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (tagged, found) = bytes.split_last_chunk::<TAG_BYTES>()?;
    let is_ours: bool = tag(tagged).as_slice().ct_eq(found).into();
    is_ours.then(|| tagged.to_vec())
}
