//! Deciding about, paying and sending the message of a challenge.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    ChallengeContent, Challenges, Identity,
    asking::{Counters, Request, Room, cohort},
};
use crate::{
    base::{
        Error,
        metrics::{self, Metric},
    },
    crypto::{IdentifierHash, Place},
    identifiers::{Address, Channel, PhoneNumber},
    limits::{Decision, FraudMode, Proof, ProofChallenge, Reason, Recorded, Signs, Verdict, fraud},
    messages::{Content, Messenger, Prepared, Sent},
    spending::Fund,
};

/// The result of judging a request by its signs.
#[derive(Debug, Default)]
struct Judgement {
    signs: Signs,
    reasons: Vec<Reason>,
    /// Whether the message is dropped, and its caller is not told.
    is_withheld: bool,
    /// Whether it would be dropped if nobody owned its address. The caller must not be told what
    /// becomes of it either, since an answer would tell that somebody does.
    is_quiet: bool,
    /// The proof of work that was asked for, and is used up now.
    proof: Option<Proof>,
}

/// A request that was weighed.
pub(super) struct Weighed {
    /// The counters that have counted it.
    pub(super) counters: Counters,
    /// The message, if one is sent.
    pub(super) message: Option<Prepared>,
    /// Whether nothing is sent, although the caller is told so.
    pub(super) is_dropped: bool,
}

