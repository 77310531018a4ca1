//! The limits of one identifier, all in one place: who asks, for which kind of message or with
//! which kind of secret, what it costs, and what is refunded.
//!
//! Strangers and known devices have separate counters, and so has each kind of secret, so
//! that what a stranger does costs the owner of the identifier nothing but a nuisance. The rules
//! are pure: `challenges/table.rs` keeps the state and makes each change one conditional write.
//! Every endpoint that sends a code or checks a secret goes through here, for known and unknown
//! identifiers alike.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CodeRun, DAY, Ladder, Limits, Sends};
use crate::base::Error;

/// The most devices whose failures are remembered. The one that failed longest ago is forgotten.
const MAX_DEVICES: usize = 10;
/// The most texts about changes of an account that one phone gets in 24 hours.
pub const MAX_NOTICES: usize = 3;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// Anybody, by their source (a part of the hash of the network that the request came from).
    Stranger(String),
    /// A device on which the owner of the identifier has signed in before.
    Device(Uuid),
}

impl Asker {
    /// The device, if it is a known one.
    pub fn device(&self) -> Option<Uuid> {
        match self {
            Self::Stranger(_) => None,
            Self::Device(id) => Some(*id),
        }
    }

    /// The name of the cooldown that its messages start. All known devices share one.
    fn source(&self) -> &str {
        match self {
            Self::Stranger(source) => source,
            Self::Device(_) => "device",
        }
    }
}

/// Which messages are counted together. Password resets have separate counters, since the
/// answer to them must not reveal who has an account, and messages that were only pretended are
/// counted there, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Codes to sign in, and to prove a new address.
    Codes,
    /// Codes and links to reset a password.
    Resets,
}

/// The state of one identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Throttle {
    /// Codes that strangers asked for.
    #[serde(skip_serializing_if = "Sends::is_empty")]
    codes: Sends,
    /// Password resets that strangers asked for.
    #[serde(skip_serializing_if = "Sends::is_empty")]
    resets: Sends,
    /// All messages that known devices asked for.
    #[serde(skip_serializing_if = "Sends::is_empty")]
    known: Sends,
    /// Texts about changes in the last 24 hours (epoch seconds), oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<i64>,
    /// Wrong codes of strangers' challenges.
    #[serde(skip_serializing_if = "CodeRun::is_empty")]
    wrong_codes: CodeRun,
    /// Wrong passwords of strangers.
    #[serde(skip_serializing_if = "Ladder::is_empty")]
    wrong_passwords: Ladder,
    /// Wrong second factors, if the identifier is a user.
    #[serde(skip_serializing_if = "Ladder::is_empty")]
    wrong_factors: Ladder,
    /// Failures on known devices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    devices: BTreeMap<Uuid, DeviceFailures>,
    /// The time until which the holder of the address wants no messages that strangers ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_until: Option<i64>,
}

/// Failures on a known device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct DeviceFailures {
    #[serde(rename = "c", skip_serializing_if = "CodeRun::is_empty")]
    codes: CodeRun,
    #[serde(rename = "p", skip_serializing_if = "Ladder::is_empty")]
    passwords: Ladder,
    #[serde(rename = "f", skip_serializing_if = "Ladder::is_empty")]
    factors: Ladder,
}

impl DeviceFailures {
    fn ends_at(&self) -> Option<i64> {
        self.codes.ends_at().max(self.passwords.ends_at()).max(self.factors.ends_at())
    }
}

impl Throttle {
    // --- Messages

    /// Counts a message before it is sent.
    ///
    /// # Errors
    /// As [`Self::check_send`].
    pub fn reserve_send(
        &mut self,
        (asker, messages): (&Asker, Messages),
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_send((asker, messages), limits, now)?;
        self.sends_mut(asker, messages).reserve(limits, asker.source(), now)
    }

    /// Checks that a message may be sent now.
    ///
    /// # Errors
    /// [`Error::ResendTooSoon`] or [`Error::SmsLimitReached`]; for strangers also if the holder of
    /// the address has stopped messages; [`Error::OtpLocked`] if after too many wrong codes none
    /// are sent to this asker.
    pub fn check_send(
        &self,
        (asker, messages): (&Asker, Messages),
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_code(asker, now)?;
        let stopped = self.stopped_until.map(|until| until - now.as_second());
        if let Some(retry_after) =
            stopped.filter(|left| *left > 0 && matches!(asker, Asker::Stranger(_)))
        {
            return Err(Error::SmsLimitReached { retry_after });
        }
        self.sends(asker, messages).check(limits, asker.source(), now)
    }

    /// Refunds the message that was counted at `at`, because it was not sent.
    pub fn release_send(&mut self, asker: &Asker, messages: Messages, at: Timestamp) {
        self.sends_mut(asker, messages).release(asker.source(), at);
    }

