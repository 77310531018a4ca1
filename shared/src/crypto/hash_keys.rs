//! Keys for hashing and sealing (authenticated encryption): one for each purpose, all derived from
//! one root secret. While the root is replaced there are two ([`super::Roots`]): what is new is
//! made with the current one, and what the other one made is accepted.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac,
};
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use super::Roots;
use crate::{
    base::{Error, Random},
    identifiers::{Address, Email, PhoneNumber, Username},
};

/// The length in bytes of the tags in tokens and cursors.
pub(crate) const TAG_BYTES: usize = 16;

/// An HMAC-SHA-256 of an identifier (phone, e-mail, IP address and more), in lower-case hex. The
/// keys of the table contain it instead of the identifier. While there are two roots, it is the hash
/// by the current one, and carries that by the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct IdentifierHash {
    hex: String,
    other: Option<String>,
}

impl IdentifierHash {
    /// The hash of a random `token`, which a plain SHA-256 protects: it depends on no root.
    pub fn of_random(kind: &str, token: &str) -> Self {
        data_encoding::HEXLOWER.encode(&sha256(format!("{kind}:{token}").as_bytes())).into()
    }

    /// The hash in hex.
    pub fn as_str(&self) -> &str {
        &self.hex
    }

    /// The hash by the other root, while there are two.
    pub fn other(&self) -> Option<Self> {
        self.other.clone().map(Self::from)
    }

    /// The partition in which everything about the identifier is kept.
    pub fn place(&self) -> Place {
        Place(self.hex.get(..PLACE_DIGITS).unwrap_or(&self.hex).to_owned())
    }
}

impl From<String> for IdentifierHash {
    fn from(hex: String) -> Self {
        Self { hex, other: None }
    }
}

impl From<IdentifierHash> for String {
    fn from(hash: IdentifierHash) -> Self {
        hash.hex
    }
}

/// Hex digits of a place: 60 bits, which is what fits into a challenge's id.
const PLACE_DIGITS: usize = 15;
/// The bit in the second half of a challenge's id that says whether the version of the keys that it
/// was made with is odd.
const VERSION_BIT: u32 = 60;
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

/// The minimum length of a root secret, in bytes.
const MIN_ROOT_BYTES: usize = 32;

/// The keyed hashes of the service. Each purpose has its own key (HKDF-SHA-256, RFC 5869), so that
/// what is computed for one purpose is worthless for another.
pub struct HashKeys {
    version: u32,
    current: Keys,
    /// The keys of the other root, while the root is replaced.
    other: Option<(u32, Keys)>,
    /// Whether the other root is the previous one, so that what it made moves.
    is_moving: bool,
    /// The keys that are kept of roots that are gone.
    kept: Vec<(u32, KeptKeys)>,
}

/// The keys that are derived from one root.
struct Keys {
    identifiers: hmac::Key,
    codes: hmac::Key,
    challenge_seal: LessSafeKey,
    second_factor_seal: LessSafeKey,
    answer_seal: LessSafeKey,
    flow_seal: LessSafeKey,
    code_seal: LessSafeKey,
    refresh_tokens: hmac::Key,
    refresh_successors: hmac::Key,
    cursors: hmac::Key,
    challenge_ids: hmac::Key,
    stop_links: hmac::Key,
    device_tokens: hmac::Key,
    browser_cookies: hmac::Key,
    reset_links: hmac::Key,
    undo_links: hmac::Key,
    report_links: hmac::Key,
    proofs: hmac::Key,
    kept: KeptKeys,
}

/// The keys without which a password or a recovery code can never be checked again. Only the person
/// can give these again, so the keys stay when their root goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ZeroizeOnDrop)]
pub(super) struct KeptKeys {
    password_pepper: [u8; 32],
    recovery_codes: [u8; 32],
}

