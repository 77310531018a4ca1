//! Tokens that carry a tag, which shows that they were made here.

use data_encoding::BASE64URL_NOPAD;

use super::TAG_BYTES;

/// The base64url of `bytes` and their tag.
pub(crate) fn encode_tagged(mut bytes: Vec<u8>, tag: impl Fn(&[u8]) -> [u8; TAG_BYTES]) -> String {
    bytes.extend(tag(&bytes));
    BASE64URL_NOPAD.encode(&bytes)
}

/// The bytes in a text of [`encode_tagged`]; `None` unless `is_tag` finds that the tag is that of the
/// bytes.
pub(crate) fn decode_tagged(text: &str, is_tag: impl Fn(&[u8], &[u8]) -> bool) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (tagged, found) = bytes.split_last_chunk::<TAG_BYTES>()?;
    is_tag(tagged, found).then(|| tagged.to_vec())
}
