//! The user, as the store keeps it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AvatarKey, Consent, Metadata, PasswordHash, Session, SessionKind};
use crate::{
    apps::DEFAULT_CLIENT_ID,
    audit::Fields,
    base::{
        Error, epoch_seconds, epoch_seconds_option, short_id_keys, short_id_option, short_id_set,
    },
    crypto::{HashKeys, IdentifierHash},
    identifiers::{Address, Email, ExternalId, PhoneNumber, Username},
    roles::ADMIN_ROLE,
    users::{AuthenticationMethod, Recognised},
};

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// The user may sign in.
    Active,
    /// The user may not sign in, and their tokens and codes are refused.
    Disabled,
}

impl UserStatus {
    /// The name of the status in requests and in the store.
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
    /// The phone. It is proven, unless [`Self::unproven`] is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether the e-mail address was proven. Only then can it sign in, and can nobody else have
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
    /// The username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// The id that the user has elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// Whether an administrator created this user and nobody has proven an address yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// Whether a sign-in also needs a code from an authenticator app.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub totp: bool,
    /// The ids of the user's passkeys. A passkey that is not here opens nothing.
    #[serde(
        rename = "ps",
        default,
        with = "short_id_set",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    pub passkeys: BTreeSet<Uuid>,
    /// The user handle by which keepers of passkeys know the user: random bytes, since the first
    /// passkey.
    #[serde(rename = "ph", default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub passkey_handle: Option<Vec<u8>>,
    /// Counts the events that invalidate reset links, above all changes of the password. A link
    /// works only while the count is the one that it was made for.
    #[serde(default)]
    pub password_count: u64,
    /// Counts the events after which no device is known any more ([`super::KnownDevice`]).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub device_epoch: u64,
    /// Counts the events that end sign-ins which wait for their second factor.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sign_in_epoch: u64,
    /// Whether strangers are shut out of one of the user's identifiers after too many wrong codes
    /// or passwords. The next sign-in that proves who they are ends that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked_out: bool,
    /// The number of writes, for optimistic locking: a change only replaces the version that it was
    /// made from.
    #[serde(default)]
    pub version: u64,
    /// The version of [`super::Metadata`] in which the user's own was last changed; `None` if it is
    /// empty. The metadata itself is another item, since each sign-in writes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// The version in which that of the apps was last changed; `None` if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_metadata: Option<u64>,
    /// The picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<AvatarKey>,
    /// Previous pictures that may still be in the bucket.
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
    /// The sessions by id, oldest first. A session that is not here has ended, so starting,
    /// refreshing or ending one, or ending all, is one write.
    #[serde(default, with = "short_id_keys")]
    pub sessions: BTreeMap<Uuid, Session>,
    /// The consents to the apps of others, by app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<String, Consent>,
    /// When the user was first brought along from another service.
    #[serde(
        rename = "im",
        default,
        with = "epoch_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub imported_at: Option<Timestamp>,
    /// When the account was created.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When the profile was last changed.
    #[serde(with = "epoch_seconds")]
    pub updated_at: Timestamp,
    /// When the last session began.
    #[serde(default, with = "epoch_seconds_option", skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<Timestamp>,
    /// When the account is erased, if its owner has asked for it. Until then, a sign-in keeps it.
    #[serde(default, with = "epoch_seconds_option", skip_serializing_if = "Option::is_none")]
    pub erase_at: Option<Timestamp>,
    /// The last sign-in: the id of its session and of its event.
    #[serde(
        rename = "e1",
        default,
        with = "short_id_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_sign_in: Option<Uuid>,
    /// The sign-in before the last.
    #[serde(
        rename = "e2",
        default,
        with = "short_id_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub second_last_sign_in: Option<Uuid>,
    /// The sign-in before that.
    #[serde(
        rename = "e3",
        default,
        with = "short_id_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub third_last_sign_in: Option<Uuid>,
}

/// The fields of a user in the audit trail.
pub const USER_FIELDS: Fields = Fields {
    shown: &[
        "user_status",
        "roles",
        "totp",
        "unproven",
        "email_verified",
        "locked_out",
        "locale",
        "erase_at",
    ],
    ignored: &[
        "id",
        "version",
        "ps",
        "ph",
        "password_count",
        "device_epoch",
        "sign_in_epoch",
        "sessions",
        "avatar_leftovers",
        "im",
        "created_at",
        "updated_at",
        "last_sign_in_at",
        "e1",
        "e2",
        "e3",
    ],
};

