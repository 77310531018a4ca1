//! Rate limits for messages, lockouts after wrong codes and passwords, and signs of SMS pumping.

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