    /// Seconds until this asker may have the next message sent.
    pub fn resend_in(
        &self,
        (asker, messages): (&Asker, Messages),
        limits: &Limits,
        now: Timestamp,
    ) -> i64 {
        self.sends(asker, messages).resend_in(limits, asker.source(), now)
    }

    /// Whether a message was sent in the last 24 hours.
    pub fn was_sent_to(&self, now: Timestamp) -> bool {
        [&self.codes, &self.resets, &self.known].iter().any(|sends| sends.was_sent(now))
    }

    /// Counts a text about a change of the account, unless the phone got [`MAX_NOTICES`] in the
    /// last 24 hours.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`].
    pub fn reserve_notice(&mut self, now: Timestamp) -> Result<(), Error> {
        self.notices.retain(|at| *at > now.as_second() - DAY);
        if let Some(oldest) = self.notices.first().filter(|_| self.notices.len() >= MAX_NOTICES) {
            return Err(Error::SmsLimitReached { retry_after: oldest + DAY - now.as_second() });
        }
        self.notices.push(now.as_second());
        Ok(())
    }

    /// Refunds the text about a change that was counted at `at`, because it was not sent.
    pub fn release_notice(&mut self, at: Timestamp) {
        if let Some(position) = self.notices.iter().rposition(|sent| *sent == at.as_second()) {
            self.notices.remove(position);
        }
    }

    /// Stops messages that strangers ask for, for 24 hours, because the holder of the address did
    /// not ask for any. Returns when the stop ends, in epoch seconds. A stop that is already
    /// running is not extended. Otherwise, if no message was sent in the last 24 hours, nothing is
    /// stopped: `None`.
    pub fn stop(&mut self, now: Timestamp) -> Option<i64> {
        let running = self.stopped_until.filter(|until| *until > now.as_second());
        running.or_else(|| {
            self.was_sent_to(now).then(|| *self.stopped_until.insert(now.as_second() + DAY))
        })
    }

    /// Ends a stop, because the holder of the address wants messages again.
    pub fn resume(&mut self) {
        self.stopped_until = None;
    }

    // --- Codes

    /// How many digits the next code for this asker has, of which `usual` is the least.
    pub fn code_digits(&self, asker: &Asker, usual: u32, now: Timestamp) -> u32 {
        self.code_run(asker).map_or(usual, |run| run.digits(usual, now))
    }

    /// How many codes were wrong in challenges of this asker ([`CodeRun::lately`]).
    pub fn wrong_codes_lately(&self, asker: &Asker, now: Timestamp) -> u32 {
        self.code_run(asker).map_or(0, |run| run.lately(now))
    }

    /// Checks that codes are accepted from this asker.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] with the wait.
    pub fn check_code(&self, asker: &Asker, now: Timestamp) -> Result<(), Error> {
        self.code_run(asker).map_or(Ok(()), |run| run.check(now))
    }

    /// Counts a wrong code of a challenge that `asker` opened. Returns whether this was the one
    /// after which no more codes are sent to strangers.
    pub fn fail_code(&mut self, asker: &Asker, now: Timestamp) -> bool {
        match asker {
            Asker::Stranger(_) => {
                self.wrong_codes.fail(now);
                self.wrong_codes.check(now).is_err()
            }
            Asker::Device(id) => {
                self.device_mut(*id).codes.fail(now);
                false
            }
        }
    }

    /// Records that the code of a challenge was used that `asker` opened, and whose messages were
    /// counted `sent_at` (epoch milliseconds): they are given back. On a new device, the run of
    /// wrong codes and a stop end, since the holder uses codes. The counts of strangers stay as they are
    /// after a sign-in on a known device, except that codes are sent to strangers again.
    pub fn use_code(
        &mut self,
        (asker, messages): (&Asker, Messages),
        sent_at: &[i64],
        now: Timestamp,
    ) {
        self.sends_mut(asker, messages).give_back(asker.source(), sent_at);
        match asker {
            Asker::Stranger(_) => {
                self.wrong_codes.end(now);
                self.stopped_until = None;
            }
            Asker::Device(id) => {
                self.wrong_codes.lift();
                if let Some(device) = self.devices.get_mut(id) {
                    device.codes.clear();
                }
            }
        }
    }

    // --- Passwords and second factors

    /// Counts a password as wrong before it is compared. If it is right, [`Self::pass_password`]
    /// ends the run. The first wait comes after `first` failures.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait; without one, if strangers need another way to sign
    /// in.
    pub fn spend_password(
        &mut self,
        device: Option<Uuid>,
        first: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ladder = match device {
            Some(id) => &mut self.device_mut(id).passwords,
            None if self.wrong_passwords.is_off() => {
                return Err(Error::TooManyAttempts { retry_after: None });
            }
            None => &mut self.wrong_passwords,
        };
        let waits = |wait| Error::TooManyAttempts { retry_after: Some(wait) };
        ladder.spend(first, now).map_err(waits)
    }

