//! Signing out of a browser.

use axum::{http::StatusCode, response::Response};
use shared::{
    audit::{Action, Activity, Recorder},
    authorization::SignOut,
    base::Error,
};

use super::{BROWSER, Text, Visit};

/// Ends the session of the browser, if there is one, with those of the apps that were entered from
/// it. An app with the scope `offline_access` stays signed in.
pub(crate) async fn end_browser(visit: &mut Visit, recorder: &Recorder) -> Result<(), Error> {
    let browser = visit.browser().await?;
    visit.sets.extend(visit.cookies.keep(BROWSER, "", 0));
    let Some(browser) = browser else { return Ok(()) };

    visit.latchkey.live_sessions().end_with_apps(&browser.user, browser.id()).await?;
    let client_id = &browser.session.client_id;
    recorder.record(Activity::own(Action::SignOut, browser.user.id, client_id)).await
}

impl Visit {
    /// Sends the person where the app wants them after signing out, or says that they are signed
    /// out.
    pub(crate) fn leave(self, sign_out: &SignOut) -> Result<Response, Error> {
        match sign_out.url() {
            Some(address) => self.go(&address),
            None => self.tell(StatusCode::OK, Text::SignedOut, Text::YouMayClose),
        }
    }
}
