//! Hashes of identifiers, and the ids and places that lead to them.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::{HashKeys, Keys, sha256, sign};
use crate::{
    base::{Error, Random},
    identifiers::{Address, Email, ExternalId, PhoneNumber, Username},
};

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

    pub(super) fn of_bits(bits: u64) -> Self {
        Self(format!("{:0PLACE_DIGITS$x}", bits & PLACE_MASK))
    }

    pub(super) fn bits(&self) -> Result<u64, Error> {
        u64::from_str_radix(&self.0, 16).map_err(|_| Error::Internal("a hash is not in hex".into()))
    }
}

impl Keys {
    fn identifier(&self, kind: &str, canonical: &str) -> String {
        let tag = hmac::sign(&self.identifiers, format!("{kind}:{canonical}").as_bytes());
        data_encoding::HEXLOWER.encode(tag.as_ref())
    }

    /// The mask that hides the place. It depends on the id's first half: the millisecond, and one
    /// of 4,096 random numbers.
    fn challenge_id_mask(&self, start: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = sign(&self.challenge_ids, &[&start.to_be_bytes()]);
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) & PLACE_MASK
    }
}

impl HashKeys {
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

    /// The hash under which the owner of an id elsewhere is kept.
    pub fn external_id(&self, id: &ExternalId) -> IdentifierHash {
        self.identifier("external id", id.as_str())
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

    /// As [`Self::prefix`], for texts that only people with an account get, so that the counter of
    /// other texts does not tell who has one.
    pub fn hidden_prefix(&self, phone: &PhoneNumber) -> IdentifierHash {
        self.short_lived("hidden prefix", phone.block())
    }

    /// As [`Self::mail_domain`], for e-mails that only people with an account get.
    pub fn hidden_mail_domain(&self, email: &Email) -> IdentifierHash {
        self.short_lived("hidden mail domain", email.domain())
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

    /// The keys that a challenge was made with: its id says whether their version is odd.
    pub(super) fn of_challenge(&self, id: uuid::Uuid) -> &Keys {
        let is_odd = (id.as_u64_pair().1 >> VERSION_BIT) & 1 == 1;
        let made = self.all().find(|(version, _)| (version % 2 == 1) == is_odd);
        made.map_or(&self.current, |(_, keys)| keys)
    }

    /// The place that the id of a challenge hides. An id that was not made here gives an arbitrary
    /// place.
    pub fn challenge_place(&self, id: uuid::Uuid) -> Place {
        let (start, end) = id.as_u64_pair();
        Place::of_bits(end ^ self.of_challenge(id).challenge_id_mask(start))
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
    fn an_ipv6_customer_is_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
