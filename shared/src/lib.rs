//! What Latchkey's Lambdas are made of: a wing (a folder) for each subject, with its model, its story, its settings
//! and its table.
//!
//! **A wing uses only the wings before it in this file.** `tests/wings.rs` holds that.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

/// What everything is made of: errors, time, randomness, money, counts, the environment.
pub mod base;

/// Who somebody is: phones, e-mail addresses, usernames.
pub mod identifiers;

/// How AWS is reached.
pub mod aws;

/// Keys: keyed hashes, signing keys, and the secrets they come from.
pub mod crypto;

/// The DynamoDB table: keys, conditions, transactions, lists; no subject.
pub mod table;

/// Who did what: the audit trail.
pub mod audit;

/// What bounds messages and guesses, and the signs of fraud.
pub mod limits;

/// What texts cost, and the budget that is reserved before one is sent.
pub mod spending;

/// Names for sets of permissions.
pub mod roles;

/// The applications that share the users.
pub mod apps;

/// What texts and e-mails say, and how they are sent.
pub mod messages;

/// Users as they are stored, with their sessions and passwords.
pub mod users;

/// One-time codes: opening, sending, proving.
pub mod challenges;

/// Pictures.
pub mod avatars;

/// Access tokens and refresh tokens.
pub mod tokens;

/// Authenticator apps and recovery codes.
pub mod second_factors;

/// What people change about their accounts.
pub mod accounts;

/// What administrators do with people.
pub mod administration;

/// Signing in, refreshing, signing out.
pub mod sessions;

/// The settings, put together from each wing's section.
pub mod settings;

/// The service, put together: each part made when it is first asked for.
pub mod latchkey;

/// HTTP: requests, responses, who calls, a Lambda's main.
pub mod http;
