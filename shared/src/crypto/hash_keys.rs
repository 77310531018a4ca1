//! Keys for hashing and sealing (authenticated encryption): one for each purpose, all derived from
//! one root secret.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac,
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Error, Random},
    identifiers::{Address, Email, PhoneNumber, Username},
};

/// The length in bytes of the tags in tokens and cursors.
pub(crate) const TAG_BYTES: usize = 16;

/// An HMAC-SHA-256 of an identifier (phone, e-mail, IP address and more), in lower-case hex. The
/// keys of the table contain it instead of the identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentifierHash(String);

impl IdentifierHash {
    /// The hash in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition in which everything about the identifier is kept.
    pub fn place(&self) -> Place {
        Place(self.0.get(..PLACE_DIGITS).unwrap_or(&self.0).to_owned())
    }
}

/// Hex digits of a place: 60 bits, which is what fits into a challenge's id.
const PLACE_DIGITS: usize = 15;
const PLACE_MASK: u64 = (1 << (4 * PLACE_DIGITS)) - 1;

/// The first 60 bits of an identifier's hash, in lower-case hex: the partition in which everything
/// about the identifier is kept. Among ten million identifiers, the chance that any two share a
/// place is 1 in 20,000; they would then share their limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// The place in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_bits(bits: u64) -> Self {
        Self(format!("{:0PLACE_DIGITS$x}", bits & PLACE_MASK))
    }

    fn bits(&self) -> Result<u64, Error> {
        u64::from_str_radix(&self.0, 16).map_err(|_| Error::Internal("a hash is not in hex".into()))
    }
}

/// The keyed hashes of the service. Each purpose has its own key (HKDF-SHA-256, RFC 5869), so that
/// what is computed for one purpose is worthless for another.
pub struct HashKeys {
    identifiers: hmac::Key,
    codes: hmac::Key,
    challenge_seal: LessSafeKey,
    second_factor_seal: LessSafeKey,
    answer_seal: LessSafeKey,
    password_pepper: [u8; 32],
    refresh_tokens: hmac::Key,
    refresh_successors: hmac::Key,
    cursors: hmac::Key,
    challenge_ids: hmac::Key,
    stop_links: hmac::Key,
    device_tokens: hmac::Key,
    reset_links: hmac::Key,
    undo_links: hmac::Key,
    proofs: hmac::Key,
}

impl HashKeys {
    /// The minimum length of a root secret, in bytes.
    pub const MIN_ROOT_BYTES: usize = 32;

    /// Derives the keys from `root`.
    ///
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than [`Self::MIN_ROOT_BYTES`] bytes.
    pub fn derive(root: &[u8]) -> Result<Self, Error> {
        if root.len() < Self::MIN_ROOT_BYTES {
            return Err(Error::Internal("the root secret of the hash keys is too short".into()));
        }

        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey").extract(root);
        let hmac_key = |purpose: &str| -> Result<hmac::Key, Error> {
            let info = [purpose.as_bytes()];
            Ok(root.expand(&info, hmac::HMAC_SHA256).map_err(derivation)?.into())
        };
        let seal_key = |purpose: &str| -> Result<LessSafeKey, Error> {
            let info = [purpose.as_bytes()];
            let key: UnboundKey = root.expand(&info, &AES_256_GCM).map_err(derivation)?.into();
            Ok(LessSafeKey::new(key))
        };
        let mut pepper = [0; 32];
        root.expand(&[b"password pepper"], hkdf::HKDF_SHA256)
            .and_then(|expanded| expanded.fill(&mut pepper))
            .map_err(derivation)?;

        Ok(Self {
            identifiers: hmac_key("identifiers")?,
            codes: hmac_key("one-time codes")?,
            challenge_seal: seal_key("challenge seal")?,
            second_factor_seal: seal_key("second factor seal")?,
            answer_seal: seal_key("answer seal")?,
            password_pepper: pepper,
            refresh_tokens: hmac_key("refresh tokens")?,
            refresh_successors: hmac_key("refresh successors")?,
            cursors: hmac_key("cursors")?,
            challenge_ids: hmac_key("challenge ids")?,
            stop_links: hmac_key("stop links")?,
            device_tokens: hmac_key("device tokens")?,
            reset_links: hmac_key("reset links")?,
            undo_links: hmac_key("undo links")?,
            proofs: hmac_key("proofs of work")?,
        })
    }