    /// Whether strangers need another way to sign in than the password.
    pub fn passwords_are_off(&self) -> bool {
        self.wrong_passwords.is_off()
    }

    /// Ends the run of wrong passwords, because one was right.
    pub fn pass_password(&mut self, device: Option<Uuid>) {
        match device {
            Some(id) => self.device_mut(id).passwords.clear(),
            None => self.wrong_passwords.clear(),
        }
    }

    /// Counts a second factor as wrong before it is compared. If it is right,
    /// [`Self::pass_factor`] ends the run.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] with the wait.
    pub fn spend_factor(
        &mut self,
        device: Option<Uuid>,
        first: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ladder = match device {
            Some(id) => &mut self.device_mut(id).factors,
            None => &mut self.wrong_factors,
        };
        ladder.spend(first, now).map_err(|wait| Error::OtpLocked { retry_after: Some(wait) })
    }

    /// Ends the run of wrong second factors, because one was right.
    pub fn pass_factor(&mut self, device: Option<Uuid>) {
        match device {
            Some(id) => self.device_mut(id).factors.clear(),
            None => self.wrong_factors.clear(),
        }
    }

    // --- Ways out

    /// Lets strangers sign in again, because the owner was recognised by another way.
    pub fn lift(&mut self) {
        self.wrong_codes.lift();
        self.wrong_passwords.clear();
    }

    /// Ends every failure, wait and stop, and forgets messages and cooldowns. Messages that were given
    /// back stay counted towards the ceiling. Returns whether there was anything to end.
    pub fn unlock(&mut self) -> bool {
        let unlocked = self.with_messages(Sends::used);
        let had = *self != unlocked;
        *self = unlocked;
        had
    }

    /// As [`Self::unlock`], because the owner was recognised. People can do that again and again, so
    /// messages are given back, not forgotten: otherwise they would get as many texts as they like. Of
    /// wrong codes the run ends, as after a sign-in. Wrong second factors stay: whoever has an address
    /// of the person has one factor, and must not guess the other.
    pub fn recover(&mut self, now: Timestamp) {
        let mut wrong_codes = self.wrong_codes.clone();
        wrong_codes.end(now);
        let factors = self.devices.iter().filter(|(_, device)| !device.factors.is_empty());
        let factors = factors.map(|(id, device)| {
            (*id, DeviceFailures { factors: device.factors.clone(), ..DeviceFailures::default() })
        });
        *self = Self {
            wrong_codes,
            wrong_factors: self.wrong_factors.clone(),
            devices: factors.collect(),
            ..self.with_messages(Sends::given_back)
        };
    }

    /// A state without failures, with what is `kept` of the messages.
    fn with_messages(&self, kept: fn(&Sends) -> Sends) -> Self {
        Self {
            codes: kept(&self.codes),
            resets: kept(&self.resets),
            known: kept(&self.known),
            notices: self.notices.clone(),
            ..Self::default()
        }
    }

    /// When nothing in the state counts any more, in epoch seconds.
    pub fn ends_at(&self) -> i64 {
        let devices = self.devices.values().map(DeviceFailures::ends_at).max().flatten();
        [
            self.codes.ends_at(),
            self.resets.ends_at(),
            self.known.ends_at(),
            self.notices.last().map(|at| at + DAY),
            self.wrong_codes.ends_at(),
            self.wrong_passwords.ends_at(),
            self.wrong_factors.ends_at(),
            devices,
            self.stopped_until,
        ]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default()
    }

    fn sends(&self, asker: &Asker, messages: Messages) -> &Sends {
        match (asker, messages) {
            (Asker::Device(_), _) => &self.known,
            (Asker::Stranger(_), Messages::Codes) => &self.codes,
            (Asker::Stranger(_), Messages::Resets) => &self.resets,
        }
    }

    fn sends_mut(&mut self, asker: &Asker, messages: Messages) -> &mut Sends {
        match (asker, messages) {
            (Asker::Device(_), _) => &mut self.known,
            (Asker::Stranger(_), Messages::Codes) => &mut self.codes,
            (Asker::Stranger(_), Messages::Resets) => &mut self.resets,
        }
    }

    fn code_run(&self, asker: &Asker) -> Option<&CodeRun> {
        match asker {
            Asker::Stranger(_) => Some(&self.wrong_codes),
            Asker::Device(id) => self.devices.get(id).map(|device| &device.codes),
        }
    }

    fn device_mut(&mut self, id: Uuid) -> &mut DeviceFailures {
        if !self.devices.contains_key(&id) && self.devices.len() >= MAX_DEVICES {
            let oldest = self.devices.iter().min_by_key(|(_, it)| it.ends_at()).map(|(id, _)| *id);
            oldest.map(|id| self.devices.remove(&id));
        }
        self.devices.entry(id).or_default()
    }

    /// Drops devices on which nothing is counted.
    pub fn tidy(&mut self) {
        self.devices.retain(|_, device| *device != DeviceFailures::default());
    }
}
