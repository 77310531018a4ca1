//! The code that Latchkey's Lambdas share. Each subject is a wing: a folder with its model, its
//! logic, its settings and its part of the table.
//!
//! **A wing uses only the wings before it in this file.** `tests/wings.rs` checks that.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

/// The basics that every wing uses: errors, time, randomness, money, counts, the environment.
pub mod base;

/// Identifiers of people: phones, e-mail addresses, usernames.
pub mod identifiers;

/// Access to AWS: timeouts, retries, credentials, endpoints.
pub mod aws;

/// Keys: keyed hashes, signing keys, and the secrets they come from.
pub mod crypto;

/// Web Authentication: reading and verifying credentials. It knows no user.
pub mod webauthn;

/// The DynamoDB table: keys, conditions, transactions, lists. It knows no subject.
pub mod table;

/// The audit trail: who did what.
pub mod audit;

/// Rate limits for messages, lockouts after wrong codes and passwords, and signs of SMS pumping.
pub mod limits;

/// The budget for texts: the price of a text is reserved before it is sent.
pub mod spending;

/// Roles: names for sets of permissions.
pub mod roles;

/// The applications that share the users.
pub mod apps;

/// Texts and e-mails: what they say, and how they are sent.
pub mod messages;

/// Users as they are stored, with their sessions and passwords.
pub mod users;

/// One-time codes: opening, sending, proving.
pub mod challenges;

/// Avatars: the pictures of users.
pub mod avatars;

/// Access tokens and refresh tokens.
pub mod tokens;

/// The requests, pages and codes of sign-in on the hosted page.
pub mod authorization;

/// Passkeys: adding them, and signing in with one.
pub mod passkeys;

/// Authenticator apps and recovery codes.
pub mod second_factors;

/// Changes that users make to their own accounts.
pub mod accounts;

/// Changes that administrators make to users.
pub mod administration;

/// Bringing users along from another service.
pub mod migration;

/// Sessions: signing in, refreshing, signing out.
pub mod sessions;

/// Telling apps that a session of them has ended (back-channel logout).
pub mod back_channel;

/// The settings, put together from each wing's section.
pub mod settings;

/// The service, put together: each part is made when it is first asked for.
pub mod latchkey;

/// HTTP: requests, responses, callers, and the `main` of a Lambda.
pub mod http;
