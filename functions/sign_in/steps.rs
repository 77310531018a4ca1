//! The steps of a sign-in on the hosted page. Each uses what the API uses, so every limit holds.

use axum::response::Response;
use shared::{
    apps::SignInMethod,
    audit::{Action, Activity},
    authorization::{Step, Task},
    base::Error,
    challenges::{ChallengeView, NewChallenge, OneTimeCode, Purpose, Room},
    identifiers::{Address, Channel, Identifier},
    second_factors::SecondFactorMethod,
    sessions::Browser,
    users::Password,
};
use uuid::Uuid;

use super::Desk;
use crate::hosted::{DEVICE, Text, asks_consent, is_called, needs_sign_in};

#[cfg(test)]
mod tests;

impl Desk {
    /// Shows a step, after a problem with the last one.
    pub(super) fn show(self, step: Step, problem: Option<String>) -> Result<Response, Error> {
        self.visit.show(&self.flow.at(step), Some(&self.app), None, problem)
    }

    /// Shows the first step, and says why.
    pub(super) fn start_again(self, why: Text) -> Result<Response, Error> {
        let why = self.visit.say(why, &[]);
        let first = if self.is_device() { Step::UserCode } else { Step::Identify };
        self.show(first, Some(why))
    }

    /// Sends a code to the address that the person typed, or asks for the password of a username.
    pub(super) async fn identify(self) -> Result<Response, Error> {
        let typed = self.form.identifier.trim().to_owned();
        let challenges = self.latchkey.challenges().await?;
        let identifier = challenges.identifier(&typed);
        // In another tab, the person may have signed in since the page was shown.
        if let Some(browser) = self.visit.browser().await?
            && identifier.as_ref().is_ok_and(|named| is_called(&browser.user, named))
            && !self.needs_sign_in(&browser)
        {
            return self.offer(&browser).await;
        }
        let has_password = self.app.branding.offers(SignInMethod::Password);
        match identifier {
            Ok(Identifier::Address(address)) if self.offers_code(&address) => {
                self.send((address, None), typed, Step::Identify).await
            }
            Ok(_) if has_password => self.show(Step::Password { identifier: typed }, None),
            Ok(_) => self.refuse_identifier(),
            Err(error) => self.refuse(error, Step::Identify),
        }
    }

    /// Sends a code to the address that an identifier is, as [`Self::send`].
    pub(super) async fn send_to(
        self,
        identifier: String,
        channel: Option<Channel>,
        same: Step,
    ) -> Result<Response, Error> {
        match self.latchkey.challenges().await?.identifier(&identifier) {
            Ok(Identifier::Address(address)) if self.offers_code(&address) => {
                self.send((address, channel), identifier, same).await
            }
            Ok(_) => self.refuse_identifier(),
            Err(error) => self.refuse(error, Step::Identify),
        }
    }

    /// Asks the person who is signed in whether to go on.
    pub(super) async fn offer(mut self, browser: &Browser) -> Result<Response, Error> {
        if self.is_device() {
            return self.find_device(browser, false).await;
        }
        // The page warns only of somebody else than the app expects.
        if self.visit.is_hinted(&self.request, &browser.user).await?
            && let Task::SignIn(request) = &mut self.flow.task
        {
            request.login_hint = None;
        }
        let step = Step::Confirm { user_id: browser.user.id };
        self.visit.show(&self.flow.at(step), Some(&self.app), Some(browser), None)
    }

    /// Whether the app offers sign-in by a code to this kind of address.
    fn offers_code(&self, address: &Address) -> bool {
        self.app.branding.offers(match address {
            Address::Sms(_) => SignInMethod::PhoneCode,
            Address::Email(_) => SignInMethod::EmailCode,
        })
    }

