//! The asker of a message, and the counters of the request.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Challenges, Identity};
use crate::{
    base::Error,
    crypto::IdentifierHash,
    identifiers::{Address, PhoneNumber},
    limits::{Asker, Cohort, Counted, Destination, Window},
    users::KnownDevice,
};

/// The characters of a source's hash by which its requests for one address are told apart.
const SOURCE_CHARS: usize = 8;

/// The recipient of messages: an address as it was read from the table.
pub(super) struct Recipient {
    /// The hash under which messages to the address are counted.
    pub(super) counted: IdentifierHash,
    /// Limits and challenges.
    pub(super) identity: Identity,
    /// The user who owns the address.
    pub(super) owner: Option<Uuid>,
}

/// A request for a message.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// The address that the message goes to.
    pub(super) address: &'a Address,
    /// The asker.
    pub(super) asker: &'a Asker,
    /// The IP address that the request came from.
    pub(super) ip: Option<&'a str>,
    /// Whether the code is sent for the first time. Only then is the message noted for the signs of
    /// fraud, since a code is verified at most once.
    pub(super) is_first: bool,
    /// Whether nothing will be sent. Then it counts for its source exactly as a message would, and
    /// nowhere else.
    pub(super) is_decoy: bool,
    /// Whether the answer must not reveal if a message is sent.
    pub(super) hides: bool,
}

/// The counters that have counted a request. There are none for known devices and test phones.
#[derive(Default)]
pub(super) struct Counters {
    /// Of the source.
    pub(super) source: Option<Counted>,
    /// Of the phone's block of numbers.
    pub(super) block: Option<Counted>,
    /// Of the mail domain, and of all mails.
    mails: Vec<Counted>,
    /// Whether a counter of others is full, which must not be revealed: nothing is sent.
    pub(super) is_full: bool,
}

impl Counters {
    /// All counters.
    pub(super) fn all(&self) -> impl Iterator<Item = &Counted> {
        self.source.iter().chain(&self.block).chain(&self.mails)
    }
}

/// The cohort of a counter.
pub(super) fn cohort(counted: Option<&Counted>) -> Cohort {
    counted.map_or_else(Cohort::default, |counted| Cohort {
        texts: counted.tally.texts,
        verified: counted.tally.verified,
    })
}

impl Challenges {
    /// Reads an address: its limits, its challenges and its owner.
    pub(super) async fn recipient(&self, address: &Address) -> Result<Recipient, Error> {
        let (counted, owned) = (self.hash_keys.recipient(address), self.hash_keys.address(address));
        let identity = self.store.identity(&counted).await?;
        let owner = self.owner_beside(&identity, &owned, counted == owned).await?;
        Ok(Recipient { counted, identity, owner })
    }

    /// The owner of an address. It is in the item that was read, unless the address is one of
    /// several that lead to the same mailbox.
    pub(super) async fn owner_beside(
        &self,
        identity: &Identity,
        owned: &IdentifierHash,
        is_same: bool,
    ) -> Result<Option<Uuid>, Error> {
        if is_same { Ok(identity.owner(owned)) } else { self.store.owner(owned).await }
    }

    /// The asker: a known device of the `owner`, or a stranger. A token that is invalid, old, or of
    /// somebody else reads as none.
    pub(crate) async fn asker(
        &self,
        owner: Option<Uuid>,
        device_token: Option<&str>,
        ip: Option<&str>,
        now: Timestamp,
    ) -> Result<Asker, Error> {
        let device = device_token
            .and_then(|token| KnownDevice::decode(token, &self.hash_keys, now))
            .filter(|device| owner == Some(device.user_id));
        if let Some(device) = device {
            let user = self.store.user(device.user_id).await?;
            if user.is_some_and(|user| user.device_epoch == device.epoch) {
                return Ok(Asker::Device(device.id));
            }
        }
        Ok(self.stranger(ip))
    }

