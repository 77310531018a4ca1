//! Tags: what proves that a token, a link or a cursor was made here.

use aws_lc_rs::hmac;

use super::{HashKeys, IdentifierHash, Keys, Place, sign};
use crate::base::Error;

/// The length in bytes of the tags in tokens and cursors.
pub(crate) const TAG_BYTES: usize = 16;

impl Keys {
    fn stop_tag(&self, place: [u8; 8], day: i64) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.stop_links, &[&place, &day.to_be_bytes()]);
        [a, b, c, d, e, f, g, h]
    }

    fn proof_key(&self, address: &str) -> String {
        data_encoding::HEXLOWER.encode(&sign(&self.proofs, &[address.as_bytes()]))
    }
}

impl HashKeys {
    /// The hash of a code, bound to its challenge.
    pub fn code(&self, challenge_id: uuid::Uuid, code: &str) -> [u8; 32] {
        sign(&self.of_challenge(challenge_id).codes, &[challenge_id.as_bytes(), code.as_bytes()])
    }

    /// The token of a stop link, by which the holder of an address stops messages to it: the
    /// address's place and a tag of 64 bits. It has only 22 characters, since texts are short. It
    /// is valid on the day of `now` (UTC) and the next.
    pub fn stop_token(&self, place: &Place, now: jiff::Timestamp) -> Result<String, Error> {
        let bits = place.bits()?.to_be_bytes();
        Ok(data_encoding::BASE64URL_NOPAD
            .encode(&[bits, self.current.stop_tag(bits, day(now))].concat()))
    }

    /// The place in a token of [`Self::stop_token`]; `None` if the token is not valid at `now`.
    pub fn stop_place(&self, token: &str, now: jiff::Timestamp) -> Option<Place> {
        let token = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (bits, tag) = token.split_first_chunk::<8>()?;
        let matches = |keys: &Keys, day: i64| {
            bool::from(subtle::ConstantTimeEq::ct_eq(keys.stop_tag(*bits, day).as_slice(), tag))
        };
        let is_valid = self.all().fold(false, |is_valid, (_, keys)| {
            is_valid | matches(keys, day(now)) | matches(keys, day(now) - 1)
        });
        is_valid.then(|| Place::of_bits(u64::from_be_bytes(*bits)))
    }

