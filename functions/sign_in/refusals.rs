//! The sentence that a person reads if a step of the hosted page is refused. Each refusal that they can meet has
//! its own sentence.

use axum::response::Response;
use shared::{apps::SignInMethod, authorization::Step, base::Error};

use super::Desk;
use crate::hosted::Text;

#[cfg(test)]
mod tests;

/// How long a person is told to wait after signs of SMS pumping, in seconds, as the API says it: they
/// are not told of the suspicion.
const FRAUD_WAIT_SECONDS: i64 = 3600;

impl Desk {
    /// Shows a step with what went wrong. A fault of ours is returned, so that alarms see it.
    pub(super) fn refuse(self, error: Error, step: Step) -> Result<Response, Error> {
        let is_last_try = matches!(error, Error::OtpIncorrect { attempts_left: Some(0) });
        match error {
            Error::Unavailable(_) | Error::Internal(_) | Error::NotReady => return Err(error),
            Error::OtpExpired | Error::TokenInvalid | Error::TokenExpired | Error::Conflict(_) => {
                return self.start_again(Text::Expired);
            }
            // The sign-in that waited for the second factor has ended.
            _ if is_last_try && matches!(step, Step::SecondFactor { .. }) => {
                return self.start_again(Text::SignInAgain);
            }
            _ => {}
        }

        let (text, seconds) = self.sentence(&error, &step);
        let wait = self.visit.wait(seconds);
        let problem = self.visit.say(text, &[("wait", &wait), ("app", &self.app.name)]);
        self.show(step, Some(problem))
    }

    /// Asks for an identifier that the app takes.
    pub(super) fn refuse_identifier(self) -> Result<Response, Error> {
        self.refuse(Error::field("identifier", "is not offered"), Step::Identify)
    }

    /// The sentence for a refusal at a step, and the seconds to wait in it, if it names them.
    fn sentence(&self, error: &Error, step: &Step) -> (Text, i64) {
        let text = match error {
            Error::OtpIncorrect { attempts_left: Some(0) }
            | Error::OtpLocked { retry_after: None } => Text::NoTriesLeft,
            Error::OtpIncorrect { .. } => Text::WrongCode,
            Error::OtpLocked { retry_after: Some(seconds) } => {
                return (Text::TooManyCodes, *seconds);
            }
            Error::TooManyAttempts { retry_after } => {
                return self.too_many_attempts(*retry_after, step);
            }
            Error::ResendTooSoon { retry_after } => return (Text::SentLately, *retry_after),
            Error::SmsLimitReached { retry_after } => return (Text::LimitReached, *retry_after),
            Error::FraudSuspected => return (Text::LimitReached, FRAUD_WAIT_SECONDS),
            Error::InvalidCredentials => Text::WrongPassword,
            Error::CountryNotAllowed => Text::CountryNotAllowed,
            Error::Undeliverable if self.offers(SignInMethod::EmailCode) => Text::Undeliverable,
            Error::Undeliverable => Text::UndeliverableNumber,
            Error::UserDisabled => Text::Disabled,
            Error::PhoneIdle => Text::PhoneIdle,
            Error::AppDisabled | Error::UnknownApp => Text::AppDisabled,
            Error::InvalidPhone(_) | Error::InvalidEmail(_) | Error::InvalidRequest(_) => {
                match step {
                    Step::Identify => self.visit.takes(Some(&self.app)).refusal(),
                    Step::Code { .. } | Step::Password { .. } => Text::NotThisWay,
                    _ => Text::WrongCode,
                }
            }
            _ => Text::NotNow,
        };
        (text, 0)
    }

    /// The sentence after too many user codes of devices, or else after too many passwords.
    fn too_many_attempts(&self, retry_after: Option<i64>, step: &Step) -> (Text, i64) {
        let sends_codes =
            self.offers(SignInMethod::PhoneCode) || self.offers(SignInMethod::EmailCode);
        match (step, retry_after) {
            (Step::UserCode, Some(seconds)) => (Text::TooManyCodes, seconds),
            (_, Some(seconds)) if sends_codes => (Text::PasswordsWaitOrCode, seconds),
            (_, Some(seconds)) => (Text::PasswordsWait, seconds),
            (_, None) if sends_codes => (Text::PasswordsCode, 0),
            (_, None) => (Text::PasswordsHelp, 0),
        }
    }

    fn offers(&self, method: SignInMethod) -> bool {
        self.visit.offers(Some(&self.app), method)
    }
}
