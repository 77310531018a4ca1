//! The basics that every wing uses: errors, time, randomness, money, counts, the environment.

mod clock;
mod device;
mod entity_tags;
mod environment;
mod error;
pub(crate) mod https;
pub mod metrics;
mod money;
mod public_ip;
mod random;
mod short_ids;
mod timing;
mod typed;
mod values;

pub use self::{
    clock::{
        Clock, api_time, api_time_option, epoch_millis, epoch_seconds, epoch_seconds_option,
        seconds, seconds_until, whole_seconds,
    },
    device::Device,
    entity_tags::{EntityTag, EntityTags},
    environment::{Environment, Setting, Stage},
    error::{Error, FieldError},
    money::{MicroUsd, USD, in_usd, usd},
    public_ip::is_public,
    random::Random,
    short_ids::{ShortId, short_id, short_id_keys, short_id_option, short_id_set},
    timing::{wait_for_step, with_minimum_duration},
    typed::plain_code,
    values::{host, origin, page_origin},
};
pub(crate) use self::{
    environment::Reader,
    values::{base_url, date_or_time, list, page_url},
};
