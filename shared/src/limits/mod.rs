//! Fair limits: how often messages are sent, what wrong secrets lead to, and signs of SMS pumping.

mod failures;
pub mod fraud;
mod proof;
mod record;
mod sends;
mod settings;
mod table;
mod throttle;

pub use self::{
    failures::{CodeRun, LONG_DIGITS, Ladder, OFF_AFTER},
    fraud::{Cohort, Decision, FraudMode, FraudRules, Reason, Signs, Verdict, sequence_of},
    proof::{Proof, ProofChallenge},
    record::{Recorded, SentText},
    sends::{CEILING, Limits, Sends},
    settings::LimitSettings,
    table::{Counted, CounterNote, Destination, Tally, Window},
    throttle::{Asker, MAX_NOTICES, Messages, Throttle},
};

/// Seconds of an hour.
const HOUR: i64 = 3_600;
/// Seconds of a day.
const DAY: i64 = 24 * HOUR;
