//! The settings of accounts.

use crate::base::{Reader, Stage, page_url};

/// The settings of users' own accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// `PASSWORD_RESET_URL`: the page that gets the token of a reset link after a `#`.
    pub password_reset_url: Option<String>,
    /// `ERASURE_DELAY_DAYS`: how long the owner of an account can take its erasure back. 0: it is
    /// erased immediately.
    pub erasure_delay_days: i64,
}

/// The longest `ERASURE_DELAY_DAYS`: a month, within which a request for erasure must be answered
/// (GDPR, article 12).
const MAX_ERASURE_DELAY_DAYS: i64 = 30;

impl AccountSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let may_hold = "the URL of a page, as https://app.example.com/reset, without a #";
        let is_prod = reader.stage == Stage::Prod;
        Self {
            password_reset_url: reader.optional("PASSWORD_RESET_URL", may_hold, page_url),
            erasure_delay_days: reader.parsed(
                "ERASURE_DELAY_DAYS",
                if is_prod { "7" } else { "0" },
                "a whole number from 0 to 30",
                |text| text.parse().ok().filter(|days| (0..=MAX_ERASURE_DELAY_DAYS).contains(days)),
            ),
        }
    }
}
