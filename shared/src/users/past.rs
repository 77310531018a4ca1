//! The changes of an account that its owner can undo: within 72 hours, or until the account is
//! erased.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::User;
use crate::{
    audit::Action,
    base::{api_time, epoch_seconds},
    identifiers::{Email, PhoneNumber},
};

/// How long a change can be undone, in seconds.
pub const UNDO_SECONDS: i64 = 72 * 3600;
/// The most changes that are kept. More are noted in the last one, so that each link still undoes
/// them all, also if a thief changes something again and again.
const MAX_CHANGES: usize = 20;

/// The changes of an account that can be undone, as the store keeps them beside the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The number of writes, for optimistic locking.
    pub version: u64,
    /// The changes, oldest first.
    changes: Vec<Change>,
    /// When the last of them can no longer be undone, in epoch seconds.
    pub expires_at: i64,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UndoableKind)]
enum Kind {
    /// The phone or the proven e-mail address.
    Address,
    /// The password.
    Password,
    /// The second factor.
    SecondFactor,
    /// A passkey that was added.
    Passkey,
    /// A date on which the account is erased.
    Erasure,
}

/// A change, with the account before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// [`User::version`] after the change, which distinguishes it from others.
    id: u64,
    /// The same after the last of the changes that are noted in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_id: Option<u64>,
    /// When it was made.
    #[serde(with = "epoch_seconds")]
    at: Timestamp,
    /// Until when it can be undone.
    #[serde(with = "epoch_seconds")]
    expires_at: Timestamp,
    kinds: Vec<Kind>,
    /// The phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<PhoneNumber>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    /// Whether it was proven.
    email_verified: bool,
    /// Whether the user had a second factor.
    totp: bool,
    /// The passkeys that the user had.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    passkeys: BTreeSet<Uuid>,
}

/// A change as an export shows it, with the account before it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UndoableChange)]
pub struct ChangeView {
    /// A number that distinguishes it from the account's other changes.
    id: u64,
    /// When it was made (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether it changed an address, the password or the second factor, added a passkey, or asked
    /// for the erasure of the account.
    kinds: Vec<Kind>,
    /// The phone before it.
    #[schema(value_type = Option<String>)]
    phone: Option<PhoneNumber>,
    /// The e-mail address before it.
    #[schema(value_type = Option<String>)]
    email: Option<Email>,
    /// Whether the e-mail address was proven.
    email_verified: bool,
    /// Whether there was a second factor.
    totp: bool,
    /// The ids of the passkeys that there were.
    passkeys: BTreeSet<Uuid>,
    /// Until when it can be undone (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        let Change {
            id, at, expires_at, kinds, phone, email, email_verified, totp, passkeys, ..
        } = change;
        Self { id, at, kinds, phone, email, email_verified, totp, passkeys, expires_at }
    }
}

impl Change {
    /// Notes a later change in this one, which holds what is restored.
    fn absorb(&mut self, id: u64, until: Timestamp, kinds: Vec<Kind>) {
        self.last_id = Some(id);
        self.expires_at = self.expires_at.max(until);
        for kind in kinds {
            if !self.kinds.contains(&kind) {
                self.kinds.push(kind);
            }
        }
    }

    /// Whether `id` is that of this change, or of one that is noted in it.
    fn has(&self, id: u64) -> bool {
        (self.id..=self.last_id.unwrap_or(self.id)).contains(&id)
    }
}

/// The effects of undoing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// The account before the first change.
    before: Change,
    /// Whether an address was changed since.
    restores_address: bool,
    /// Whether the password was changed since.
    drops_password: bool,
    /// Whether the erasure of the account was asked for since.
    drops_erasure: bool,
    /// Whether the second factor that was removed since comes back.
    pub restores_factor: bool,
    /// Whether a second factor that was added since goes.
    pub drops_factor: bool,
    /// Whether passkeys that were added since go.
    pub drops_passkeys: bool,
}

