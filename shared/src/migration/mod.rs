//! Bringing users along from another service.
//!
//! | the account here                             | the effect of a record                                     |
//! |----------------------------------------------|------------------------------------------------------------|
//! | is not there                                 | it is created                                              |
//! | is untouched: nobody has signed in, or set a | all that the record names is replaced, except proven       |
//! | password                                     | addresses by unproven ones                                 |
//! | is in use, and was never imported            | empty fields are filled in, except those that sign in, and |
//! |                                              | roles are added                                            |
//! | is in use since it was imported              | nothing: the account is theirs                             |
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
    import::{Import, ImportOutcome, Imported},
    passwords::PasswordSignIns,
    record::{ImportRecord, ImportedAddress, ImportedPassword},
    settings::MigrationSettings,
};
