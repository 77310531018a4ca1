//! What Latchkey's Lambdas are made of: the domain, the store, messages, HTTP conventions.
//!
//! `http` and `store` know the domain; the domain knows neither HTTP nor DynamoDB's types. Nothing
//! here knows a URL.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod access_token;
pub mod access_tokens;
pub mod accounts;
pub mod address;
pub mod app;
pub mod app_secret;
pub mod apps;
pub mod audit;
pub mod avatars;
pub mod aws;
pub mod challenge;
pub mod challenges;
pub mod clock;
pub mod config;
pub mod email;
pub mod error;
pub mod even;
pub mod fraud;
pub mod hash_keys;
pub mod http;
pub mod messages;
pub mod metrics;
pub mod one_time_code;
pub mod parts;
pub mod password;
pub mod phone;
pub mod random;
mod rank;
pub mod recovery_code;
pub mod refresh_token;
pub mod role;
pub mod roles;
pub mod second_factor;
pub mod second_factors;
pub mod secrets;
pub mod session;
pub mod sessions;
pub mod signing_keys;
pub mod spending;
pub mod store;
pub mod throttle;
pub mod totp;
pub mod user;
pub mod username;
pub mod users;