    /// Sends a code to the `address` of an identifier, on the `channel` that the person has chosen, if
    /// they have. If the text is suspected, the browser is asked for a proof of work. If it is refused,
    /// the person is shown the step `same`, and why.
    async fn send(
        self,
        (address, channel): (Address, Option<Channel>),
        identifier: String,
        same: Step,
    ) -> Result<Response, Error> {
        let challenges = self.latchkey.challenges().await?;
        let messenger = self.latchkey.messenger().await?;
        let locale = Some(self.visit.language.tag().to_owned());
        let ip = self.recorder.device().ip.clone();
        let plan = self.app.text_plan();
        let channels = self.latchkey.settings().messages.channels_to(&address, plan.as_ref());
        let new = NewChallenge {
            page: Some(self.flow.id),
            channel,
            proof: Some(self.form.proof.clone()).filter(|proof| !proof.is_empty()),
            device_token: self.visit.cookies.get(DEVICE).map(str::to_owned),
            ..NewChallenge::new(Purpose::SignIn, self.app.clone(), address.clone(), locale, ip)
        };
        let sent = match challenges.open(new, &messenger).await {
            // The form was sent twice, or the person came back to it: the code is on its way.
            Err(error @ Error::ResendTooSoon { .. }) => {
                challenges.opened_by(self.flow.id, &address).await?.ok_or(error)
            }
            sent => sent,
        };
        match sent {
            Ok(sent) => self.show(code_step(sent, identifier, channels), None),
            Err(Error::ProofRequired { proof }) => self.ask_for_proof(identifier, *proof),
            Err(error) => self.refuse(error, same),
        }
    }

    /// Sends the code again, on the `channel` that the person has chosen or else as before. If its
    /// challenge is used, has expired or has no tries left, the person gets a new code, under all limits
    /// of the first one.
    pub(super) async fn resend(self, channel: Option<Channel>) -> Result<Response, Error> {
        let same = self.flow.step.clone();
        let Step::Code { challenge_id, identifier, channels, .. } = same.clone() else {
            return self.start_again(Text::Expired);
        };
        let challenges = self.latchkey.challenges().await?;
        let messenger = self.latchkey.messenger().await?;
        let ip = self.recorder.device().ip.as_deref();
        let sent = match challenges.resume_on_page(challenge_id).await {
            Ok(resumed) => {
                let resumed = resumed.by(channel);
                challenges.resend(resumed, (ip, &Room::default()), &messenger).await
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(sent) => self.show(code_step(sent, identifier, channels), None),
            Err(Error::OtpExpired | Error::OtpLocked { retry_after: None }) => {
                self.send_to(identifier, channel, same).await
            }
            Err(error) => self.refuse(error, same),
        }
    }

    /// Signs in with the code that the person typed.
    pub(super) async fn code(self, challenge_id: Uuid) -> Result<Response, Error> {
        let same = self.flow.step.clone();
        let typed: String = self.form.code.chars().filter(|c| !c.is_whitespace()).collect();
        let Step::Code { identifier, .. } = same.clone() else {
            return self.start_again(Text::Expired);
        };
        let Ok(code) = OneTimeCode::parse_field("code", &typed) else {
            return self.refuse(Error::OtpIncorrect { attempts_left: None }, same);
        };
        let challenges = self.latchkey.challenges().await?;
        let messenger = self.latchkey.messenger().await?;
        let former = self.visit.browser().await?;
        let proven = match challenges.resume_on_page(challenge_id).await {
            Ok(resumed) => {
                let recorder = &self.recorder;
                challenges.prove(resumed, &code, None, &[Purpose::SignIn], recorder).await
            }
            Err(error) => Err(error),
        };
        let proven = match proven {
            Ok(proven) => proven,
            Err(Error::OtpExpired) => return self.go_on_if_done(Some(identifier)).await,
            Err(error) => return self.refuse(error, same),
        };

        let used = proven.used_code();
        let device = self.recorder.device().clone();
        let sessions = self.sessions(self.request.multi_factor);
        let established = sessions.establish_proven(proven, device);
        match challenges.redeem((&used, &messenger), established).await {
            Ok(established) => self.go_on(established, former).await,
            Err(error) => self.refuse(error, Step::Identify),
        }
    }

    /// Signs in with the password that the person typed.
    pub(super) async fn password(self, identifier: String) -> Result<Response, Error> {
        if !self.app.branding.offers(SignInMethod::Password) {
            return self.refuse_identifier();
        }
        let same = self.flow.step.clone();
        let wrong = Error::InvalidCredentials;
        let Ok(password) = Password::parse("password", self.form.password.clone()) else {
            return self.refuse(wrong, same);
        };
        let Ok(named) = self.latchkey.challenges().await?.identifier(&identifier) else {
            return self.refuse(wrong, same);
        };

        let former = self.visit.browser().await?;
        let passwords = self.latchkey.password_sign_ins().await?;
        let lookup = passwords.look_up_name(&named, self.recorder.device().ip.as_deref()).await?;
        let asked = (self.app.client_id.as_str(), self.visit.cookies.get(DEVICE));
        let named = (&named, lookup);
        let person = match passwords.recognise(named, &password, asked, &self.recorder).await {
            Ok(person) => person,
            Err(error) => return self.refuse(error, same),
        };
        let terms = self.app.session_terms(self.latchkey.apps().settings()).in_browser();
        let device = self.recorder.device().clone();
        let sessions = self.sessions(self.request.multi_factor);
        let who = (person.user.id, Some(&person.user));
        let established = sessions.establish(who, terms, person.recognised, device);
        match passwords.refunding(person.right, established).await {
            Ok(Some(established)) => self.go_on(established, former).await,
            Ok(None) => self.refuse(wrong, same),
            Err(error) => self.refuse(error, same),
        }
    }

    /// Finishes a sign-in with the second factor that the person typed.
    pub(super) async fn second_factor(self, mfa_token: String) -> Result<Response, Error> {
        let same = self.flow.step.clone();
        let typed: String = self.form.code.chars().filter(|c| !c.is_whitespace()).collect();
        let is_totp = typed.len() == 6 && typed.bytes().all(|byte| byte.is_ascii_digit());
        let method =
            if is_totp { SecondFactorMethod::Totp } else { SecondFactorMethod::RecoveryCode };

        let former = self.visit.browser().await?;
        let second_factors = self.latchkey.second_factors().await?;
        let proven = second_factors.prove(&mfa_token, method, &typed, &self.recorder).await;
        let (pending, user) = match proven {
            // The token of another sign-in gets nobody in here.
            Ok((pending, _)) if !pending.terms.browser => return self.start_again(Text::Expired),
            Ok(proven) => proven,
            Err(error @ (Error::InvalidRequest(_) | Error::OtpIncorrect { .. })) => {
                return self.refuse(error, same);
            }
            Err(Error::TokenInvalid | Error::TokenExpired) => {
                return self.go_on_if_done(None).await;
            }
            Err(error) => return self.refuse(error, Step::Identify),
        };
        let device = self.recorder.device().clone();
        let sessions = self.sessions(false);
        let established = second_factors.redeem(&mfa_token, pending.used_by, async {
            let who = (user.id, Some(&user));
            sessions.establish(who, pending.terms, pending.recognised, device).await
        });
        match established.await {
            Ok(Some(established)) => self.go_on(established, former).await,
            Ok(None) => self.start_again(Text::Expired),
            Err(error) => self.refuse(error, Step::Identify),
        }
    }

    /// Goes on as the user who is signed in, if that is still the one who was shown.
    pub(super) async fn confirm(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            Some(browser) => {
                if asks_consent(&self.request, &self.app, Some(&browser.user)) {
                    self.remember_consent(user_id).await?;
                }
                self.enter(browser).await
            }
            None => self.start_again(Text::Expired),
        }
    }

