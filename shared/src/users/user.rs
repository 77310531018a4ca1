//! Users.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AvatarKey, PasswordHash, Session};
use crate::{
    apps::DEFAULT_CLIENT_ID,
    base::{Error, epoch_seconds, epoch_seconds_option},
    crypto::{HashKeys, IdentifierHash},
    identifiers::{Address, Email, PhoneNumber, Username},
    roles::ADMIN_ROLE,
    users::{AuthenticationMethod, Recognised},
};

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not; nothing of the user is accepted.
    Disabled,
}

impl UserStatus {
    /// The status as requests and the store write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A user as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id, a version 7 UUID: the `sub` of tokens.
    pub id: Uuid,
    /// The proven phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether the e-mail address was proven: only then does it sign in, and is nobody else's.
    #[serde(default)]
    pub email_verified: bool,
    /// The username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// Whether an administrator wrote the phone or the e-mail address down, and nobody has proven it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// Whether an authenticator app is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub totp: bool,
    /// Counts what ends reset links, above all changes of the password: a link is good for one count.
    #[serde(default)]
    pub password_count: u64,
    /// Counts the writes: a change is written over the version that it was made from.
    #[serde(default)]
    pub version: u64,
    /// The picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<AvatarKey>,
    /// Pictures of before that may still be in the bucket.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub avatar_leftovers: BTreeSet<AvatarKey>,
    /// The language the user prefers (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether the user may sign in.
    #[serde(rename = "user_status")]
    pub status: UserStatus,
    /// The names of the user's roles, by app.
    #[serde(default)]
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// The sessions by id, oldest first. One that is not here has ended: so beginning, refreshing and ending
    /// one, or all, is one write.
    #[serde(default)]
    pub sessions: BTreeMap<Uuid, Session>,
    /// When the account came to be.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When its profile changed last.
    #[serde(with = "epoch_seconds")]
    pub updated_at: Timestamp,
    /// When its last session began.
    #[serde(default, with = "epoch_seconds_option", skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<Timestamp>,
}

impl User {
    /// An active user who has nothing yet.
    pub fn new(id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            phone: None,
            email: None,
            email_verified: false,
            username: None,
            name: None,
            password: None,
            unproven: false,
            totp: false,
            password_count: 0,
            version: 0,
            avatar: None,
            avatar_leftovers: BTreeSet::new(),
            locale: None,
            status: UserStatus::Active,
            roles: BTreeMap::new(),
            sessions: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }

    /// The user's roles in an app.
    pub fn roles_in(&self, client_id: &str) -> Vec<String> {
        self.roles.get(client_id).into_iter().flatten().cloned().collect()
    }

    /// The identifiers that are this user's and nobody else's.
    pub fn identifiers(&self, keys: &HashKeys) -> BTreeSet<IdentifierHash> {
        let phone = self.phone.clone().map(|phone| keys.address(&Address::Sms(phone)));
        let email = self
            .email
            .clone()
            .filter(|_| self.email_verified)
            .map(|email| keys.address(&Address::Email(email)));
        let username = self.username.as_ref().map(|username| keys.username(username));
        [phone, email, username].into_iter().flatten().collect()
    }

    /// The proven addresses: the phone first.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let email = self.email.clone().filter(|_| self.email_verified).map(Address::Email);
        self.phone.clone().map(Address::Sms).into_iter().chain(email)
    }

    /// Whether somebody proved the phone.
    pub fn phone_is_verified(&self) -> bool {
        self.phone.is_some() && !self.unproven
    }

    /// Whether somebody proved the e-mail address.
    pub fn email_is_verified(&self) -> bool {
        self.email_verified && !self.unproven
    }

    /// How the user is recognised who gave the password that there is.
    pub fn recognised_by_password(&self) -> Recognised {
        Recognised {
            amr: vec![AuthenticationMethod::Pwd],
            password_count: Some(self.password_count),
        }
    }

    /// What the user is called where a person reads it: the username or, where there is none, an address.
    pub fn display_name(&self) -> String {
        let username = self.username.as_ref().map(|username| username.as_str().to_owned());
        let phone = self.phone.as_ref().map(|phone| phone.as_str().to_owned());
        let email = self.email.as_ref().map(|email| email.as_str().to_owned());
        username.or(email).or(phone).unwrap_or_default()
    }

    /// The words that make a password weak, beside the app's name.
    pub fn personal_words(&self) -> Vec<&str> {
        personal_words(
            self.phone.as_ref(),
            self.email.as_ref(),
            self.username.as_ref(),
            self.name.as_deref(),
        )
    }

    /// Whether the user is an administrator who can sign in: there is always one.
    pub fn is_active_admin(&self) -> bool {
        let roles = self.roles.get(DEFAULT_CLIENT_ID);
        self.status == UserStatus::Active && roles.is_some_and(|roles| roles.contains(ADMIN_ROLE))
    }

    /// Takes what somebody could have put there before the address was proven: password, second factor and sessions.
    /// Nothing where another proof was faster, and what is there is its own.
    pub fn prove(&mut self, admin_phone: Option<&PhoneNumber>) {
        if self.unproven {
            self.unproven = false;
            self.password = None;
            self.password_count += 1;
            self.totp = false;
            self.sessions.clear();
            self.become_admin_with(admin_phone);
        }
    }

    /// Gives the role `Admin` to who has proven the phone that the settings name.
    pub fn become_admin_with(&mut self, admin_phone: Option<&PhoneNumber>) {
        if self.phone.is_some() && self.phone.as_ref() == admin_phone {
            self.roles
                .entry(DEFAULT_CLIENT_ID.to_owned())
                .or_default()
                .insert(ADMIN_ROLE.to_owned());
        }
    }

    /// # Errors
    /// [`Error::Conflict`] where nobody has proven an address of this user. Who signed in then knows the password that an
    /// administrator wrote down: an address of his own would let him stay beside the one whose account it is.
    pub fn check_proven(&self) -> Result<(), Error> {
        if self.unproven {
            Err(Error::conflict("user", "sign in with a code first"))
        } else {
            Ok(())
        }
    }

    /// All pictures of the user that may be in the bucket.
    pub(crate) fn pictures(&self) -> BTreeSet<AvatarKey> {
        self.avatar.iter().chain(&self.avatar_leftovers).cloned().collect()
    }

    /// A session, where it is live at `now`.
    pub fn live_session(&self, id: Uuid, now: Timestamp) -> Option<&Session> {
        self.sessions.get(&id).filter(|session| session.expires_at() > now)
    }

    /// The sessions that are live at `now`, oldest first.
    pub fn live_sessions(
        &self,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Uuid, &Session)> {
        self.sessions
            .iter()
            .filter(move |(_, session)| session.expires_at() > now)
            .map(|(id, session)| (*id, session))
    }
}

/// The words that say who somebody is: phone, e-mail address, username, and the parts of the name.
pub fn personal_words<'a>(
    phone: Option<&'a PhoneNumber>,
    email: Option<&'a Email>,
    username: Option<&'a Username>,
    name: Option<&'a str>,
) -> Vec<&'a str> {
    let whole = [
        phone.map(PhoneNumber::national_digits),
        email.map(Email::as_str),
        email.map(Email::local_part),
        username.map(Username::as_str),
        name,
    ];
    let parts = name.unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    whole.into_iter().flatten().chain(parts).collect()
}