impl Keys {
    fn derive(root: &[u8]) -> Result<Self, Error> {
        let kept = KeptKeys::derive(root)?;
        let root = extract(root)?;
        let hmac_key = |purpose: &str| -> Result<hmac::Key, Error> {
            let info = [purpose.as_bytes()];
            Ok(root.expand(&info, hmac::HMAC_SHA256).map_err(derivation)?.into())
        };
        let seal_key = |purpose: &str| -> Result<LessSafeKey, Error> {
            let info = [purpose.as_bytes()];
            let key: UnboundKey = root.expand(&info, &AES_256_GCM).map_err(derivation)?.into();
            Ok(LessSafeKey::new(key))
        };

        Ok(Self {
            identifiers: hmac_key("identifiers")?,
            codes: hmac_key("one-time codes")?,
            challenge_seal: seal_key("challenge seal")?,
            second_factor_seal: seal_key("second factor seal")?,
            answer_seal: seal_key("answer seal")?,
            flow_seal: seal_key("flow seal")?,
            code_seal: seal_key("authorization code seal")?,
            refresh_tokens: hmac_key("refresh tokens")?,
            refresh_successors: hmac_key("refresh successors")?,
            cursors: hmac_key("cursors")?,
            challenge_ids: hmac_key("challenge ids")?,
            stop_links: hmac_key("stop links")?,
            device_tokens: hmac_key("device tokens")?,
            browser_cookies: hmac_key("browser cookies")?,
            reset_links: hmac_key("reset links")?,
            undo_links: hmac_key("undo links")?,
            report_links: hmac_key("report links")?,
            proofs: hmac_key("proofs of work")?,
            kept,
        })
    }

    fn identifier(&self, kind: &str, canonical: &str) -> String {
        let tag = hmac::sign(&self.identifiers, format!("{kind}:{canonical}").as_bytes());
        data_encoding::HEXLOWER.encode(tag.as_ref())
    }

    fn stop_tag(&self, place: [u8; 8], day: i64) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.stop_links, &[&place, &day.to_be_bytes()]);
        [a, b, c, d, e, f, g, h]
    }

    /// The mask that hides the place. It depends on the id's first half: the millisecond, and one
    /// of 4,096 random numbers.
    fn challenge_id_mask(&self, start: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.challenge_ids, &[&start.to_be_bytes()]);
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) & PLACE_MASK
    }

    fn proof_key(&self, address: &str) -> String {
        data_encoding::HEXLOWER.encode(&sign(&self.proofs, &[address.as_bytes()]))
    }
}

impl KeptKeys {
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than [`MIN_ROOT_BYTES`] bytes.
    pub(super) fn derive(root: &[u8]) -> Result<Self, Error> {
        let root = extract(root)?;
        let bytes = |purpose: &str| -> Result<[u8; 32], Error> {
            let mut bytes = [0; 32];
            root.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|expanded| expanded.fill(&mut bytes))
                .map_err(derivation)?;
            Ok(bytes)
        };
        Ok(Self {
            password_pepper: bytes("password pepper")?,
            recovery_codes: bytes("recovery codes")?,
        })
    }

    fn recovery_code(&self, user_id: uuid::Uuid, code: &str) -> IdentifierHash {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.recovery_codes);
        data_encoding::HEXLOWER.encode(&sign(&key, &[user_id.as_bytes(), code.as_bytes()])).into()
    }
}