    /// Asks the question again, if its person is still signed in.
    pub(super) async fn ask_again(self, user_id: Uuid) -> Result<Response, Error> {
        match self.browser_of(user_id).await? {
            Some(browser) => self.visit.show(&self.flow, Some(&self.app), Some(&browser), None),
            None => self.start_again(Text::Expired),
        }
    }

    /// Whether the person who is signed in has to sign in again, for the app or to set up a second
    /// factor.
    fn needs_sign_in(&self, browser: &Browser) -> bool {
        let now = self.latchkey.clock().now().as_second();
        needs_sign_in(&self.request, browser, now) || self.flow.sets_up && !self.is_fresh(browser)
    }

    /// Remembers that the person has allowed the app what it asks for. The deployment's own apps need
    /// no consent.
    pub(super) async fn remember_consent(&self, user_id: Uuid) -> Result<(), Error> {
        if self.app.is_first_party() {
            return Ok(());
        }
        let client_id = &self.app.client_id;
        let given = Activity::own(Action::ConsentGive, user_id, client_id);
        let accounts = self.latchkey.accounts().await?.recording(self.recorder.event(given)?);
        accounts.allow(user_id, client_id, &self.request.scope).await.map(drop)
    }
}

/// The step at which a code is typed that was `sent` to the address of an identifier.
fn code_step(sent: ChallengeView, identifier: String, channels: Vec<Channel>) -> Step {
    Step::Code {
        challenge_id: sent.challenge_id,
        identifier,
        to: sent.to,
        digits: sent.code_length,
        channel: sent.channel,
        channels,
    }
}
