//! The terms of an app for the sessions of its users.

use serde::{Deserialize, Serialize};

use super::{App, AppSettings, SignUp};

/// The terms that an app gives to a session. They travel with the challenge that leads to the
/// session and are kept in the session, so a change of the app applies only to later sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTerms {
    /// The app.
    pub client_id: String,
    /// Seconds that access tokens are valid.
    pub access_token_ttl: i64,
    /// Seconds that the session lasts.
    pub refresh_token_ttl: i64,
    /// The role of people who are new to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
    /// Whether the session is that of a browser on the hosted page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub browser: bool,
}

impl SessionTerms {
    /// The same terms for the session of a browser.
    #[must_use]
    pub fn in_browser(self) -> Self {
        Self { browser: true, ..self }
    }
}

impl App {
    /// The terms of a session that begins now.
    pub fn session_terms(&self, settings: &AppSettings) -> SessionTerms {
        SessionTerms {
            client_id: self.client_id.clone(),
            access_token_ttl: self.access_token_ttl.unwrap_or(settings.access_token_ttl_seconds),
            refresh_token_ttl: self.refresh_token_ttl.unwrap_or(settings.refresh_token_ttl_seconds),
            default_role: self.default_role.clone().filter(|_| self.sign_up == SignUp::Open),
            browser: false,
        }
    }
}