    /// A stranger who asks from this IP address.
    pub(super) fn stranger(&self, ip: Option<&str>) -> Asker {
        let source = self.hash_keys.source(ip);
        Asker::Stranger(source.as_str().chars().take(SOURCE_CHARS).collect())
    }

    /// Counts a stranger's request: for its source, and if something will be sent, for the block of
    /// numbers, since SMS pumping uses blocks, or for the mail domain and all mails of the day.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a counter is full. If the others' counters must not be
    /// revealed, only the source's is told.
    pub(super) async fn count(
        &self,
        request: Request<'_>,
        now: Timestamp,
    ) -> Result<Counters, Error> {
        if request.asker.device().is_some() || self.test_code(request.address, now).is_some() {
            return Ok(Counters::default());
        }

        let mut counters = Counters {
            source: Some(self.count_source(request, now).await?),
            ..Counters::default()
        };
        if request.is_decoy {
            return Ok(counters);
        }

        match self.count_destination(request, &mut counters, now).await {
            Err(Error::SmsLimitReached { .. }) if request.hides => counters.is_full = true,
            Err(error) => {
                self.release(&counters).await;
                return Err(error);
            }
            Ok(()) => {}
        }
        Ok(counters)
    }

    async fn count_source(&self, request: Request<'_>, now: Timestamp) -> Result<Counted, Error> {
        let country = request.address.country().filter(|_| request.is_first);
        let noted = country.map_or(Destination::Nothing, Destination::Country);
        let (hash, max) = (self.hash_keys.source(request.ip), self.limits.sends_per_ip_per_hour);
        self.store.count_send(&hash, Window::Hour, noted, max, now).await
    }

    async fn count_destination(
        &self,
        request: Request<'_>,
        counters: &mut Counters,
        now: Timestamp,
    ) -> Result<(), Error> {
        match request.address {
            Address::Sms(phone) => {
                let (hash, max) =
                    (self.hash_keys.prefix(phone), self.limits.sends_per_prefix_per_hour);
                let noted = if request.is_first {
                    Destination::Number(self.place_in_block(phone))
                } else {
                    Destination::Nothing
                };
                let counted = self.store.count_send(&hash, Window::Hour, noted, max, now).await?;
                counters.block = Some(counted);
            }
            Address::Email(email) => {
                for (hash, window, max) in [
                    (
                        self.hash_keys.mail_domain(email),
                        Window::Hour,
                        self.limits.emails_per_domain_per_hour,
                    ),
                    (self.hash_keys.all_mails(), Window::Day, self.limits.emails_per_day),
                ] {
                    let counted = self
                        .store
                        .count_send(&hash, window, Destination::Nothing, max, now)
                        .await?;
                    counters.mails.push(counted);
                }
            }
        }
        Ok(())
    }

    /// Refunds all counters of a request that sent nothing.
    pub(super) async fn release(&self, counters: &Counters) {
        for counted in counters.all() {
            self.release_one(counted).await;
        }
    }

    /// Refunds the counters of the destination: nothing was sent, but the source is not told.
    pub(super) async fn release_destination(&self, counters: &Counters) {
        for counted in counters.block.iter().chain(&counters.mails) {
            self.release_one(counted).await;
        }
    }

    async fn release_one(&self, counted: &Counted) {
        if let Err(error) = self.store.release_send(counted).await {
            tracing::warn!(%error, "a message that was not sent stays counted in a counter");
        }
    }

    /// The place of a number in its block, plus a secret offset, so that the table contains no
    /// digits of the number.
    pub(super) fn place_in_block(&self, phone: &PhoneNumber) -> i64 {
        let hash = self.hash_keys.identifier("place in prefix", phone.block());
        let offset =
            hash.as_str().get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        let digits = phone.as_str().strip_prefix('+').unwrap_or_default();
        let rest = digits.get(phone.block().len()..).and_then(|rest| rest.parse::<i64>().ok());
        offset.unwrap_or_default() + rest.unwrap_or_default()
    }
}
