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
    clock::{Clock, epoch_millis, epoch_seconds, epoch_seconds_option, seconds, seconds_until, whole_seconds},
    device::Device,
    environment::Environment,
    error::{Error, FieldError},
    even::evenly,
    money::{MicroUsd, USD, in_usd, usd},
    random::Random,
    values::{host, origin},
};
pub(crate) use self::{
    environment::Reader,
    values::{
        allowed_countries, app_name, base_url, date_or_time, fraud_mode, list, max_price, page_url, sender_id,
        usd_by_country, visible_ascii,
    },
};
