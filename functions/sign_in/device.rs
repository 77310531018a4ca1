//! The steps of the page `/device`. A code is compared only when the person is signed in, so that
//! tries are counted for that person, and nobody else can use them up.

use axum::{http::StatusCode, response::Response};
use shared::{
    apps::GrantType,
    audit::{Action, Activity},
    authorization::{Decision, DeviceTask, Step, Task, UserCode, WaitingDevice},
    base::Error,
    sessions::Browser,
};
use uuid::Uuid;

use super::Desk;
use crate::hosted::{Text, asks_consent, needs_sign_in};

impl Desk {
    /// Whether the page is about a device.
    pub(super) fn is_device(&self) -> bool {
        matches!(self.flow.task, Task::Device(_))
    }

    /// The user code of the page.
    fn typed(&self) -> Option<UserCode> {
        match &self.flow.task {
            Task::Device(device) => UserCode::parse(&device.user_code),
            Task::SignIn(_) | Task::SignOut(_) => None,
        }
    }

    /// Goes on with the user code that the person typed: to the device, or to the sign-in.
    pub(super) async fn user_code(mut self) -> Result<Response, Error> {
        let Some(code) = UserCode::parse(&self.form.user_code) else { return self.no_device() };
        self.keep_device(code.shown(), None);
        match self.visit.browser().await? {
            Some(browser) => self.find_device(&browser, false).await,
            None => self.show(Step::Identify, None),
        }
    }

    /// Asks the person of `browser` whether the device may use their account. If they have not just
    /// signed in, they may have to sign in again.
    pub(super) async fn find_device(
        mut self,
        browser: &Browser,
        has_signed_in: bool,
    ) -> Result<Response, Error> {
        let Some(code) = self.typed() else { return self.no_device() };
        let devices = self.latchkey.devices().await?;
        let waiting = match devices.guess(browser.user.id, &code).await {
            Ok(Some(waiting)) => waiting,
            Ok(None) => return self.no_device(),
            Err(error) => return self.refuse(error, Step::UserCode),
        };
        let app = self.latchkey.apps().get(&waiting.request.client_id).await?;
        let app = app.filter(|app| app.active && app.grants.allow(GrantType::DeviceCode));
        let Some(app) = app else { return self.no_device() };

        self.app = app;
        let now = self.latchkey.clock().now().as_second();
        let must_sign_in = !has_signed_in && needs_sign_in(&waiting.request, browser, now);
        self.keep_device(code.shown(), Some(&waiting));
        if must_sign_in {
            return self.show(Step::Identify, None);
        }
        let step = Step::Confirm { user_id: browser.user.id };
        self.visit.show(&self.flow.at(step), Some(&self.app), Some(browser), None)
    }

    /// Lets the device use the account of the person who was asked.
    pub(super) async fn allow_device(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            Some(browser) => self.enter(browser).await,
            None => self.start_again(Text::Expired),
        }
    }

    /// Lets the device use the account of `browser`: an authorization code waits for its next poll.
    pub(super) async fn finish_device(self, browser: Browser) -> Result<Response, Error> {
        let user_id = browser.user.id;
        let Some(code) = self.typed() else { return self.no_device() };
        let devices = self.latchkey.devices().await?;
        // Nothing is allowed but what the person was shown.
        let waiting = devices.waiting(&code).await?.filter(|it| it.request == self.request);
        let Some(waiting) = waiting else { return self.no_device() };
        if !self.app.grants.allow(GrantType::DeviceCode) {
            return self.no_device();
        }
        if asks_consent(&self.request, &self.app, Some(&browser.user)) {
            self.remember_consent(user_id).await?;
        }

        let asked = (&self.request, &self.app);
        let (device, ends_at) = (waiting.device, waiting.expires_at.as_second());
        let sessions = &self.visit.sessions;
        let written = sessions.authorize_device(&browser, asked, device, ends_at).await?;
        let Some(authorization_code) = written else { return self.start_again(Text::Expired) };
        if !devices.decide(&code, &Decision::Allow(authorization_code)).await? {
            return self.no_device();
        }
        let client_id = &self.app.client_id;
        let allowed = Activity::own(Action::DeviceAllow, user_id, client_id);
        self.recorder.record(allowed).await?;
        self.done(Text::DeviceAllowed, Text::BackToDevice)
    }

    /// Refuses the device, if the person was asked about it.
    pub(super) async fn cancel_device(self, step: &Step) -> Result<Response, Error> {
        let is_asked = matches!(
            step,
            Step::Confirm { .. } | Step::OfferSecondFactor { .. } | Step::SetUp { .. }
        );
        if let (true, Some(code)) = (is_asked, self.typed()) {
            self.latchkey.devices().await?.decide(&code, &Decision::Deny).await?;
        }
        self.done(Text::DeviceDenied, Text::YouMayClose)
    }

    /// Asks for the user code again.
    fn no_device(self) -> Result<Response, Error> {
        let problem = self.visit.say(Text::BadUserCode, &[]);
        self.show(Step::UserCode, Some(problem))
    }

    /// Says how it ended. The page cannot be used again.
    fn done(mut self, title: Text, explanation: Text) -> Result<Response, Error> {
        let flow = self.flow.id.simple().to_string();
        self.visit.sets.extend(self.visit.cookies.forget_flow(&flow));
        self.visit.tell(StatusCode::OK, title, explanation)
    }

    /// Keeps the user code, and what the device asks for, once it was found.
    fn keep_device(&mut self, user_code: String, waiting: Option<&WaitingDevice>) {
        let ui_locales = self.request.ui_locales.take();
        let mut task = DeviceTask::new(Some(&user_code), ui_locales.as_deref());
        if let Some(waiting) = waiting {
            task.request = waiting.request.clone();
        }
        self.request = task.request.clone();
        self.flow.task = Task::Device(Box::new(task));
    }
}
