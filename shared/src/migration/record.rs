//! A user of another service, and what of it a user here takes.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    apps::DEFAULT_CLIENT_ID,
    identifiers::{Address, Email, ExternalId, PhoneNumber, Username},
    second_factors::TotpSecret,
    users::{ForeignHash, MetadataPatch, PasswordHash, User, UserStatus},
};

/// An address of another service's user, and whether that service has proven it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedAddress<T> {
    /// The address.
    pub address: T,
    /// Whether it was proven there.
    pub is_verified: bool,
}

/// A password of another service's user.
#[derive(Clone)]
pub enum ImportedPassword {
    /// The hash that the other service made.
    Foreign(ForeignHash),
    /// Our hash of the password, which the other service has just accepted.
    Ours(PasswordHash),
}

/// A user of another service.
#[derive(Clone, Default)]
pub struct ImportRecord {
    /// The id there.
    pub external_id: Option<ExternalId>,
    /// The phone.
    pub phone: Option<ImportedAddress<PhoneNumber>>,
    /// The e-mail address.
    pub email: Option<ImportedAddress<Email>>,
    /// The username.
    pub username: Option<Username>,
    /// The display name.
    pub name: Option<String>,
    /// The preferred language (BCP 47).
    pub locale: Option<String>,
    /// The metadata.
    pub metadata: MetadataPatch,
    /// The names of roles in the default app.
    pub roles: Option<Vec<String>>,
    /// The password.
    pub password: Option<ImportedPassword>,
    /// The secret of the authenticator app.
    pub totp: Option<TotpSecret>,
    /// When the account was created there.
    pub created_at: Option<Timestamp>,
    /// Whether the user may sign in. A record never enables somebody.
    pub status: Option<UserStatus>,
}

/// The part of a record that a user takes, after everything that needs the store or the keys.
pub(super) struct Taken<'a> {
    pub(super) record: &'a ImportRecord,
    /// The roles in the default app.
    pub(super) roles: Option<BTreeSet<String>>,
    /// The password, if it is another one than the user has.
    pub(super) password: Option<PasswordHash>,
    pub(super) has_totp: bool,
    pub(super) now: Timestamp,
}

impl ImportRecord {
    /// Whether an address was proven there.
    pub(super) fn has_proven_address(&self) -> bool {
        self.phone.as_ref().is_some_and(|it| it.is_verified)
            || self.email.as_ref().is_some_and(|it| it.is_verified)
    }

    /// The addresses that the user claims, and whether they were proven there. Beside one that was,
    /// the other claims nothing. If none was, the first is claimed.
    pub(super) fn claimed_addresses(&self) -> Vec<(Address, bool)> {
        let phone = self.phone.clone().map(|it| (Address::Sms(it.address), it.is_verified));
        let email = self.email.clone().map(|it| (Address::Email(it.address), it.is_verified));
        let all: Vec<_> = phone.into_iter().chain(email).collect();
        match self.has_proven_address() {
            true => all.into_iter().filter(|(_, is_verified)| *is_verified).collect(),
            false => all.into_iter().take(1).collect(),
        }
    }

    /// All by which one user is told from another.
    pub(super) fn names(&self) -> Vec<String> {
        let phone = self.phone.as_ref().map(|it| it.address.as_str().to_owned());
        let email = self.email.as_ref().map(|it| it.address.as_str().to_owned());
        let username = self.username.as_ref().map(Username::canonical);
        let external_id = self.external_id.as_ref().map(|id| format!("id {}", id.as_str()));
        [phone, email, username, external_id].into_iter().flatten().collect()
    }

    /// Whether `user` can be the user of this record: not if both have different ids.
    pub(super) fn can_be(&self, user: &User) -> bool {
        match (&self.external_id, &user.external_id) {
            (Some(id), Some(other)) => id == other,
            _ => true,
        }
    }
}

/// Whether an account is still as it was brought along or written down, so that a record may replace all
/// of it: nobody has signed in, set a password or proven an address, and no administrator has ended its
/// sign-ins, by disabling it or by removing a factor.
pub(super) fn is_untouched(user: &User) -> bool {
    let has_new_password =
        user.imported_at.is_some() && user.password.as_ref().is_some_and(|it| !it.is_foreign());
    user.last_sign_in_at.is_none()
        && user.sessions.is_empty()
        && user.sign_in_epoch == 0
        && !has_new_password
}