fn extract(root: &[u8]) -> Result<hkdf::Prk, Error> {
    if root.len() < MIN_ROOT_BYTES {
        return Err(Error::Internal("the root secret of the hash keys is too short".into()));
    }
    Ok(hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey").extract(root))
}

impl HashKeys {
    /// Derives the keys from the only `root` that there is.
    ///
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than 32 bytes.
    pub fn derive(root: &[u8]) -> Result<Self, Error> {
        let current = Keys::derive(root)?;
        Ok(Self { version: 1, current, other: None, is_moving: false, kept: Vec::new() })
    }

    /// Derives the keys from all roots in use.
    ///
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than 32 bytes.
    pub fn of(roots: &Roots) -> Result<Self, Error> {
        let other =
            roots.other().map(|(version, root)| Ok::<_, Error>((version, Keys::derive(root)?)));
        let (version, root) = roots.current();
        Ok(Self {
            version,
            current: Keys::derive(root)?,
            other: other.transpose()?,
            is_moving: roots.is_moving(),
            kept: roots.kept().map(|(version, kept)| (version, kept.clone())).collect(),
        })
    }

    /// The version of the root that everything new is made with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether there are two roots, so that the table may have items under both.
    pub fn are_two(&self) -> bool {
        self.other.is_some()
    }

    /// Whether what the previous root made moves to the current one.
    pub fn are_moving(&self) -> bool {
        self.is_moving
    }

    fn all(&self) -> impl Iterator<Item = (u32, &Keys)> {
        let other = self.other.iter().map(|(version, keys)| (*version, keys));
        std::iter::once((self.version, &self.current)).chain(other)
    }

    fn of_version(&self, version: u32) -> &Keys {
        self.all().find(|(it, _)| *it == version).map_or(&self.current, |(_, keys)| keys)
    }

    /// The keys that a challenge was made with: its id says whether their version is odd.
    fn of_challenge(&self, id: uuid::Uuid) -> &Keys {
        let is_odd = (id.as_u64_pair().1 >> VERSION_BIT) & 1 == 1;
        let made = self.all().find(|(version, _)| (version % 2 == 1) == is_odd);
        made.map_or(&self.current, |(_, keys)| keys)
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

    /// Decrypts what the key for a purpose, of any root, has sealed.
    fn open_any(
        &self,
        id: uuid::Uuid,
        sealed: &[u8],
        key: impl Fn(&Keys) -> &LessSafeKey,
    ) -> Result<(u32, Vec<u8>), Error> {
        let mut result = Err(Error::Internal("there is no key".into()));
        for (version, keys) in self.all() {
            result = open(key(keys), id, sealed).map(|content| (version, content));
            if result.is_ok() {
                break;
            }
        }
        result
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
        self.short_lived("ip", &network(ip.unwrap_or_default()))
    }

    /// The hash under which wrong passwords from a source address are counted.
    pub fn password_source(&self, ip: Option<&str>) -> IdentifierHash {
        self.short_lived("passwords of ip", &network(ip.unwrap_or_default()))
    }

    /// The hash under which texts to the block of numbers of `phone` are counted.
    pub fn prefix(&self, phone: &PhoneNumber) -> IdentifierHash {
        self.short_lived("prefix", phone.block())
    }

    /// The hash under which e-mails to the domain of `email` are counted.
    pub fn mail_domain(&self, email: &Email) -> IdentifierHash {
        self.short_lived("mail domain", email.domain())
    }

    /// The hash under which all e-mails are counted.
    pub fn all_mails(&self) -> IdentifierHash {
        self.short_lived("mails", "all")
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

    /// The secret that goes into the hashes of passwords since a version of the root; `None` if
    /// there is no such version.
    pub fn password_pepper(&self, version: u32) -> Option<&[u8]> {
        self.kept(version).map(|kept| kept.password_pepper.as_slice())
    }

    fn kept(&self, version: u32) -> Option<&KeptKeys> {
        self.every_kept().find(|(it, _)| *it == version).map(|(_, kept)| kept)
    }

    /// The keys that are kept of every root that there ever was, the current one first.
    fn every_kept(&self) -> impl Iterator<Item = (u32, &KeptKeys)> {
        let gone = self.kept.iter().map(|(version, kept)| (*version, kept));
        self.all().map(|(version, keys)| (version, &keys.kept)).chain(gone)
    }

    /// The hash under which a recovery code is stored.
    pub fn recovery_code(&self, user_id: uuid::Uuid, code: &str) -> IdentifierHash {
        self.current.kept.recovery_code(user_id, code)
    }

    /// The hashes under which a recovery code may be stored, by every root that there ever was.
    pub fn recovery_codes(
        &self,
        user_id: uuid::Uuid,
        code: &str,
    ) -> impl Iterator<Item = IdentifierHash> {
        self.every_kept().map(move |(_, kept)| kept.recovery_code(user_id, code))
    }

    /// The hash of an identifier of some `kind`.
    pub fn identifier(&self, kind: &str, canonical: &str) -> IdentifierHash {
        let other = self.other.as_ref().map(|(_, keys)| keys.identifier(kind, canonical));
        IdentifierHash { hex: self.current.identifier(kind, canonical), other }
    }

    /// The hash of something that is kept for a day at most. It is by the previous root as long as
    /// there is one, so that all instances use the same hash until the previous root goes.
    pub fn short_lived(&self, kind: &str, canonical: &str) -> IdentifierHash {
        let previous = self.other.as_ref().filter(|_| self.is_moving);
        previous.map_or(&self.current, |(_, keys)| keys).identifier(kind, canonical).into()
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
        // The variant, a random bit, whether the version of the keys is odd, and the place.
        let end = (0b10 << 62)
            | (u64::from(random_bits & 1) << 61)
            | (u64::from(self.version % 2) << VERSION_BIT)
            | (place ^ self.current.challenge_id_mask(start));
        Ok(uuid::Uuid::from_u64_pair(start, end))
    }

    /// The place that the id of a challenge hides. An id that was not made here gives an arbitrary
    /// place.
    pub fn challenge_place(&self, id: uuid::Uuid) -> Place {
        let (start, end) = id.as_u64_pair();
        Place::of_bits(end ^ self.of_challenge(id).challenge_id_mask(start))
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

    /// The hash of a code, bound to its challenge.
    pub fn code(&self, challenge_id: uuid::Uuid, code: &str) -> [u8; 32] {
        sign(&self.of_challenge(challenge_id).codes, &[challenge_id.as_bytes(), code.as_bytes()])
    }

    /// Encrypts the private content of a challenge (AES-256-GCM), bound to the challenge.
    pub fn seal_challenge(
        &self,
        id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.of_challenge(id).challenge_seal, id, content, random)
    }

    /// Decrypts what [`Self::seal_challenge`] sealed for this challenge.
    pub fn open_challenge(&self, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.of_challenge(id).challenge_seal, id, sealed)
    }

    /// Encrypts the secret of an authenticator app (AES-256-GCM), bound to its user.
    pub fn seal_second_factor(
        &self,
        user_id: uuid::Uuid,
        secret: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.second_factor_seal, user_id, secret, random)
    }

    /// Decrypts what [`Self::seal_second_factor`] sealed for this user. Returns also whether the
    /// previous root did, so that it is to be sealed again.
    pub fn open_second_factor(
        &self,
        user_id: uuid::Uuid,
        sealed: &[u8],
    ) -> Result<(Vec<u8>, bool), Error> {
        let (version, secret) = self.open_any(user_id, sealed, |keys| &keys.second_factor_seal)?;
        Ok((secret, version < self.version))
    }

    /// Encrypts the response to a request with an `Idempotency-Key` (AES-256-GCM), bound to the
    /// request.
    pub fn seal_answer(
        &self,
        mark: uuid::Uuid,
        answer: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.answer_seal, mark, answer, random)
    }

    /// Decrypts what [`Self::seal_answer`] sealed for this request.
    pub fn open_answer(&self, mark: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.open_any(mark, sealed, |keys| &keys.answer_seal).map(|(_, answer)| answer)
    }

    /// Encrypts what the hosted page carries from step to step (AES-256-GCM), bound to its id.
    pub(crate) fn seal_flow(
        &self,
        id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.flow_seal, id, content, random)
    }

    /// Decrypts what [`Self::seal_flow`] sealed for this id.
    pub(crate) fn open_flow(&self, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.open_any(id, sealed, |keys| &keys.flow_seal).map(|(_, content)| content)
    }

    /// Encrypts an authorization code (AES-256-GCM), bound to its session.
    pub(crate) fn seal_code(
        &self,
        session_id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.code_seal, session_id, content, random)
    }

    /// Decrypts what [`Self::seal_code`] sealed for this session.
    pub(crate) fn open_code(
        &self,
        session_id: uuid::Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.open_any(session_id, sealed, |keys| &keys.code_seal).map(|(_, content)| content)
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

/// The first 128 bits of the SHA-256 of a secret with at least 128 random bits, by which a session
/// knows it: finding another secret with this hash is no easier than guessing the secret.
pub fn secret_hash(secret: &[u8]) -> Vec<u8> {
    sha256(secret).first_chunk::<16>().map(|half| half.to_vec()).unwrap_or_default()
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