    /// The tag that proves that a refresh token was made here, by a version of the root.
    pub(crate) fn refresh_tag(&self, version: u32, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.of_version(version).refresh_tokens, &[token])
    }

    /// The version of the root whose [`Self::refresh_tag`] of `token` is `found`.
    pub(crate) fn refresh_version(&self, token: &[u8], found: &[u8]) -> Option<u32> {
        self.version_of_tag(found, |version| self.refresh_tag(version, token))
    }

    /// The tag that proves that the cookie of a browser was made here, by a version of the root.
    pub(crate) fn browser_tag(&self, version: u32, cookie: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.of_version(version).browser_cookies, &[cookie])
    }

    /// The version of the root whose [`Self::browser_tag`] of `cookie` is `found`.
    pub(crate) fn browser_version(&self, cookie: &[u8], found: &[u8]) -> Option<u32> {
        self.version_of_tag(found, |version| self.browser_tag(version, cookie))
    }

    /// The version of the root that made a tag.
    fn version_of_tag(&self, found: &[u8], tag_by: impl Fn(u32) -> [u8; TAG_BYTES]) -> Option<u32> {
        let is_by = |version: &u32| -> bool {
            subtle::ConstantTimeEq::ct_eq(tag_by(*version).as_slice(), found).into()
        };
        self.all().map(|(version, _)| version).find(is_by)
    }

    /// The tag that proves that a device token was made here.
    pub(crate) fn device_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.device_tokens, &[token])
    }

    /// Whether `found` is a [`Self::device_tag`].
    pub(crate) fn is_device_tag(&self, token: &[u8], found: &[u8]) -> bool {
        self.is_tag(found, &[token], |keys| &keys.device_tokens)
    }

    /// The tag that proves that the token of a reset link was made here.
    pub(crate) fn reset_link_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.reset_links, &[token])
    }

    /// Whether `found` is a [`Self::reset_link_tag`].
    pub(crate) fn is_reset_link_tag(&self, token: &[u8], found: &[u8]) -> bool {
        self.is_tag(found, &[token], |keys| &keys.reset_links)
    }

    /// The tag that proves that the token of an undo link was made here.
    pub(crate) fn undo_link_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.undo_links, &[token])
    }

    /// Whether `found` is an [`Self::undo_link_tag`].
    pub(crate) fn is_undo_link_tag(&self, token: &[u8], found: &[u8]) -> bool {
        self.is_tag(found, &[token], |keys| &keys.undo_links)
    }

    /// The tag that proves that the token of an address for delivery reports was made here, for a
    /// sender.
    pub(crate) fn report_link_tag(&self, sender: &str, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.report_links, &[sender.as_bytes(), b"\0", token])
    }

    /// Whether `found` is a [`Self::report_link_tag`].
    pub(crate) fn is_report_link_tag(&self, sender: &str, token: &[u8], found: &[u8]) -> bool {
        self.is_tag(found, &[sender.as_bytes(), b"\0", token], |keys| &keys.report_links)
    }

    /// The tag that proves that the challenge of a passkey was made here, for a purpose.
    pub(crate) fn passkey_challenge_tag(&self, purpose: &str, bytes: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.passkey_challenges, &[purpose.as_bytes(), b"\0", bytes])
    }

    /// Whether `found` is a [`Self::passkey_challenge_tag`].
    pub(crate) fn is_passkey_challenge_tag(
        &self,
        purpose: &str,
        bytes: &[u8],
        found: &[u8],
    ) -> bool {
        let parts = [purpose.as_bytes(), b"\0", bytes];
        self.is_tag(found, &parts, |keys| &keys.passkey_challenges)
    }

    /// The key that signs proofs of work for one address, in hex.
    pub(crate) fn proof_key(&self, address: &IdentifierHash) -> String {
        self.current.proof_key(address.as_str())
    }

    /// The keys that may have signed a proof of work for one address, in hex.
    pub(crate) fn proof_keys(&self, address: &IdentifierHash) -> Vec<String> {
        let other = self.other.as_ref().zip(address.other());
        let other = other.map(|((_, keys), address)| keys.proof_key(address.as_str()));
        std::iter::once(self.proof_key(address)).chain(other).collect()
    }

    /// The tag of a cursor at the end of a page, bound to the list that it belongs to.
    pub(crate) fn cursor_tag(&self, list: &str, end: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.current.cursors, &[list.as_bytes(), b"\0", end])
    }

    /// Whether `found` is a [`Self::cursor_tag`].
    pub(crate) fn is_cursor_tag(&self, list: &str, end: &[u8], found: &[u8]) -> bool {
        self.is_tag(found, &[list.as_bytes(), b"\0", end], |keys| &keys.cursors)
    }

    /// The next secret after `secret` in a session's chain of refresh tokens, if it is used with
    /// `branch`. The chain stays with the `version` of the root that it began with.
    pub(crate) fn refresh_successor(
        &self,
        version: u32,
        session_id: &[u8; 16],
        (secret, branch): (&[u8; 32], &[u8; 8]),
    ) -> [u8; 32] {
        sign(&self.of_version(version).refresh_successors, &[session_id, secret, branch])
    }

    /// Whether `found` is the tag of `parts` by the key for a purpose, of any root. The time that it
    /// takes does not depend on `found`.
    fn is_tag(&self, found: &[u8], parts: &[&[u8]], key: impl Fn(&Keys) -> &hmac::Key) -> bool {
        self.all().fold(false, |is_tag, (_, keys)| {
            let expected = tag(key(keys), parts);
            let is_this: bool = subtle::ConstantTimeEq::ct_eq(expected.as_slice(), found).into();
            is_tag | is_this
        })
    }
}

/// The days since 1970.
fn day(now: jiff::Timestamp) -> i64 {
    now.as_second().div_euclid(24 * 3600)
}

/// An HMAC cut to 128 bits (RFC 2104 §5).
fn tag(key: &hmac::Key, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&sign(key, parts)[..TAG_BYTES]);
    tag
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_stop_link_is_good_for_its_place_and_a_day() {
        let (keys, now) =
            (HashKeys::derive(&[7; 32]).unwrap(), Timestamp::from_second(1_800_000_000).unwrap());
        let place = keys.identifier("phone", "+14155550123").place();
        let token = keys.stop_token(&place, now).unwrap();
        assert_eq!(token.len(), 22);
        let later = |hours: i64| now + jiff::Span::new().hours(hours);
        assert_eq!(keys.stop_place(&token, now), Some(place.clone()));
        assert_eq!(keys.stop_place(&token, later(24)), Some(place));
        assert_eq!(keys.stop_place(&token, later(48)), None);

        for position in 0..22 {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                keys.stop_place(std::str::from_utf8(&changed).unwrap(), now),
                None,
                "{position}"
            );
        }
        for other in ["", "A", &format!("{token}AA"), &token[..20]] {
            assert_eq!(keys.stop_place(other, now), None, "{other}");
        }
    }
}
