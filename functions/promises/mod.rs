//! Tests of promises that hold across endpoints: for strangers, under faults and races, in
//! responses and stored data, and in the template.

mod account_flow;
mod account_privacy;
mod account_race;
mod account_timing;
mod admin_matrix;
mod app_flow;
mod borders;
mod breached_passwords;
mod chains;
mod contributing;
mod corpus;
mod coverage;
mod decisions;
mod edge_flow;
#[expect(
    unreachable_pub,
    reason = "the example of CONTRIBUTING.md, as it would look in its own folder"
)]
mod example;
mod fault_flow;
mod faults;
mod idempotency;
mod long_values;
mod metadata;
mod migration;
mod race;
mod refusals;
mod response;
mod second_factor_flow;
mod senders;
mod smtp;
pub(crate) mod template;
mod threat_model;
mod victims;
