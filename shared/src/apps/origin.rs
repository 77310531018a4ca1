//! The web page that a request comes from, and the apps that it may use.

use super::{App, AppSettings};
use crate::base::Error;

/// The origin of the web page that sends a request (RFC 6454 §7), as its browser names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The origin in the header `Origin`. A text that is no origin belongs to no app.
    pub fn new(header: &str) -> Self {
        Self(header.to_owned())
    }

    /// Checks that the page may get tokens of `app`, or of the default app if there is none. An app
    /// is used by the origins that it lists. The default app is used by those in `ALLOWED_ORIGINS`
    /// and by the service's own pages. Its own list does not count here, so that a change of it
    /// brings nobody closer to an administrator's tokens.
    ///
    /// # Errors
    /// [`Error::ForeignOrigin`].
    pub(super) fn check(&self, app: Option<&App>, settings: &AppSettings) -> Result<(), Error> {
        let is_its_own = match app.filter(|app| !app.is_default()) {
            Some(app) => app.allowed_origins.contains(&self.0),
            None => settings.allowed_origins.contains(&self.0) || settings.issuer == self.0,
        };
        if is_its_own || settings.is_on_this_laptop(&self.0) {
            Ok(())
        } else {
            Err(Error::ForeignOrigin)
        }
    }
}