    /// The hash under which the counters and the owner of `address` are kept.
    pub fn address(&self, address: &Address) -> IdentifierHash {
        match address {
            Address::Sms(phone) => self.identifier("phone", phone.as_str()),
            Address::Email(email) => self.identifier("email", email.as_str()),
        }
    }

    /// The hash under which the owner of a username is kept.
    pub fn username(&self, username: &Username) -> IdentifierHash {
        self.identifier("username", &username.canonical())
    }

    /// The hash under which the messages of a source address are counted. An IPv6 address counts as
    /// its /64 network. All requests without an address share one hash.
    pub fn source(&self, ip: Option<&str>) -> IdentifierHash {
        self.identifier("ip", &network(ip.unwrap_or_default()))
    }

    /// The hash under which wrong passwords from a source address are counted.
    pub fn password_source(&self, ip: Option<&str>) -> IdentifierHash {
        self.identifier("passwords of ip", &network(ip.unwrap_or_default()))
    }

    /// The hash under which texts to the block of numbers of `phone` are counted.
    pub fn prefix(&self, phone: &PhoneNumber) -> IdentifierHash {
        self.identifier("prefix", phone.block())
    }

    /// The hash under which e-mails to the domain of `email` are counted.
    pub fn mail_domain(&self, email: &Email) -> IdentifierHash {
        self.identifier("mail domain", email.domain())
    }

    /// The hash under which all e-mails are counted.
    pub fn all_mails(&self) -> IdentifierHash {
        self.identifier("mails", "all")
    }

    /// The hash under which messages to `address` are counted and its challenges are kept: of a
    /// phone itself, of an e-mail address its mailbox ([`Email::mailbox`]).
    pub fn recipient(&self, address: &Address) -> IdentifierHash {
        match address {
            Address::Sms(_) => self.address(address),
            Address::Email(email) => self.identifier("email", &email.mailbox()),
        }
    }

    /// The hash under which wrong second factors, and wrong passwords of signed-in sessions, are
    /// counted.
    pub fn user(&self, id: uuid::Uuid) -> IdentifierHash {
        self.identifier("user", &id.to_string())
    }

    /// The secret that goes into every password's hash.
    pub fn password_pepper(&self) -> Vec<u8> {
        self.password_pepper.to_vec()
    }

    /// The hash of an identifier of some `kind`.
    pub fn identifier(&self, kind: &str, canonical: &str) -> IdentifierHash {
        let tag = hmac::sign(&self.identifiers, format!("{kind}:{canonical}").as_bytes());
        IdentifierHash(data_encoding::HEXLOWER.encode(tag.as_ref()))
    }

    /// A new id for a challenge of this identifier: a version 7 UUID of `now` (RFC 9562 §5.7). Its
    /// random part hides the identifier's place, so that the id leads to the partition with the
    /// identifier's limits, where the challenge is kept.
    pub fn challenge_id(
        &self,
        identifier: &IdentifierHash,
        now: jiff::Timestamp,
        random: &Random,
    ) -> Result<uuid::Uuid, Error> {
        let (start, [.., random_bits]) = (random.uuid(now)?.as_u64_pair().0, random.bytes::<1>()?);
        let place = identifier.place().bits()?;
        // The variant, two random bits, and the place.
        let end = (0b10 << 62)
            | (u64::from(random_bits & 0b11) << 60)
            | (place ^ self.challenge_id_mask(start));
        Ok(uuid::Uuid::from_u64_pair(start, end))
    }

