//! The asker of a message, and the counters of the request.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Challenges, Identity};
use crate::{
    base::Error,
    crypto::IdentifierHash,
    identifiers::{Address, Email, PhoneNumber},
    limits::{Asker, Cohort, Counted, Destination, Proof, Window},
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

/// The state of an address and its asker, by which a request for a message is weighed. All of it is
/// read together, before anything is counted.
pub struct Lookup {
    pub(super) recipient: Recipient,
    /// The known device that asks.
    device: Option<Uuid>,
    pub(super) room: Room,
}

/// The source of a request, if it had room for many more messages a moment ago. Its message is then
/// counted in all counters together: it is unlikely that the source's refuses it when another has
/// already counted it. Otherwise the source's comes first, so that nobody fills a counter of others
/// with refused requests.
#[derive(Default)]
pub struct Room(Option<IdentifierHash>);

impl Room {
    pub(super) fn is_of(&self, source: &IdentifierHash) -> bool {
        self.0.as_ref() == Some(source)
    }
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
    /// How many seconds the code works from now on.
    pub(super) valid_seconds: i64,
    /// Whether the code is sent for the first time. Only then is the message noted for the signs of
    /// fraud, since a code is verified at most once.
    pub(super) is_first: bool,
    /// Whether nothing will be sent. Then it counts for its source exactly as a message would, and
    /// nowhere else.
    pub(super) is_decoy: bool,
    /// Whether the answer must not reveal if a message is sent. Then the message is counted for its
    /// destination apart from others: whoever asks for those learns how full their counter is.
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
    /// The proof of work that the request used up.
    pub(super) proof: Option<Proof>,
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
    /// Reads what a request for a message to `address` is weighed by, which comes from `ip`: the
    /// address, the known device of `device_token`, and the room of a stranger's source. A token that
    /// is invalid, old, or of somebody else reads as none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look_up(
        &self,
        address: &Address,
        device_token: Option<&str>,
        ip: Option<&str>,
    ) -> Result<Lookup, Error> {
        let now = self.clock.now();
        let claimed =
            device_token.and_then(|token| KnownDevice::decode(token, &self.hash_keys, now));
        let (recipient, user, room) = tokio::try_join!(
            self.recipient(address),
            async {
                match &claimed {
                    Some(device) => self.store.user(device.user_id).await,
                    None => Ok(None),
                }
            },
            async {
                match &claimed {
                    Some(_) => Ok(Room::default()),
                    None => self.room(ip).await,
                }
            },
        )?;
        let device = claimed.filter(|device| {
            recipient.owner == Some(device.user_id) && user.is_some_and(|user| device.is_of(&user))
        });
        Ok(Lookup { recipient, device: device.map(|device| device.id), room })
    }

    /// The room of the source `ip`. It is a hint only: a count that depends on it is conditional.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn room(&self, ip: Option<&str>) -> Result<Room, Error> {
        let (source, max) = (self.hash_keys.source(ip), self.limits.sends_per_ip_per_hour);
        let sends = self.store.counted_lately(&source, Window::Hour, self.clock.now()).await?;
        Ok(Room((sends * 2 < i64::from(max)).then_some(source)))
    }

    /// Reads an address: its limits, its challenges and its owner.
    async fn recipient(&self, address: &Address) -> Result<Recipient, Error> {
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

    /// The asker of a request from `ip`: the known device, or a stranger.
    pub(super) fn asker(&self, lookup: &Lookup, ip: Option<&str>) -> Asker {
        lookup.device.map_or_else(|| self.stranger(ip), Asker::Device)
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
        room: &Room,
        now: Timestamp,
    ) -> Result<Counters, Error> {
        if request.asker.device().is_some() || self.test_code(request.address, now).is_some() {
            return Ok(Counters::default());
        }

        let hash = self.hash_keys.source(request.ip);
        let source = self.count_source(&hash, request, now);
        let others = async {
            if request.is_decoy {
                (Counters::default(), Ok(()))
            } else {
                self.count_destination(request, now).await
            }
        };
        let (source, (mut counters, counted)) = if room.is_of(&hash) {
            tokio::join!(source, others)
        } else {
            (Ok(source.await?), others.await)
        };

        let refused = match (source, counted) {
            (Err(error), _) => Some(error),
            (Ok(source), counted) => {
                counters.source = Some(source);
                counted.err()
            }
        };
        match refused {
            None => Ok(counters),
            Some(Error::SmsLimitReached { .. }) if request.hides && counters.source.is_some() => {
                counters.is_full = true;
                Ok(counters)
            }
            Some(error) => {
                self.release(&counters).await;
                Err(error)
            }
        }
    }

    async fn count_source(
        &self,
        source: &IdentifierHash,
        request: Request<'_>,
        now: Timestamp,
    ) -> Result<Counted, Error> {
        let country = request.address.country().filter(|_| request.is_first);
        let noted = country.map_or(Destination::Nothing, Destination::Country);
        let max = self.limits.sends_per_ip_per_hour;
        self.store.count_send(source, Window::Hour, noted, max, now).await
    }

    /// Counts a request for its destination. Returns also what was counted before a refusal.
    async fn count_destination(
        &self,
        request: Request<'_>,
        now: Timestamp,
    ) -> (Counters, Result<(), Error>) {
        let mut counters = Counters::default();
        let counted = match request.address {
            Address::Sms(phone) => {
                let block = self.count_block(phone, request, now).await;
                block.map(|block| counters.block = Some(block))
            }
            Address::Email(email) => {
                self.count_mail(email, request, &mut counters.mails, now).await
            }
        };
        (counters, counted)
    }

    async fn count_block(
        &self,
        phone: &PhoneNumber,
        request: Request<'_>,
        now: Timestamp,
    ) -> Result<Counted, Error> {
        let hash = match request.hides {
            true => self.hash_keys.hidden_prefix(phone),
            false => self.hash_keys.prefix(phone),
        };
        let max = self.limits.sends_per_prefix_per_hour;
        let noted = if request.is_first {
            Destination::Number(self.place_in_block(phone))
        } else {
            Destination::Nothing
        };
        self.store.count_send(&hash, Window::Hour, noted, max, now).await
    }

    async fn count_mail(
        &self,
        email: &Email,
        request: Request<'_>,
        counted: &mut Vec<Counted>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let domain = match request.hides {
            true => self.hash_keys.hidden_mail_domain(email),
            false => self.hash_keys.mail_domain(email),
        };
        for (hash, window, max) in [
            (domain, Window::Hour, self.limits.emails_per_domain_per_hour),
            (self.hash_keys.all_mails(), Window::Day, self.limits.emails_per_day),
        ] {
            let nothing = Destination::Nothing;
            counted.push(self.store.count_send(&hash, window, nothing, max, now).await?);
        }
        Ok(())
    }

    /// Refunds all counters of a request that sent nothing, and its proof of work.
    pub(super) async fn release(&self, counters: &Counters) {
        for counted in counters.all() {
            self.release_one(counted).await;
        }
        if let Some(proof) = &counters.proof
            && let Err(error) = self.store.give_back_proof(proof).await
        {
            tracing::warn!(%error, "the proof of work of a failed request stays used");
        }
    }

    /// Refunds the counters of the destination, once: nothing was sent, but the source is not told.
    pub(super) async fn release_destination(&self, counters: &mut Counters) {
        for counted in counters.block.take().into_iter().chain(counters.mails.drain(..)) {
            self.release_one(&counted).await;
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
        let hash = self.hash_keys.short_lived("place in prefix", phone.block());
        let offset =
            hash.as_str().get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        let digits = phone.as_str().strip_prefix('+').unwrap_or_default();
        let rest = digits.get(phone.block().len()..).and_then(|rest| rest.parse::<i64>().ok());
        offset.unwrap_or_default() + rest.unwrap_or_default()
    }
}