impl Past {
    /// Notes what a change of a user replaced, which can be undone until `until`. Returns `None` if
    /// it replaced nothing that can be undone, which is also so for a user whom only an
    /// administrator has written down.
    pub fn noting(
        &self,
        (before, after): (&User, &User),
        now: Timestamp,
        until: Timestamp,
    ) -> Option<Self> {
        let kinds = kinds(before, after);
        if kinds.is_empty() || before.unproven {
            return None;
        }

        let mut changes: Vec<_> = self.within(now).cloned().collect();
        let is_full = changes.len() >= MAX_CHANGES;
        match changes.last_mut().filter(|_| is_full) {
            Some(last) => last.absorb(after.version, until, kinds),
            None => changes.push(Change {
                id: after.version,
                last_id: None,
                at: now,
                expires_at: until,
                kinds,
                phone: before.phone.clone(),
                email: before.email.clone(),
                email_verified: before.email_verified,
                totp: before.totp,
                passkeys: before.passkeys.clone(),
            }),
        }
        let expires_at = changes.iter().map(|change| change.expires_at.as_second()).max()?;
        Some(Self { version: self.version + 1, changes, expires_at })
    }

    /// The effects of undoing the change `id`: everything is as it was before the first change that
    /// can be undone. `None` if that change is too old, unknown or undone.
    pub fn restoration(&self, id: u64, now: Timestamp) -> Option<Restoration> {
        self.within(now).find(|change| change.has(id))?;
        let before = self.within(now).next()?.clone();
        let was_changed = |kind| self.within(now).any(|change| change.kinds.contains(&kind));
        let factor_changed = was_changed(Kind::SecondFactor);
        Some(Restoration {
            restores_address: was_changed(Kind::Address),
            drops_password: was_changed(Kind::Password),
            drops_erasure: was_changed(Kind::Erasure),
            restores_factor: factor_changed && before.totp,
            drops_factor: factor_changed && !before.totp,
            drops_passkeys: was_changed(Kind::Passkey),
            before,
        })
    }

    /// The changes as an export shows them.
    pub fn views(&self, now: Timestamp) -> Vec<ChangeView> {
        self.within(now).cloned().map(ChangeView::from).collect()
    }

    fn within(&self, now: Timestamp) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.expires_at > now)
    }
}

/// The kinds of what differs between two states of a user.
fn kinds(before: &User, after: &User) -> Vec<Kind> {
    let email = |user: &User| user.email.clone().filter(|_| user.email_verified);
    let has_other_password =
        before.password != after.password && before.password_count != after.password_count;
    [
        (Kind::Address, before.phone != after.phone || email(before) != email(after)),
        (Kind::Password, has_other_password),
        (Kind::SecondFactor, before.totp != after.totp),
        (Kind::Passkey, !after.passkeys.is_subset(&before.passkeys)),
        (Kind::Erasure, before.erase_at.is_none() && after.erase_at.is_some()),
    ]
    .into_iter()
    .filter_map(|(kind, differs)| differs.then_some(kind))
    .collect()
}

impl Restoration {
    /// Whether something that can be undone differs between two states of a user.
    pub fn concerns(before: &User, after: &User) -> bool {
        !kinds(before, after).is_empty()
    }

    /// The phone and the proven e-mail address that come back.
    pub fn addresses(&self) -> (Option<&PhoneNumber>, Option<&Email>) {
        let Change { phone, email, email_verified, .. } = &self.before;
        (phone.as_ref(), email.as_ref().filter(|_| *email_verified))
    }

    /// The actions that it consists of, each of which is a separate event of the audit trail.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        [
            (Action::AddressRestore, self.restores_address),
            (Action::PasswordRemove, self.drops_password),
            (Action::SecondFactorRestore, self.restores_factor),
            (Action::SecondFactorRemove, self.drops_factor),
            (Action::PasskeyRemove, self.drops_passkeys),
            (Action::ErasureTakeBack, self.drops_erasure),
        ]
        .into_iter()
        .filter_map(|(action, is_part)| is_part.then_some(action))
    }

    /// The passkeys of a user that were added since the first change that can be undone.
    pub fn added_passkeys<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Uuid> {
        user.passkeys.difference(&self.before.passkeys)
    }

    /// Restores a user, and ends everything that somebody else may have begun.
    pub fn apply(&self, user: &mut User, now: Timestamp) {
        user.phone.clone_from(&self.before.phone);
        user.email.clone_from(&self.before.email);
        user.email_verified = self.before.email_verified;
        user.totp = (user.totp || self.restores_factor) && !self.drops_factor;
        if self.drops_passkeys {
            user.passkeys.retain(|id| self.before.passkeys.contains(id));
        }
        if self.drops_password {
            user.password = None;
        }
        // Links to set a password went to addresses that are no longer the user's.
        user.password_count += 1;
        user.locked_out = false;
        user.erase_at = None;
        user.updated_at = now;
        user.sign_out_everywhere();
    }
}