impl Challenges {
    /// Decides by its signs whether a text is sent to the `owner` of its phone, if there is one. A
    /// request that was asked for a proof of work brings it as `proof`.
    ///
    /// # Errors
    /// [`Error::ProofRequired`] or [`Error::FraudSuspected`].
    async fn judge(
        &self,
        id: Uuid,
        (request, counters): (Request<'_>, &Counters),
        (owner, proof): (Option<Uuid>, Option<&str>),
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<Judgement, Error> {
        let Some(phone) = request.address.phone().filter(|_| counters.source.is_some()) else {
            return Ok(Judgement::default());
        };

        let signs = self.signs(phone, request, counters);
        let reasons = self.limits.fraud_rules.reasons(&signs);
        let by_signs = self.limits.fraud_mode.verdict(&reasons);
        let mut used = None;
        let verdict = match by_signs {
            // The code was sent before, with a proof if one was required.
            Verdict::Challenged if !request.is_first => Verdict::Sent,
            Verdict::Challenged => {
                used = self.proven_by(request, proof, now).await?;
                if used.is_some() { Verdict::Sent } else { Verdict::Challenged }
            }
            // Nobody may lock the owner of a phone out.
            Verdict::Withheld if owner.is_some() => Verdict::Sent,
            verdict => verdict,
        };

        let is_quiet = by_signs == Verdict::Withheld;
        let is_withheld = verdict == Verdict::Withheld;
        let judgement = Judgement { signs, reasons, is_withheld, is_quiet, proof: used };
        if verdict != Verdict::Sent {
            let price = messenger.price(phone);
            let country = phone.country().unwrap_or_default();
            self.log(&judgement, request, counters, (id, country, price, verdict), now);
        }
        match verdict {
            Verdict::Denied => Err(Error::FraudSuspected),
            Verdict::Challenged => Err(self.proof_required(request, &judgement.reasons, now)),
            Verdict::Sent | Verdict::Withheld => Ok(judgement),
        }
    }

    /// The signs of a request. If its answer must not reveal whether a message is sent, only those
    /// of its source count, which are the same either way.
    fn signs(&self, phone: &PhoneNumber, request: Request<'_>, counters: &Counters) -> Signs {
        let block = counters.block.as_ref().filter(|_| !request.hides);
        let sequence = block
            .map(|counted| fraud::sequence_of(self.place_in_block(phone), &counted.tally.numbers));
        Signs {
            countries: counters.source.as_ref().map_or(0, |it| it.tally.countries.len()),
            sequence: sequence.unwrap_or_default(),
            source: cohort(counters.source.as_ref()),
            prefix: cohort(block),
            ..Signs::default()
        }
    }

    /// Uses up the proof of work that the request brings for its address. `None` if it is not good, or
    /// was used before.
    async fn proven_by(
        &self,
        request: Request<'_>,
        proof: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Proof>, Error> {
        let address = self.hash_keys.address(request.address);
        let proof = proof.and_then(|proof| Proof::check(proof, &self.hash_keys, &address, now));
        let Some(proof) = proof else { return Ok(None) };
        Ok(self.store.use_proof(&proof).await?.then_some(proof))
    }

    fn proof_required(&self, request: Request<'_>, reasons: &[Reason], now: Timestamp) -> Error {
        let address = self.hash_keys.address(request.address);
        let signs = reasons.iter().filter(|reason| reason.stops()).count();
        let proof = ProofChallenge::new(&self.hash_keys, &address, signs, now, &self.random)
            .and_then(|proof| {
                serde_json::to_value(proof).map_err(|error| Error::Internal(error.to_string()))
            });
        proof.map_or_else(|error| error, |proof| Error::ProofRequired { proof: Box::new(proof) })
    }

    /// The link that stops messages to `address`, whose limits are those of `identity`. It is sent
    /// from the second message within 24 hours on, unless a registered template for texts is used,
    /// which has no place for it.
    pub(super) fn stop_link(
        &self,
        (address, identity): (&Address, &Identity),
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let has_no_place = address.phone().is_some() && self.messages.sms.template_id.is_some();
        if has_no_place || !identity.throttle().was_sent_to(now) {
            return Ok(None);
        }

        let token = self.hash_keys.stop_token(place, now)?;
        Ok(Some(format!("{}/stop/{token}", self.settings.issuer)))
    }

    /// Counts a request, judges it by its signs, words its message and reserves its price. Notes in
    /// `content` what the use of its code changes. The evidence is the owner of the address, and the
    /// proof of work that the request brings.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a counter or a budget is used up; [`Error::ProofRequired`] or
    /// [`Error::FraudSuspected`]; [`Error::Unavailable`]. All counts and the price are then
    /// refunded.
    pub(super) async fn weigh(
        &self,
        (id, evidence): (Uuid, (Option<Uuid>, Option<&str>)),
        content: &mut ChallengeContent,
        (request, room): (Request<'_>, &Room),
        stop_link: Option<&str>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<Weighed, Error> {
        let count = self.count(request, room, now);
        let costs_nothing = request.address.phone().is_none();
        let (mut counters, mut prepared) =
            if costs_nothing || room.is_of(&self.hash_keys.source(request.ip)) {
                // It will hardly be refused, so its price is reserved at the same time. An e-mail has no
                // price, and the words of its app are read at that time.
                let prepare = self.prepare(content, request, stop_link, messenger);
                let (counters, prepared) = tokio::join!(count, prepare);
                match counters {
                    Ok(counters) => (counters, Some(prepared)),
                    Err(error) => {
                        return self.cancel(prepared.ok().flatten(), messenger, error).await;
                    }
                }
            } else {
                (count.await?, None)
            };

        let judged = self.judge(id, (request, &counters), evidence, messenger, now).await;
        let mut judgement = match judged {
            Ok(judgement) => judgement,
            Err(error) => {
                self.release(&counters).await;
                let message = prepared.and_then(Result::ok).flatten();
                return self.cancel(message, messenger, error).await;
            }
        };
        counters.proof = judgement.proof.take();
        content.hides_failure |= judgement.is_quiet;
        let is_dropped = judgement.is_withheld || counters.is_full;
        if judgement.is_quiet || is_dropped {
            // Also if it is sent to an owner: the counter of the block would tell that it was.
            self.release_destination(&mut counters).await;
        }
        if is_dropped && let Some(Ok(Some(message))) = prepared.replace(Ok(None)) {
            messenger.cancel(message).await;
        }

        let prepared = match prepared {
            Some(prepared) => prepared,
            None => self.prepare(content, request, stop_link, messenger).await,
        };
        let message = match prepared {
            Ok(message) => message,
            Err(error) => match self.hide(error, content, &mut counters).await {
                Ok(()) => None,
                Err(error) => {
                    self.release(&counters).await;
                    return Err(error);
                }
            },
        };
        self.note(id, content, (request, &counters, &judgement), message.as_ref(), now);
        let message = message.map(|message| message.with_code_of(id));
        Ok(Weighed { counters, message, is_dropped })
    }

    /// Words the message of a challenge and reserves its price. Returns `None` if nothing is to be
    /// sent: for test phones and decoys.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::Unavailable`].
    async fn prepare(
        &self,
        content: &ChallengeContent,
        request: Request<'_>,
        stop_link: Option<&str>,
        messenger: &Messenger,
    ) -> Result<Option<Prepared>, Error> {
        if content.decoy || self.test_code(&content.address, self.clock.now()).is_some() {
            return Ok(None);
        }

        let message = Content {
            subject: content.subject,
            sender: &content.sender,
            channel: content.channel,
            code: &content.code,
            // Rounded down, so that the message does not promise more than there is.
            valid_minutes: (request.valid_seconds / 60).max(1).unsigned_abs(),
            link: content.link.as_deref(),
            stop_link,
            undo_link: None,
            erased_on: None,
        };
        let fund = match request.asker.device() {
            Some(_) => Fund::KnownDevices,
            None => Fund::Strangers,
        };
        let block = content.address.phone().map(|phone| self.hash_keys.prefix(phone));
        let locale = content.locale.as_deref();
        let paid_by = (fund, block.as_ref());
        messenger.prepare(&content.address, paid_by, &message, locale).await.map(Some)
    }

    /// Notes what the use of a code changes, and logs the decision to send its text.
    fn note(
        &self,
        id: Uuid,
        content: &mut ChallengeContent,
        (request, counters, judgement): (Request<'_>, &Counters, &Judgement),
        message: Option<&Prepared>,
        now: Timestamp,
    ) {
        let watched = &mut content.watched;
        let Some(message) = message else {
            watched.counters.extend(counters.source.iter().filter_map(|it| it.note(false)));
            return;
        };
        let is_watched = |counted| request.is_first && cohort(Some(counted)).watches_newest();
        watched.counters.extend(counters.all().filter_map(|it| it.note(is_watched(it))));
        let Prepared::Text(text) = message else { return };
        let reservation = &text.reservation;
        if counters.source.is_none() {
            return;
        }

        let country = reservation.country;
        if request.is_first && country.watches_newest() {
            content.watched.account = Some(reservation.account.clone());
        }
        let signs = Signs { country, ..judgement.signs.clone() };
        let reasons = self.limits.fraud_rules.reasons(&signs);
        let judgement = Judgement { signs, reasons, ..Judgement::default() };
        let name = reservation.account.country.clone();
        let sent = (id, name, reservation.price, Verdict::Sent);
        self.log(&judgement, request, counters, sent, now);
    }

    /// Logs a decision about a text.
    fn log(
        &self,
        judgement: &Judgement,
        request: Request<'_>,
        counters: &Counters,
        (id, country, price, verdict): (Uuid, String, i64, Verdict),
        now: Timestamp,
    ) {
        if !judgement.reasons.is_empty() {
            metrics::count(Metric::TextsSuspected);
        }
        let block = request.address.phone().map(|phone| self.hash_keys.prefix(phone));
        let decision = Decision {
            at: now,
            challenge_id: id,
            source: counters.source.as_ref().map_or_else(String::new, |it| short(&it.counter)),
            prefix: block.as_ref().map_or_else(String::new, short),
            number: short(&self.hash_keys.address(request.address)),
            country,
            micro_usd: price,
            signs: judgement.signs.clone(),
            reasons: judgement.reasons.clone(),
            verdict,
        };
        Recorded::SendDecision(Box::new(decision)).log();
    }

    /// Sends the message of a challenge, which was counted in `counters`, if there is one. The channel is
    /// the one that was used, or the `planned` one if another must not reveal that a message was sent.
    ///
    /// # Errors
    /// [`Error::Undeliverable`] or [`Error::Unavailable`] if it is not sent, unless that must be
    /// hidden from the caller.
    pub(super) async fn send(
        &self,
        message: Option<Prepared>,
        (content, planned): (&ChallengeContent, Channel),
        counters: &mut Counters,
        messenger: &Messenger,
    ) -> Result<Sent, Error> {
        let unsent = Sent { channel: planned, wants_to_know: None };
        let Some(message) = message else { return Ok(unsent) };
        let hides = self.hides(content.hides_failure);
        // The mode alone hides only that suspected texts are dropped; the others can be waited for.
        let sent = match content.hides_failure {
            true => messenger.send_hidden(message).await,
            false => messenger.send(message).await.map(Some),
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => self.hide(error, content, counters).await.map(|()| None)?,
        };
        Ok(match sent {
            Some(sent) if !hides => sent,
            sent => Sent { wants_to_know: sent.and_then(|sent| sent.wants_to_know), ..unsent },
        })
    }

    /// Notes by which id the sender of a challenge's message wants to know if the code was right. If that
    /// fails, the sender is not told, and the code works all the same.
    pub(super) async fn note_wish(&self, id: Uuid, sent: &Sent, now: Timestamp) {
        let Some(wish) = &sent.wants_to_know else { return };
        let place = self.hash_keys.challenge_place(id);
        let note = |identity: &mut Identity| {
            if let Some(challenge) = identity.challenge_mut(id) {
                challenge.wants_to_know = Some(wish.clone());
            }
            Ok(())
        };
        let noted = match self.store.identity_at(&place).await {
            Ok(mut identity) => self.store.change_identity(&place, &mut identity, now, note).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "a sender will not be told whether its code was right");
        }
    }

    /// Whether the duration of a request must not reveal if a message was sent. That is so if
    /// messages go only to people with an account, or if suspected SMS pumping is dropped quietly.
    pub(super) fn hides(&self, hides_accounts: bool) -> bool {
        hides_accounts || self.limits.fraud_mode == FraudMode::Quiet
    }

    /// The result of a message that could not be sent. The error is returned, unless it would reveal
    /// who has an account: then it is only logged, and the message is no longer counted for its
    /// destination.
    async fn hide(
        &self,
        error: Error,
        content: &ChallengeContent,
        counters: &mut Counters,
    ) -> Result<(), Error> {
        let is_hidden = match error {
            Error::Unavailable(_) | Error::SmsLimitReached { .. } => content.hides_failure,
            // A suspected request that is dropped quietly cannot learn this of a number.
            Error::Undeliverable => self.hides(content.hides_failure),
            _ => false,
        };
        if !is_hidden {
            return Err(error);
        }

        tracing::error!(%error, "a code could not be sent; the caller is not told");
        self.release_destination(counters).await;
        Ok(())
    }
}

/// A part of a hash that is long enough to distinguish it in a log.
fn short(hash: &IdentifierHash) -> String {
    hash.place().as_str().to_owned()
}
