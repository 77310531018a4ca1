//! Bringing users along from another service.
//!
//! | the user here                              | what a record does                                     |
//! |--------------------------------------------|--------------------------------------------------------|
//! | is not there                               | creates them                                           |
//! | nobody has signed in to the account        | replaces all that it names                             |
//! | has signed in, and was never imported      | fills in what is empty, except what signs somebody in  |
//! | has signed in since they were imported     | changes nothing: the account is theirs                 |
//!
//! So the same record again changes nothing, a later export may follow an earlier one until people
//! have moved, and nobody who may import takes over an account that is in use.
//!
//! Passwords come along as hashes, or Cognito is asked whether one is right. Both take other times
//! than our hash, so once there is one of them, all refusals take the same time.

mod cognito;
mod import;
mod passwords;
mod record;
mod settings;
mod table;

pub(crate) use self::passwords::Elsewhere;
pub use self::{
    cognito::CognitoPool,
    import::{ImportOutcome, Imported},
    passwords::PasswordSignIns,
    record::{ImportRecord, ImportedAddress, ImportedPassword},
    settings::MigrationSettings,
};
