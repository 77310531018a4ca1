//! The work of an operator, with the command as it is installed, against the whole service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod administration;
mod audit;
mod checks;
mod import;
mod logs;
mod outage;
mod signing_in;
mod terminal;
