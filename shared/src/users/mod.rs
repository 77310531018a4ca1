//! Users: who they are, their sessions and passwords.

mod password;
pub mod session;
mod table;
mod user;

pub use self::{
    password::{Password, PasswordHash, PasswordHasher},
    session::{
        AuthenticationMethod, Device, FRESH_SECONDS, IDLE_SECONDS, MAX_SESSIONS, MULTI_FACTOR, REFRESH_GRACE_MILLIS,
        Recognised, SINGLE_FACTOR, Session, SessionView, assurance_level,
    },
    table::{Created, ResetLink, UserFilter},
    user::{User, UserStatus, UserView, personal_words},
};
