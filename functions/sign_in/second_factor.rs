//! The steps in which people set up a second factor, if an app asks for both factors. They are the last
//! ones before the app is entered, and follow a sign-in that is as new as `POST /v1/me/totp` wants it.

use axum::response::Response;
use shared::{
    audit::{Action, Activity},
    authorization::Step,
    base::Error,
    messages::Subject,
    sessions::Browser,
    users::FRESH_SECONDS,
};
use uuid::Uuid;

use super::Desk;
use crate::hosted::{Text, lacks_second_factor, owes_second_factor};

#[cfg(test)]
mod tests;

impl Desk {
    /// The browser, if this user is signed in to it.
    pub(super) async fn browser_of(&self, user_id: Uuid) -> Result<Option<Browser>, Error> {
        Ok(self.visit.browser().await?.filter(|browser| browser.user.id == user_id))
    }

    /// Whether the sign-in of `browser` is new enough to set up a second factor.
    pub(super) fn is_fresh(&self, browser: &Browser) -> bool {
        let now = self.latchkey.clock().now().as_second();
        browser.session.created_at.as_second() + FRESH_SECONDS > now
    }

    /// Enters the app, or offers to set up a second factor first.
    pub(super) async fn enter(self, browser: Browser) -> Result<Response, Error> {
        match lacks_second_factor(&self.request, &browser) {
            true if self.flow.sets_up => self.begin_set_up(browser).await,
            true => self.show(Step::OfferSecondFactor { user_id: browser.user.id }, None),
            false => self.finish(browser).await,
        }
    }

    /// Enters the app with the factors that the person has used.
    async fn finish(self, browser: Browser) -> Result<Response, Error> {
        match self.is_device() {
            true => self.finish_device(browser).await,
            false => self.visit.grant(&self.flow, &self.request, (&self.app, &browser)).await,
        }
    }

    /// Enters the app without a second factor.
    pub(super) async fn skip_set_up(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            // The person has a second factor by now, so the app can have what it asks for.
            Some(browser) if owes_second_factor(&self.request, &browser) => {
                self.start_again(Text::Expired)
            }
            Some(browser) => self.finish(browser).await,
            None => self.start_again(Text::Expired),
        }
    }

    /// Goes on to set up a second factor.
    pub(super) async fn accept_set_up(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            Some(browser) if lacks_second_factor(&self.request, &browser) => {
                self.begin_set_up(browser).await
            }
            Some(browser) if !owes_second_factor(&self.request, &browser) => {
                self.finish(browser).await
            }
            Some(_) | None => self.start_again(Text::Expired),
        }
    }

    /// Shows the secret for an authenticator app. The person signs in again for that if they did not
    /// just do so.
    async fn begin_set_up(mut self, browser: Browser) -> Result<Response, Error> {
        if !self.is_fresh(&browser) {
            self.flow.sets_up = true;
            let why = self.visit.say(Text::SignInFirst, &[]);
            return self.show(Step::Identify, Some(why));
        }
        let user_id = browser.user.id;
        let set_up = self.latchkey.second_factors().await?.begin_set_up(user_id)?;
        let account = browser.user.display_name().to_string();
        self.show(Step::SetUp { user_id, account, set_up }, None)
    }

    /// Confirms the authenticator app with its first code, as `POST /v1/me/totp/confirm` does, and
    /// shows the recovery codes. If the person did this before, they go on.
    pub(super) async fn confirm_set_up(
        self,
        user_id: Uuid,
        set_up: String,
    ) -> Result<Response, Error> {
        let same = self.flow.step.clone();
        let Some(browser) = self.browser_of(user_id).await? else {
            return self.start_again(Text::Expired);
        };

        let added = Activity::own(Action::SecondFactorAdd, user_id, &self.app.client_id);
        let event = self.recorder.event(added)?;
        let second_factors = self.latchkey.second_factors().await?.recording(event);
        // All that the notice needs is there before anything changes: a retry sends none.
        let accounts = self.latchkey.accounts().await?;
        let messenger = self.latchkey.messenger().await?;
        let by = (&browser.user, browser.id());
        match second_factors.confirm_set_up(by, &set_up, &self.form.code).await {
            Ok(confirmed) => {
                if let Some(user) = confirmed {
                    accounts.tell(&user, Subject::SecondFactorAdded, None, &messenger).await;
                }
                self.show(Step::RecoveryCodes { user_id, set_up }, None)
            }
            Err(Error::TokenExpired) => {
                let why = self.visit.say(Text::Expired, &[]);
                self.show(Step::OfferSecondFactor { user_id }, Some(why))
            }
            // In another tab, the person has set one up.
            Err(Error::Conflict(_)) => self.accept_set_up(user_id).await,
            Err(error) => self.refuse(error, same),
        }
    }

    /// Enters the app when the person has seen the recovery codes.
    pub(super) async fn keep_codes(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            Some(browser) => self.finish(browser).await,
            None => self.start_again(Text::Expired),
        }
    }
}
