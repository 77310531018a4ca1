//! Users, with their sessions and passwords.

mod avatar_key;
mod breached_passwords;
mod common_passwords;
mod consent;
mod directory;
mod foreign_hash;
mod idle_phone;
mod known_device;
mod metadata;
mod password;
mod password_hash;
mod past;
mod profile;
mod session;
mod settings;
mod table;
mod user;

pub(crate) use self::table::CHANGED_BY;
pub use self::{
    avatar_key::{AvatarKey, Size},
    consent::{Consent, ConsentView},
    directory::Directory,
    foreign_hash::{ForeignHash, UnusableHash},
    idle_phone::{DETACHED_SECONDS, TextAlone, idle_since, text_alone},
    known_device::{KnownDevice, MAX_DEVICE_TOKEN_CHARS},
    metadata::{Metadata, MetadataObject, MetadataPatch},
    password::Password,
    password_hash::{PasswordHash, PasswordHasher},
    past::{ChangeView, Past, Restoration, UNDO_SECONDS},
    profile::ProfileChange,
    session::{
        AuthenticationMethod, FRESH_SECONDS, Grant, IDLE_SECONDS, MAX_SESSIONS, MULTI_FACTOR,
        Recognised, SCOPES, SINGLE_FACTOR, Session, SessionKind, SessionView, asks_for,
        assurance_level,
    },
    settings::UserSettings,
    table::{Created, DueErasure, UserFilter},
    user::{USER_FIELDS, User, UserStatus, personal_words},
};
