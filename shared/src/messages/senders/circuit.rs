//! The circuit breaker: a sender that fails again and again is tried last for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;

use super::{Outcome, Refusal};
use crate::{
    apps::SenderName,
    base::{Clock, seconds},
    messages::ways::Way,
};

/// After this many failures in a row, the circuit of a sender opens.
const FAILURES: u32 = 3;
/// How long it stays open, in seconds.
const OPEN_SECONDS: i64 = 30;

/// The circuits of all senders, in the memory of one process.
#[derive(Clone)]
pub(super) struct Circuit {
    clock: Clock,
    senders: Arc<Mutex<BTreeMap<SenderName, Failures>>>,
}

#[derive(Clone, Copy)]
struct Failures {
    in_a_row: u32,
    last: Timestamp,
}

impl Circuit {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, senders: Arc::default() }
    }

    /// The ways in their order, but those of senders with an open circuit last. None is left out: if
    /// all circuits are open, trying is the only way to learn that a sender works again.
    pub(super) fn order(&self, ways: &[Way]) -> Vec<Way> {
        let now = self.clock.now();
        let known = self.senders.lock().map(|known| known.clone()).unwrap_or_default();
        let is_open = |way: &Way| {
            known
                .get(&way.sender)
                .is_some_and(|it| it.in_a_row >= FAILURES && now < it.last + seconds(OPEN_SECONDS))
        };
        let mut ordered = ways.to_vec();
        ordered.sort_by_key(is_open);
        ordered
    }

    /// Counts a failure of a sender, or ends its failures.
    pub(super) fn note(&self, sender: SenderName, outcome: &Outcome) {
        let has_failed = matches!(
            outcome,
            Outcome::Unknown(_) | Outcome::Refused(Refusal::Unreachable | Refusal::Account, _)
        );
        let Ok(mut known) = self.senders.lock() else { return };
        if has_failed {
            let before = known.get(&sender).map_or(0, |it| it.in_a_row);
            let failures = Failures { in_a_row: before.saturating_add(1), last: self.clock.now() };
            known.insert(sender, failures);
        } else {
            known.remove(&sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_sender_that_fails_three_times_is_tried_last_for_thirty_seconds() {
        let now = Arc::new(AtomicI64::new(1_800_000_000));
        let told = now.clone();
        let clock =
            Clock::from_fn(move || Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap());
        let circuit = Circuit::new(clock);
        let plan = [SenderName::Twilio, SenderName::Sns].map(Way::text);
        let other = [SenderName::Sns, SenderName::Twilio].map(Way::text);
        let unknown = Outcome::Unknown("no answer".to_owned());

        for _ in 0..2 {
            circuit.note(SenderName::Twilio, &unknown);
            assert_eq!(circuit.order(&plan), plan);
        }
        circuit.note(SenderName::Twilio, &unknown);
        assert_eq!(circuit.order(&plan), other);
        assert_eq!(circuit.order(&plan[..1]), plan[..1]);

        now.fetch_add(30, Ordering::SeqCst);
        assert_eq!(circuit.order(&plan), plan, "one try shows whether it works again");
        circuit.note(SenderName::Twilio, &unknown);
        assert_eq!(circuit.order(&plan), other);
        circuit.note(SenderName::Twilio, &Outcome::Accepted);
        assert_eq!(circuit.order(&plan), plan);
    }

    #[test]
    fn a_refused_number_is_no_failure_of_its_sender() {
        let circuit = Circuit::new(Clock::system());
        let refused = Outcome::Refused(Refusal::Number, "21211".to_owned());
        (0..5).for_each(|_| circuit.note(SenderName::Twilio, &refused));
        let plan = [SenderName::Twilio, SenderName::Sns].map(Way::text);
        assert_eq!(circuit.order(&plan), plan);
    }
}