    /// The place that the id of a challenge hides. An id that was not made here gives an arbitrary
    /// place.
    pub fn challenge_place(&self, id: uuid::Uuid) -> Place {
        let (start, end) = id.as_u64_pair();
        Place::of_bits(end ^ self.challenge_id_mask(start))
    }

    /// The mask that hides the place. It depends on the id's first half: the millisecond, and one
    /// of 4,096 random numbers.
    fn challenge_id_mask(&self, start: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.challenge_ids, &[&start.to_be_bytes()]);
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) & PLACE_MASK
    }

    /// The token of a stop link, by which the holder of an address stops messages to it: the
    /// address's place and a tag of 64 bits. It has only 22 characters, since texts are short. It
    /// is valid on the day of `now` (UTC) and the next.
    pub fn stop_token(&self, place: &Place, now: jiff::Timestamp) -> Result<String, Error> {
        let bits = place.bits()?.to_be_bytes();
        Ok(data_encoding::BASE64URL_NOPAD.encode(&[bits, self.stop_tag(bits, day(now))].concat()))
    }

    /// The place in a token of [`Self::stop_token`]; `None` if the token is not valid at `now`.
    pub fn stop_place(&self, token: &str, now: jiff::Timestamp) -> Option<Place> {
        let token = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (bits, tag) = token.split_first_chunk::<8>()?;
        let matches = |day: i64| {
            bool::from(subtle::ConstantTimeEq::ct_eq(self.stop_tag(*bits, day).as_slice(), tag))
        };
        let is_valid = matches(day(now)) | matches(day(now) - 1);
        is_valid.then(|| Place::of_bits(u64::from_be_bytes(*bits)))
    }

    fn stop_tag(&self, place: [u8; 8], day: i64) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.stop_links, &[&place, &day.to_be_bytes()]);
        [a, b, c, d, e, f, g, h]
    }

    /// The hash of a code, bound to its challenge.
    pub fn code(&self, challenge_id: uuid::Uuid, code: &str) -> [u8; 32] {
        sign(&self.codes, &[challenge_id.as_bytes(), code.as_bytes()])
    }

    /// Encrypts the private content of a challenge (AES-256-GCM), bound to the challenge.
    pub fn seal_challenge(
        &self,
        id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.challenge_seal, id, content, random)
    }

    /// Decrypts what [`Self::seal_challenge`] sealed for this challenge.
    pub fn open_challenge(&self, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.challenge_seal, id, sealed)
    }

    /// Encrypts the secret of an authenticator app (AES-256-GCM), bound to its user.
    pub fn seal_second_factor(
        &self,
        user_id: uuid::Uuid,
        secret: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.second_factor_seal, user_id, secret, random)
    }

    /// Decrypts what [`Self::seal_second_factor`] sealed for this user.
    pub fn open_second_factor(&self, user_id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.second_factor_seal, user_id, sealed)
    }

    /// Encrypts the response to a request with an `Idempotency-Key` (AES-256-GCM), bound to the
    /// request.
    pub fn seal_answer(
        &self,
        mark: uuid::Uuid,
        answer: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.answer_seal, mark, answer, random)
    }

    /// Decrypts what [`Self::seal_answer`] sealed for this request.
    pub fn open_answer(&self, mark: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.answer_seal, mark, sealed)
    }

    /// The tag that proves that a refresh token was made here.
    pub(crate) fn refresh_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.refresh_tokens, &[token])
    }

    /// Whether `tag` is [`Self::refresh_tag`] of `token`, in constant time.
    pub(crate) fn refresh_tag_matches(&self, token: &[u8], tag: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.refresh_tag(token).as_slice(), tag).into()
    }

    /// The tag that proves that a device token was made here.
    pub(crate) fn device_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.device_tokens, &[token])
    }

    /// The tag that proves that the token of a reset link was made here.
    pub(crate) fn reset_link_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.reset_links, &[token])
    }

    /// The tag that proves that the token of an undo link was made here.
    pub(crate) fn undo_link_tag(&self, token: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.undo_links, &[token])
    }

    /// The key that signs proofs of work for one address, in hex.
    pub(crate) fn proof_key(&self, address: &IdentifierHash) -> String {
        data_encoding::HEXLOWER.encode(&sign(&self.proofs, &[address.as_str().as_bytes()]))
    }

    /// The tag of a cursor at the end of a page, bound to the list that it belongs to.
    pub(crate) fn cursor_tag(&self, list: &str, end: &[u8]) -> [u8; TAG_BYTES] {
        tag(&self.cursors, &[list.as_bytes(), b"\0", end])
    }

    /// The next secret after `secret` in a session's chain of refresh tokens, if it is used with
    /// `branch`.
    pub(crate) fn refresh_successor(
        &self,
        session_id: &[u8; 16],
        secret: &[u8; 32],
        branch: &[u8; 8],
    ) -> [u8; 32] {
        sign(&self.refresh_successors, &[session_id, secret, branch])
    }
}

