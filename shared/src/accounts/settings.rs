//! The settings of accounts.

use crate::base::{Reader, page_url};

/// The settings of users' own accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// `PASSWORD_RESET_URL`: the page that gets the token of a reset link after a `#`.
    pub password_reset_url: Option<String>,
}

impl AccountSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let may_hold = "the URL of a page, as https://app.example.com/reset, without a #";
        Self { password_reset_url: reader.optional("PASSWORD_RESET_URL", may_hold, page_url) }
    }
}