impl User {
    /// A new active user, with nothing but an id.
    pub fn new(id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            phone: None,
            email: None,
            email_verified: false,
            username: None,
            external_id: None,
            name: None,
            password: None,
            unproven: false,
            totp: false,
            passkeys: BTreeSet::new(),
            passkey_handle: None,
            password_count: 0,
            device_epoch: 0,
            sign_in_epoch: 0,
            locked_out: false,
            version: 0,
            metadata: None,
            app_metadata: None,
            avatar: None,
            avatar_leftovers: BTreeSet::new(),
            locale: None,
            status: UserStatus::Active,
            roles: BTreeMap::new(),
            sessions: BTreeMap::new(),
            consents: BTreeMap::new(),
            imported_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
            erase_at: None,
            last_sign_in: None,
            second_last_sign_in: None,
            third_last_sign_in: None,
        }
    }

    /// The last sign-ins, the latest first: where the chain of their events begins.
    pub fn last_sign_ins(&self) -> Vec<Uuid> {
        let last = [self.last_sign_in, self.second_last_sign_in, self.third_last_sign_in];
        // A sign-in stands also for one before it that does not exist. Ids are ordered by time.
        let ids: BTreeSet<Uuid> = last.into_iter().flatten().collect();
        ids.into_iter().rev().collect()
    }

    /// The user's roles in an app.
    pub fn roles_in(&self, client_id: &str) -> Vec<String> {
        self.roles.get(client_id).into_iter().flatten().cloned().collect()
    }

    /// The user's roles in the app of a session. Somebody else's app acts with none.
    pub fn roles_of(&self, session_id: Uuid) -> Vec<String> {
        let session = self.sessions.get(&session_id).filter(|session| !session.is_third_party());
        session.map(|session| self.roles_in(&session.client_id)).unwrap_or_default()
    }

    /// The identifiers that only this user may have.
    pub fn identifiers(&self, keys: &HashKeys) -> BTreeSet<IdentifierHash> {
        let external_id = self.external_id.as_ref().map(|id| keys.external_id(id));
        self.sign_in_names(keys).into_values().chain(external_id).collect()
    }

    /// The identifiers that the user signs in with, by their fields. An unverified e-mail address is
    /// not one of them.
    fn sign_in_names(&self, keys: &HashKeys) -> BTreeMap<&'static str, IdentifierHash> {
        let phone = self.phone.clone().map(|phone| keys.address(&Address::Sms(phone)));
        let email = self
            .email
            .clone()
            .filter(|_| self.email_verified)
            .map(|email| keys.address(&Address::Email(email)));
        let username = self.username.as_ref().map(|username| keys.username(username));
        let names = [("phone", phone), ("email", email), ("username", username)];
        names.into_iter().filter_map(|(field, hash)| Some((field, hash?))).collect()
    }

    /// The name of the field that has this identifier.
    pub fn field_of(&self, identifier: &IdentifierHash, keys: &HashKeys) -> &'static str {
        let names = self.sign_in_names(keys);
        let found = names.iter().find(|(_, hash)| *hash == identifier);
        found.map_or("external_id", |(field, _)| *field)
    }

    /// Whether there is any metadata of the user.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata.is_some() || self.app_metadata.is_some()
    }

    /// Notes that the metadata has changed from `before` to `after`.
    pub fn note_metadata(&mut self, before: &Metadata, after: &Metadata) {
        let version = Some(after.version);
        if after.metadata != before.metadata {
            self.metadata = version.filter(|_| !after.metadata.is_empty());
        }
        if after.app_metadata != before.app_metadata {
            self.app_metadata = version.filter(|_| !after.app_metadata.is_empty());
        }
    }

    /// All under which limits of this user are counted: the identifiers, the mailbox of the e-mail
    /// address, and the user.
    pub fn counted(&self, keys: &HashKeys) -> BTreeSet<IdentifierHash> {
        let mut counted: BTreeSet<_> = self.sign_in_names(keys).into_values().collect();
        counted.extend(self.addresses().map(|address| keys.recipient(&address)));
        counted.insert(keys.user(self.id));
        counted
    }

    /// Ends all sessions and all sign-ins that wait for their second factor, and forgets all known
    /// devices.
    pub fn sign_out_everywhere(&mut self) {
        self.sessions.clear();
        self.sign_in_epoch += 1;
        self.device_epoch += 1;
    }

    /// Ends all sessions but one, and all sign-ins that wait for their second factor.
    pub fn sign_out_elsewhere(&mut self, session_id: Uuid) {
        self.sessions.retain(|id, _| *id == session_id);
        self.sign_in_epoch += 1;
    }

    /// The addresses that sign in: the phone first, then the e-mail address if it was proven.
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

    /// How a user is recognised after giving the current password, on a known `device`.
    pub fn recognised_by_password(&self, device: Option<Uuid>) -> Recognised {
        Recognised {
            amr: vec![AuthenticationMethod::Pwd],
            password_count: Some(self.password_count),
            device,
            sign_in_epoch: None,
        }
    }

    /// The name of the user for people to read: the username, else the e-mail address, else the
    /// phone.
    pub fn display_name(&self) -> String {
        let username = self.username.as_ref().map(|username| username.as_str().to_owned());
        let phone = self.phone.as_ref().map(|phone| phone.as_str().to_owned());
        let email = self.email.as_ref().map(|email| email.as_str().to_owned());
        username.or(email).or(phone).unwrap_or_default()
    }

    /// The words that make a password of this user weak. The app's name is not among them.
    pub fn personal_words(&self) -> Vec<&str> {
        personal_words(
            self.phone.as_ref(),
            self.email.as_ref(),
            self.username.as_ref(),
            self.name.as_deref(),
        )
    }

    /// Whether the user is an administrator who can sign in, has proven an address, and is not to be
    /// erased. The last one cannot be removed.
    pub fn is_active_admin(&self) -> bool {
        let can_sign_in = self.status == UserStatus::Active && !self.unproven;
        let stays = can_sign_in && self.erase_at.is_none();
        stays && self.has_admin_role()
    }

    /// Whether the user has the role `Admin` in the default app.
    pub fn has_admin_role(&self) -> bool {
        self.roles.get(DEFAULT_CLIENT_ID).is_some_and(|roles| roles.contains(ADMIN_ROLE))
    }

    /// When the account was last used: signed in to, or a session of it refreshed. Until somebody signs
    /// in, one that was brought along counts as used then.
    pub fn last_used_at(&self) -> Timestamp {
        let refreshed = self.sessions.values().map(|session| session.last_used_at);
        let imported = self.imported_at.filter(|_| self.last_sign_in_at.is_none());
        let used = refreshed.chain(self.last_sign_in_at).chain(imported);
        used.fold(self.created_at, Timestamp::max)
    }

    /// Records that an address was proven for the first time. Removes what somebody else could have
    /// set before: password, second factor and sessions. Makes an administrator of the user if
    /// their phone is `admin_phone`. Does nothing if an address was already proven.
    pub fn prove(&mut self, admin_phone: Option<&PhoneNumber>) {
        if self.unproven {
            self.unproven = false;
            self.password = None;
            self.password_count += 1;
            self.totp = false;
            self.sign_out_everywhere();
            self.become_admin_with(admin_phone);
        }
    }

    /// Gives the user the role `Admin` if their phone is the one that the settings name. The phone
    /// must be proven.
    pub fn become_admin_with(&mut self, admin_phone: Option<&PhoneNumber>) {
        if self.phone.is_some() && self.phone.as_ref() == admin_phone {
            self.roles
                .entry(DEFAULT_CLIENT_ID.to_owned())
                .or_default()
                .insert(ADMIN_ROLE.to_owned());
        }
    }

    /// Checks that somebody has proven an address of this user. Until then, the person who signs in
    /// knows only the password that an administrator set. If they could add their own
    /// address, they would keep access beside the account's owner.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no address is proven.
    pub fn check_proven(&self) -> Result<(), Error> {
        if self.unproven {
            Err(Error::conflict("user", "must sign in with a code first"))
        } else {
            Ok(())
        }
    }

    /// All pictures of the user that may be in the bucket.
    pub(crate) fn pictures(&self) -> BTreeSet<AvatarKey> {
        self.avatar.iter().chain(&self.avatar_leftovers).cloned().collect()
    }

    /// The session `id` of an app, if it is live at `now`.
    pub fn live_session(&self, id: Uuid, now: Timestamp) -> Option<&Session> {
        self.live(id, SessionKind::App, now)
    }

    /// Checks that the session in which somebody changes their account has not ended meanwhile: signing
    /// out everywhere, a reset and an undo stop requests that are under way, too.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`].
    pub fn check_session(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        self.live_session(id, now).map(drop).ok_or(Error::TokenInvalid)
    }

    /// The session `id` of a browser, if it is live at `now`.
    pub fn browser_session(&self, id: Uuid, now: Timestamp) -> Option<&Session> {
        self.live(id, SessionKind::Browser, now)
    }

    fn live(&self, id: Uuid, kind: SessionKind, now: Timestamp) -> Option<&Session> {
        let session = self.sessions.get(&id)?;
        (session.kind == kind && session.expires_at() > now).then_some(session)
    }

    /// The session of a browser, and those that end with it: [`Self::entered_from`].
    pub fn ending_with(&self, browser: Uuid) -> Vec<Uuid> {
        [self.entered_from(browser), vec![browser]].concat()
    }

    /// The sessions of apps that were entered from the session `browser`, except those with the scope
    /// `offline_access`, which outlive it.
    pub fn entered_from(&self, browser: Uuid) -> Vec<Uuid> {
        let entered = self.sessions.iter().filter(|(_, session)| {
            let grant = session.grant.as_ref();
            grant.is_some_and(|it| it.browser == browser && !it.has("offline_access"))
        });
        entered.map(|(id, _)| *id).collect()
    }

    /// The sessions that are live at `now`, oldest first, without those whose code was not used.
    pub fn live_sessions(
        &self,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Uuid, &Session)> {
        self.sessions
            .iter()
            .filter(move |(_, session)| {
                session.kind != SessionKind::Code && session.expires_at() > now
            })
            .map(|(id, session)| (*id, session))
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The words by which a person is known: phone, e-mail address, username, and the name and its
/// parts.
pub fn personal_words<'a>(
    phone: Option<&'a PhoneNumber>,
    email: Option<&'a Email>,
    username: Option<&'a Username>,
    name: Option<&'a str>,
) -> Vec<&'a str> {
    let complete = [
        phone.map(PhoneNumber::national_digits),
        email.map(Email::as_str),
        email.map(Email::local_part),
        username.map(Username::as_str),
        name,
    ];
    let name_parts = name.unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    complete.into_iter().flatten().chain(name_parts).collect()
}
