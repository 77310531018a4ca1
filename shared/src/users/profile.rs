//! Changes of a profile.

use super::{MetadataPatch, User};
use crate::identifiers::{ExternalId, Username};

/// A change of the profile: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct ProfileChange {
    /// The display name.
    pub name: Option<Option<String>>,
    /// The username.
    pub username: Option<Option<Username>>,
    /// The preferred language (BCP 47).
    pub locale: Option<Option<String>>,
    /// The id elsewhere.
    pub external_id: Option<Option<ExternalId>>,
    /// The metadata, which is not in the user's item.
    pub metadata: MetadataPatch,
}

impl ProfileChange {
    /// Applies the change to `user`, except that of the metadata.
    pub fn apply(&self, user: &mut User) {
        if let Some(name) = &self.name {
            user.name.clone_from(name);
        }
        if let Some(username) = &self.username {
            user.username.clone_from(username);
        }
        if let Some(locale) = &self.locale {
            user.locale.clone_from(locale);
        }
        if let Some(external_id) = &self.external_id {
            user.external_id.clone_from(external_id);
        }
    }
}
