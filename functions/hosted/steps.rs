//! The steps of the hosted page: what each shows.

use shared::{
    apps::{App, SignInMethod},
    authorization::{AuthorizationRequest, DeviceTask, Flow, Prompt, Step, Task},
    base::Error,
    identifiers::{Channel, Identifier},
    sessions::Browser,
    users::User,
};

use super::{
    Text, Visit,
    html::{CONTINUE, button, input, paragraph},
    second_factor::owes_second_factor,
};

/// The words of the button that sends a code on this channel.
fn by(channel: Channel) -> Text {
    match channel {
        Channel::Voice => Text::CallMe,
        Channel::Whatsapp => Text::SendInWhatsapp,
        Channel::Sms | Channel::Email => Text::SendSms,
    }
}

impl Visit {
    /// The title of a step and what its form has.
    pub(super) fn step(
        &self,
        flow: &Flow,
        app: Option<&App>,
        browser: Option<&Browser>,
    ) -> Result<(String, String), Error> {
        let app_name = app.map(|app| app.name.as_str()).unwrap_or_default();
        let say = |text| self.say(text, &[("app", app_name)]);
        let main = |text| button(CONTINUE, &say(text), true);
        let other = |action, text| button(action, &say(text), false);
        let cancel = || other("cancel", Text::Cancel);
        let takes = self.takes(app);
        let another = || other("another", takes.another());
        let has_password = self.offers(app, SignInMethod::Password);

        Ok(match (&flow.step, &flow.task) {
            (Step::UserCode, task) => {
                let typed = match task {
                    Task::Device(device) => device.user_code.as_str(),
                    Task::SignIn(_) | Task::SignOut(_) => "",
                };
                let attributes = "autocomplete=\"off\" autocapitalize=\"characters\" dir=\"ltr\" \
                                  spellcheck=\"false\" maxlength=\"64\"";
                let inside = paragraph(&say(Text::EnterUserCode))
                    + &input("user_code", &say(Text::Code), typed, attributes)
                    + &main(Text::Continue)
                    + &cancel();
                (say(Text::SignInDevice), inside)
            }
            (Step::Identify, task) => {
                let hint = match task {
                    Task::SignIn(request) => request.login_hint.as_deref().unwrap_or_default(),
                    Task::Device(_) | Task::SignOut(_) => "",
                };
                let (label, typed) = (say(takes.label()), self.typed.as_deref().unwrap_or(hint));
                let input = input("identifier", &label, typed, takes.attributes());
                (say(Text::SignIn), input + &main(Text::Continue) + &cancel())
            }
            (Step::Prove { challenge, .. }, _) => self.proof_of_work(challenge, app),
            (Step::Code { to, digits, channel, channels, .. }, _) => {
                let values = [("to", to.as_str()), ("digits", &digits.to_string())];
                let attributes = "autocomplete=\"one-time-code\" inputmode=\"numeric\" dir=\"ltr\" maxlength=\"20\"";
                let password = has_password.then(|| other("password", Text::UsePassword));
                let password = password.unwrap_or_default();
                let others = channels.iter().filter(|offered| *offered != channel);
                let others: String =
                    others.map(|offered| other(offered.name(), by(*offered))).collect();
                let inside = paragraph(&self.say(Text::CodeSent, &values))
                    + &input("code", &say(Text::Code), "", attributes)
                    + &main(Text::Continue)
                    + &other("resend", Text::Resend)
                    + &others
                    + &password
                    + &another()
                    + &cancel();
                (say(Text::EnterCode), inside)
            }
            (Step::Password { identifier }, _) => {
                let attributes =
                    "type=\"password\" autocomplete=\"current-password\" maxlength=\"256\"";
                let code = match self.offers_code_to(app, identifier) {
                    true => other("code", Text::UseCode),
                    false => String::new(),
                };
                let inside = paragraph(&self.isolated(identifier))
                    + &input("password", &say(Text::Password), "", attributes)
                    + &main(Text::Continue)
                    + &code
                    + &another()
                    + &cancel();
                (say(Text::EnterPassword), inside)
            }
            (Step::SecondFactor { .. }, _) => {
                let attributes = "autocomplete=\"one-time-code\" dir=\"ltr\" maxlength=\"40\"";
                let inside = paragraph(&say(Text::EnterSecondFactor))
                    + &input("code", &say(Text::Code), "", attributes)
                    + &main(Text::Continue)
                    + &cancel();
                (say(Text::SecondFactor), inside)
            }
            (Step::OfferSecondFactor { .. }, _) => self.offer_second_factor(app_name),
            (Step::SetUp { user_id, account, set_up }, _) => {
                self.set_up(*user_id, (app_name, account), set_up)?
            }
            (Step::RecoveryCodes { user_id, set_up }, _) => {
                self.recovery_codes(*user_id, set_up)?
            }
            (Step::Confirm { .. }, Task::Device(device)) => {
                let user = browser.map(|browser| &browser.user);
                (say(Text::AllowDevice), self.device_question(device, app, user))
            }
            (Step::Confirm { .. }, Task::SignIn(request)) => {
                let user = browser.map(|browser| &browser.user);
                (say(Text::ContinueTo), self.confirmation(request, app, user))
            }
            (Step::Confirm { .. } | Step::SignOut, _) => {
                let inside = paragraph(&say(Text::SignOutOf)) + &main(Text::SignOut) + &cancel();
                (say(Text::SignOutQuestion), inside)
            }
        })
    }