/// The fields of a record that `user` has not taken, since a user has one proven address at least or
/// none is proven.
pub(super) fn left_out(record: &ImportRecord, user: &User) -> Vec<&'static str> {
    let is_missing = |record: bool, user: bool| record && !user;
    let fields = [
        ("phone", is_missing(record.phone.is_some(), user.phone.is_some())),
        ("email", is_missing(record.email.is_some(), user.email.is_some())),
        ("password_hash", is_missing(record.password.is_some(), user.password.is_some())),
        ("totp_secret", is_missing(record.totp.is_some(), user.totp)),
    ];
    fields.into_iter().filter(|(_, is_missing)| *is_missing).map(|(field, _)| field).collect()
}

impl Taken<'_> {
    /// Replaces everything of `user` that the record names. Nobody has signed in to the account.
    pub(super) fn replace(&self, user: &mut User) {
        let before = user.clone();
        let record = self.record;
        self.take_addresses(user);
        replace(&mut user.external_id, record.external_id.as_ref());
        replace(&mut user.username, record.username.as_ref());
        replace(&mut user.name, record.name.as_ref());
        replace(&mut user.locale, record.locale.as_ref());
        // Our hash is for somebody without a password: another request may have been faster.
        let password = self.password.as_ref();
        if let Some(password) = password.filter(|it| it.is_foreign() || user.password.is_none()) {
            user.password_count += u64::from(user.password.is_some());
            user.password = Some(password.clone());
        }
        user.totp |= self.has_totp;
        if let Some(roles) = &self.roles {
            user.roles.insert(DEFAULT_CLIENT_ID.to_owned(), roles.clone());
        }
        user.created_at = record.created_at.unwrap_or(user.created_at);
        // One who was disabled here stays so.
        if record.status == Some(UserStatus::Disabled) {
            user.status = UserStatus::Disabled;
        }
        self.finish(user, &before);
    }

    /// Fills in what `user`, to whose account somebody has signed in, does not have yet, except what
    /// signs somebody in.
    pub(super) fn fill(&self, user: &mut User) {
        let before = user.clone();
        let record = self.record;
        fill(&mut user.external_id, record.external_id.as_ref());
        fill(&mut user.username, record.username.as_ref());
        fill(&mut user.name, record.name.as_ref());
        fill(&mut user.locale, record.locale.as_ref());
        if let Some(roles) = &self.roles {
            user.roles.insert(DEFAULT_CLIENT_ID.to_owned(), roles.clone());
        }
        self.finish(user, &before);
    }

    fn finish(&self, user: &mut User, before: &User) {
        user.imported_at.get_or_insert(self.now);
        if user != before {
            user.updated_at = self.now;
        }
    }

    /// An address that was not proven there is kept beside a proven one only if it is an e-mail
    /// address, which belongs to nobody then. If none was proven, the first is reserved until
    /// somebody proves it.
    fn take_addresses(&self, user: &mut User) {
        let phone = (user.phone.clone(), user.phone_is_verified());
        let email = (user.email.clone(), user.email_is_verified());
        let phone = stronger(phone, self.record.phone.as_ref());
        let email = stronger(email, self.record.email.as_ref());
        let is_proven =
            [phone.as_ref().map(|it| it.is_verified), email.as_ref().map(|it| it.is_verified)]
                .contains(&Some(true));
        user.unproven = !is_proven;
        user.phone = phone.filter(|it| it.is_verified || !is_proven).map(|it| it.address);
        user.email_verified =
            email.as_ref().is_some_and(|it| it.is_verified || !is_proven && user.phone.is_none());
        user.email = email.map(|it| it.address);
    }
}

/// The address of a record, or the one that `user` has if it was proven and that of the record was not.
fn stronger<T: Clone>(
    (own, own_is_verified): (Option<T>, bool),
    record: Option<&ImportedAddress<T>>,
) -> Option<ImportedAddress<T>> {
    let own = own.map(|address| ImportedAddress { address, is_verified: own_is_verified });
    let is_stronger = |it: &&ImportedAddress<T>| it.is_verified || !own_is_verified;
    record.filter(is_stronger).cloned().or(own)
}

fn replace<T: Clone>(field: &mut Option<T>, value: Option<&T>) {
    if value.is_some() {
        *field = value.cloned();
    }
}

fn fill<T: Clone>(field: &mut Option<T>, value: Option<&T>) {
    if field.is_none() {
        *field = value.cloned();
    }
}