/// The network that counts as one source: an IPv4 address, or the /64 of an IPv6 address.
pub fn network(ip: &str) -> String {
    match ip.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(std::net::IpAddr::V6(ip)) => ipnet::Ipv6Net::new(ip, 64)
            .map_or_else(|_| ip.to_string(), |net| net.trunc().to_string()),
        Ok(ip) => ip.to_string(),
        // API Gateway always sends the address. Requests without one share one budget.
        Err(_) => "unknown".to_owned(),
    }
}

/// The days since 1970.
fn day(now: jiff::Timestamp) -> i64 {
    now.as_second().div_euclid(24 * 3600)
}

/// The SHA-256 digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

/// Encrypts with AES-256-GCM, bound to an id. The random nonce comes first in the result.
fn seal(
    key: &LessSafeKey,
    id: uuid::Uuid,
    content: &[u8],
    random: &Random,
) -> Result<Vec<u8>, Error> {
    let nonce: [u8; 12] = random.bytes()?;
    let mut sealed = content.to_vec();

    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(id.as_bytes()),
        &mut sealed,
    )
    .map_err(|_| Error::Internal("could not encrypt a sealed value".into()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Decrypts what [`seal`] sealed with the same key and id.
fn open(key: &LessSafeKey, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let broken = || Error::Internal("could not decrypt a sealed value".into());
    let (nonce, ciphertext) = sealed.split_first_chunk::<12>().ok_or_else(broken)?;
    let mut ciphertext = ciphertext.to_vec();
    let content = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(id.as_bytes()),
            &mut ciphertext,
        )
        .map_err(|_| broken())?;
    Ok(content.to_vec())
}

fn derivation(_: aws_lc_rs::error::Unspecified) -> Error {
    Error::Internal("could not derive a key".into())
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
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
    fn a_challenge_id_leads_to_its_identifier_only_with_our_keys() {
        let (keys, random) = (HashKeys::derive(&[7; 32]).unwrap(), Random::system());
        let other = HashKeys::derive(&[8; 32]).unwrap();
        let (mut seen, now) =
            (std::collections::BTreeSet::new(), Timestamp::from_second(1_800_000_000).unwrap());

        for number in 0..1_000 {
            let identifier = keys.identifier("phone", &number.to_string());
            let id = keys.challenge_id(&identifier, now, &random).unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            assert_eq!(keys.challenge_place(id), identifier.place());
            assert_ne!(other.challenge_place(id), identifier.place());
            // Nobody can tell that two challenges are of one phone.
            let again = keys
                .challenge_id(&identifier, now + jiff::Span::new().milliseconds(1), &random)
                .unwrap();
            assert!(seen.insert(id.as_u64_pair().1) && seen.insert(again.as_u64_pair().1));
        }
    }

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

    #[test]
    fn an_ipv6_customer_is_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