    /// The question whether to go on as the user who is signed in, and what the app gets.
    fn confirmation(
        &self,
        request: &AuthorizationRequest,
        app: Option<&App>,
        user: Option<&User>,
    ) -> String {
        let who = user.map(User::display_name).unwrap_or_default();
        let hint = request.login_hint.as_deref().unwrap_or_default();
        let app_name = app.map(|app| app.name.as_str()).unwrap_or_default();
        let say = |text| self.say(text, &[("app", app_name), ("who", &who), ("hint", hint)]);
        let told = if hint.is_empty() { Text::SignedInAs } else { Text::AskedFor };

        let is_consent = app.is_some_and(|app| asks_consent(request, app, user));
        let gets: String = if is_consent { self.gets(request) } else { String::new() };
        let (yes, no) = match is_consent {
            true => (Text::Allow, Text::Deny),
            false => (Text::ContinueAs, Text::Cancel),
        };
        let asked = if is_consent { paragraph(&say(Text::WillGet)) } else { String::new() };
        paragraph(&say(told))
            + &asked
            + &gets
            + &button(CONTINUE, &say(yes), true)
            + &button("another", &say(Text::UseAnother), false)
            + &button("cancel", &say(no), false)
    }

    /// The question whether a device may use the account. It is always asked, and names the app and
    /// the code: somebody else may have sent the person here (RFC 8628 §5.4).
    fn device_question(
        &self,
        device: &DeviceTask,
        app: Option<&App>,
        user: Option<&User>,
    ) -> String {
        let who = user.map(User::display_name).unwrap_or_default();
        let app_name = app.map(|app| app.name.as_str()).unwrap_or_default();
        let values = [("app", app_name), ("who", &who), ("code", device.user_code.as_str())];
        let say = |text| self.say(text, &values);
        let is_consent = app.is_some_and(|app| asks_consent(&device.request, app, user));
        let gets = match is_consent {
            true => paragraph(&say(Text::WillGet)) + &self.gets(&device.request),
            false => String::new(),
        };
        paragraph(&say(Text::DeviceGets))
            + &gets
            + &paragraph(&say(Text::DeviceWarning))
            + &button(CONTINUE, &say(Text::Allow), true)
            + &button("another", &say(Text::UseAnother), false)
            + &button("cancel", &say(Text::Deny), false)
    }

    /// The claims that an app gets, as a list.
    fn gets(&self, request: &AuthorizationRequest) -> String {
        let scopes = [
            ("openid", Text::GetsId),
            ("profile", Text::GetsProfile),
            ("email", Text::GetsEmail),
            ("phone", Text::GetsPhone),
        ];
        let granted = |scope: &str| request.scope.split(' ').any(|granted| granted == scope);
        let items = scopes.iter().filter(|(scope, _)| granted(scope));
        let items: String =
            items.map(|(_, text)| format!("<li>{}</li>", self.say(*text, &[]))).collect();
        format!("<ul>{items}</ul>\n")
    }
}

/// Whether the person who is signed in to a browser has to sign in again: the app asks for a newer
/// sign-in, or for a second factor that they have and did not use.
pub(crate) fn needs_sign_in(request: &AuthorizationRequest, browser: &Browser, now: i64) -> bool {
    let age = now - browser.session.created_at.as_second();
    let is_old = request.max_age.is_some_and(|max_age| max_age == 0 || age > max_age);
    is_old
        || owes_second_factor(request, browser)
        || request.prompts(Prompt::Login)
        || request.prompts(Prompt::Create)
}

/// Whether an identifier is one of the user's.
pub(crate) fn is_called(user: &User, identifier: &Identifier) -> bool {
    match identifier {
        Identifier::Address(address) => user.addresses().any(|own| own == *address),
        Identifier::Username(name) => {
            user.username.as_ref().is_some_and(|own| own.canonical() == name.canonical())
        }
    }
}

/// Whether a person is asked for their consent: somebody else's app asks for what they have not
/// allowed it before.
pub(crate) fn asks_consent(request: &AuthorizationRequest, app: &App, user: Option<&User>) -> bool {
    let is_allowed = app.is_first_party()
        || user.is_some_and(|user| user.has_allowed(&app.client_id, &request.scope));
    !is_allowed || request.prompts(Prompt::Consent)
}
