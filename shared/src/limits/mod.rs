//! What bounds messages and guesses, and the signs of fraud.

pub mod fraud;
mod settings;
mod table;
mod throttle;

pub use self::{
    fraud::{
        Cohort, Decision, FraudMode, FraudRules, Reason, Recorded, Signs, Verdict, sequence_of,
    },
    settings::LimitSettings,
    table::{Destination, Tally},
    throttle::{Limits, OFF_AFTER, Throttle},
};
