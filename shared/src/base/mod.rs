//! What everything is made of: errors, time, randomness, counts, the environment.

mod clock;
mod device;
mod environment;
mod error;
mod even;
pub mod metrics;
mod money;
mod random;
mod values;

pub use self::{
    clock::{
        Clock, epoch_millis, epoch_seconds, epoch_seconds_option, seconds, seconds_until,
        whole_seconds,
    },
    device::Device,
    environment::{Environment, Setting, Stage},
    error::{Error, FieldError},
    even::evenly,
    money::{MicroUsd, USD, in_usd, usd},
    random::Random,
    values::{host, origin},
};
pub(crate) use self::{
    environment::Reader,
    values::{base_url, date_or_time, list, page_url},
};
