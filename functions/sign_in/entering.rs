//! After a sign-in on the hosted page. Once its session exists, nothing that fails may lose it: the
//! browser gets its cookie, and the person can go on.

use std::time::Duration;

use axum::response::Response;
use shared::{
    authorization::Step,
    base::Error,
    sessions::{Browser, Established, Establishing, Sessions},
    users::User,
};
use tokio::time::timeout;

use super::{Answering, Desk};
use crate::hosted::{Text, asks_consent, is_called, owes_second_factor};

#[cfg(test)]
mod tests;

/// How long a sign-in waits for what it replaces to end.
const CLEAN_UP_TIME: Duration = Duration::from_secs(2);

impl Desk {
    /// The sessions. The next one enters the app if the person is asked nothing more. `asks_more` says
    /// whether they are asked about a second factor.
    pub(super) fn sessions(&self, asks_more: bool) -> Sessions {
        match asks_more || self.is_device() || asks_consent(&self.request, &self.app, None) {
            true => self.visit.sessions.clone(),
            false => self.visit.sessions.entering(&self.request, &self.app),
        }
    }

    /// Goes on after a right factor: with the second one, with the question whether the app may
    /// have what it asks for, or back to the app. `former` is who was signed in to the browser before.
    pub(super) fn go_on(self, established: Establishing, former: Option<Browser>) -> Answering {
        Box::pin(self.go_on_now(established, former))
    }

    async fn go_on_now(
        mut self,
        established: Establishing,
        former: Option<Browser>,
    ) -> Result<Response, Error> {
        let done = match established {
            Establishing::MfaRequired(asked) => {
                let mfa_token = asked.mfa_token.as_str().to_owned();
                return self.show(Step::SecondFactor { mfa_token }, None);
            }
            Establishing::Done(done) => *done,
        };
        let Established { user, refresh, device, detached_from, code, .. } = done;
        let Some(browser) = self.visit.sessions.as_browser(user, refresh) else {
            return self.start_again(Text::Expired);
        };
        self.visit.keep(&browser, device.as_ref());
        let cleaned_up = self.clean_up(former, detached_from, &browser);
        if timeout(CLEAN_UP_TIME, cleaned_up).await.is_err() {
            tracing::warn!("what a sign-in has replaced was not cleaned up in time");
        }

        if let Some(code) = code {
            return self.visit.hand_over(&self.flow, &self.request, &code);
        }
        let question = match self.is_device() {
            true => Step::UserCode,
            false => Step::Confirm { user_id: browser.user.id },
        };
        let (visit, flow) = (self.visit.clone(), self.flow.at(question));
        match self.go_on_as(browser).await {
            Ok(response) => Ok(response),
            Err(error) => visit.failed(error, &flow),
        }
    }

    /// Ends the session that the browser had before, which nobody can reach any more, and tells the user
    /// who had the phone before.
    async fn clean_up(
        &self,
        former: Option<Browser>,
        detached_from: Option<Box<User>>,
        browser: &Browser,
    ) {
        if let Some(user) = detached_from {
            match tokio::try_join!(self.latchkey.accounts(), self.latchkey.messenger()) {
                Ok((accounts, messenger)) => accounts.tell_detached(&user, &messenger).await,
                Err(error) => tracing::warn!(%error, "nobody was told that a phone has moved"),
            }
        }
        if let Some(former) = former
            && let Err(error) = self.visit.sessions.replace(&former, browser).await
        {
            tracing::warn!(%error, "the session that a browser had before goes on");
        }
    }

    /// Goes on as the person who has just signed in.
    fn go_on_as(self, browser: Browser) -> Answering {
        if self.is_device() {
            return Box::pin(async move { self.find_device(&browser, true).await });
        }
        match asks_consent(&self.request, &self.app, Some(&browser.user)) {
            true => Box::pin(async move { self.offer(&browser).await }),
            false => Box::pin(self.enter(browser)),
        }
    }

    /// Goes on if the last form of a sign-in was sent twice: its code is used up, and the browser has
    /// the session already. The session must be of the person whom the page names by `identifier`; if
    /// it names nobody, the person is asked. Otherwise, they start again.
    pub(super) fn go_on_if_done(self, identifier: Option<String>) -> Answering {
        Box::pin(self.go_on_if_done_now(identifier))
    }

    async fn go_on_if_done_now(self, identifier: Option<String>) -> Result<Response, Error> {
        let browser = self.visit.browser().await?;
        let browser = browser.filter(|browser| {
            self.visit.is_newer(browser, &self.flow) && !owes_second_factor(&self.request, browser)
        });
        let Some(browser) = browser else { return self.start_again(Text::Expired) };

        let Some(identifier) = identifier else { return self.offer(&browser).await };
        let named = self.latchkey.challenges().await?.identifier(&identifier);
        match named.is_ok_and(|named| is_called(&browser.user, &named)) {
            true => self.go_on_as(browser).await,
            false => self.start_again(Text::Expired),
        }
    }
}
