//! The content of messages: their subjects, texts and links.

use serde::{Deserialize, Serialize};

use super::{Language, wording};
use crate::{
    apps::{CODE_PLACEHOLDER, Sender},
    base::Error,
    identifiers::Channel,
};

/// The subject of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A code to sign in or sign up.
    SignIn,
    /// A code after a sign-up with an address that has an account: it signs in to that account.
    AccountExists,
    /// A code to set a new password.
    PasswordReset,
    /// A code that confirms a new phone or e-mail address.
    NewAddress,
    /// The password was changed.
    PasswordChanged,
    /// The phone or e-mail address was changed.
    AddressChanged,
    /// An authenticator app was set up.
    SecondFactorAdded,
    /// The authenticator app was removed.
    SecondFactorRemoved,
    /// A passkey was added.
    PasskeyAdded,
    /// A new account has the phone, because the account was not used for long.
    PhoneDetached,
    /// The account will be erased.
    AccountErasure,
    /// The origins, the text or the secret of an app were changed, for administrators.
    AppChanged,
}

impl Subject {
    /// All subjects.
    pub const ALL: [Self; 12] = [
        Self::SignIn,
        Self::AccountExists,
        Self::PasswordReset,
        Self::NewAddress,
        Self::PasswordChanged,
        Self::AddressChanged,
        Self::SecondFactorAdded,
        Self::SecondFactorRemoved,
        Self::PasskeyAdded,
        Self::PhoneDetached,
        Self::AccountErasure,
        Self::AppChanged,
    ];

    /// The name in the API, like `sign_in`.
    pub fn name(self) -> String {
        self.message().replace('-', "_")
    }

    fn message(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::AccountExists => "account-exists",
            Self::PasswordReset => "password-reset",
            Self::NewAddress => "new-address",
            Self::PasswordChanged => "password-changed",
            Self::AddressChanged => "address-changed",
            Self::SecondFactorAdded => "second-factor-added",
            Self::SecondFactorRemoved => "second-factor-removed",
            Self::PasskeyAdded => "passkey-added",
            Self::PhoneDetached => "phone-detached",
            Self::AccountErasure => "account-erasure",
            Self::AppChanged => "app-changed",
        }
    }
}

/// The sentence that carries the link to stop texts.
const STOP_TEXTS: &str = "stop-texts";
/// The words of a call.
const SPOKEN_CODE: &str = "spoken-code";

/// A message that is not yet put into a language.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The subject.
    pub subject: Subject,
    /// The app that sends it.
    pub sender: &'a Sender,
    /// The channel that the person has chosen, if they have.
    pub channel: Option<Channel>,
    /// The code that it carries; empty if there is none.
    pub code: &'a str,
    /// Minutes that the code is valid.
    pub valid_minutes: u64,
    /// The link that it carries. Only e-mails have one.
    pub link: Option<&'a str>,
    /// The link that stops messages to the address.
    pub stop_link: Option<&'a str>,
    /// The link that undoes the change that a notice is about.
    pub undo_link: Option<&'a str>,
    /// The day on which an account is erased (ISO 8601, UTC).
    pub erased_on: Option<&'a str>,
}

impl Content<'_> {
    /// The text message. A sign-in uses the sender's own text, if there is one. It is sent
    /// unchanged, since it may be registered with a carrier. Every other message uses the built-in
    /// text in `language`, followed by the link to stop texts, if there is one.
    ///
    /// If the sender has a host and there is a code, the message ends with the line that lets
    /// browsers and phones fill the code in, on that host only (WICG, Origin-bound one-time codes
    /// delivered via SMS). All values are put on one line, so that a name cannot forge that last
    /// line.
    ///
    /// # Errors
    /// [`Error::Internal`] as [`wording()`].
    pub fn text(&self, language: Language) -> Result<String, Error> {
        let has_code = !self.code.is_empty();
        let text = match self.sender.sms_text.as_deref().filter(|_| self.subject == Subject::SignIn)
        {
            Some(own) => one_line(&own.replace(CODE_PLACEHOLDER, self.code)),
            None if self.stop_link.is_some() => {
                format!(
                    "{} {}",
                    self.format(language, None)?,
                    self.message(STOP_TEXTS, language, None)?
                )
            }
            None => self.format(language, None)?,
        };

        Ok(match self.sender.web_otp_host.as_deref().filter(|_| has_code) {
            Some(host) => format!("{text}\n\n@{host} #{}", self.code),
            None => text,
        })
    }

    /// The words of a call that reads the code aloud, twice and digit by digit.
    ///
    /// # Errors
    /// [`Error::Internal`] as [`wording()`].
    pub fn spoken(&self, language: Language) -> Result<String, Error> {
        let digits = self.code.chars().map(String::from).collect::<Vec<_>>().join(", ");
        Content { code: &digits, ..*self }.message(SPOKEN_CODE, language, None)
    }

    /// The words of the subject's message, or of an `attribute` of it.
    pub(super) fn format(
        &self,
        language: Language,
        attribute: Option<&str>,
    ) -> Result<String, Error> {
        self.message(self.subject.message(), language, attribute)
    }

    pub(super) fn message(
        &self,
        name: &str,
        language: Language,
        attribute: Option<&str>,
    ) -> Result<String, Error> {
        let values = [
            ("code", &*one_line(self.code)),
            ("app", &one_line(&self.sender.app_name)),
            ("minutes", &self.valid_minutes.to_string()),
            ("link", self.stop_link.unwrap_or_default()),
            ("undo", self.undo_link.unwrap_or_default()),
            ("date", self.erased_on.unwrap_or_default()),
        ];
        wording(language, name, attribute, &values)
    }
}

/// The text on one line: line breaks, control characters and marks that change the direction of
/// writing become spaces.
pub(super) fn one_line(text: &str) -> String {
    let changes_line_or_direction = |c: char| {
        matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_control() || changes_line_or_direction(c) { ' ' } else { c })
        .collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` with the characters escaped that HTML treats specially.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spending::GSM_7;

    const HOST: &str = "sign-in.shop.example.com";

    fn sender(app_name: &str, host: Option<&str>) -> Sender {
        Sender {
            app_name: app_name.to_owned(),
            sms_text: None,
            web_otp_host: host.map(str::to_owned),
            budget: None,
            mails: None,
            text_senders: None,
        }
    }

    fn content(subject: Subject, sender: &Sender) -> Content<'_> {
        Content {
            subject,
            sender,
            channel: None,
            code: "0123456789",
            valid_minutes: 10,
            link: None,
            stop_link: None,
            undo_link: None,
            erased_on: None,
        }
    }

    fn text(language: Language, app_name: &str) -> String {
        content(Subject::SignIn, &sender(app_name, Some(HOST))).text(language).unwrap()
    }

    #[test]
    fn an_app_s_own_text_replaces_the_built_in_one_for_sign_ins() {
        let own =
            Sender { sms_text: Some("Use {code} at Shop".into()), ..sender("Shop", Some(HOST)) };
        let text = content(Subject::SignIn, &own).text(Language::Spanish).unwrap();
        assert_eq!(text, format!("Use 0123456789 at Shop\n\n@{HOST} #0123456789"));
        for subject in Subject::ALL.into_iter().filter(|subject| *subject != Subject::SignIn) {
            assert!(
                !content(subject, &own).text(Language::English).unwrap().contains("Use 0123456789")
            );
        }
    }

    #[test]
    fn every_language_has_every_message() {
        for language in Language::ALL {
            for subject in Subject::ALL {
                let sender = sender("Shop", None);
                let content = content(subject, &sender);
                assert!(!content.text(language).unwrap().is_empty());
            }
        }
    }

    #[test]
    fn codes_fit_one_segment_where_the_alphabet_allows() {
        for subject in
            [Subject::SignIn, Subject::AccountExists, Subject::PasswordReset, Subject::NewAddress]
        {
            for language in Language::ALL {
                let longest =
                    content(subject, &sender("A shop with thirty characters!", Some(HOST)))
                        .text(language)
                        .unwrap();
                if matches!(language, Language::English | Language::Spanish) {
                    assert!(longest.chars().all(|c| GSM_7.contains(c)), "{longest}");
                    assert!(
                        longest.chars().count() <= 160,
                        "{subject:?} {language:?}: {}",
                        longest.chars().count()
                    );
                } else {
                    // Two segments of UCS-2. The origin line and the name take most of them.
                    assert!(
                        longest.encode_utf16().count() <= 134,
                        "{subject:?} {language:?}: {longest}"
                    );
                }
            }
        }
        for language in [Language::Hindi, Language::Arabic] {
            let sender = sender("Latchkey", None);
            let everyday =
                Content { code: "123456", valid_minutes: 5, ..content(Subject::SignIn, &sender) };
            assert!(everyday.text(language).unwrap().encode_utf16().count() <= 70);
        }
    }

    #[test]
    fn the_link_to_stop_texts_comes_before_the_last_line() {
        let link = "https://id.example.com/stop/AAAAAAAAAAAAAAAAAAAAAA";
        let text = |sender: &Sender, language| {
            let content = content(Subject::SignIn, sender);
            Content { code: "123456", valid_minutes: 5, stop_link: Some(link), ..content }
                .text(language)
                .unwrap()
        };
        for language in Language::ALL {
            let unbound = text(&sender("Latchkey", None), language);
            assert!(unbound.ends_with(link) && unbound.lines().count() == 1, "{unbound}");
            if matches!(language, Language::English | Language::Spanish) {
                assert_eq!(
                    crate::spending::segments(&unbound),
                    1,
                    "with a host of 14 characters: {unbound}"
                );
            }
            let bound = text(&sender("Latchkey", Some("id.example.com")), language);
            assert_eq!(bound, format!("{unbound}\n\n@id.example.com #123456"));
            let own = Sender { sms_text: Some("Use {code}".into()), ..sender("Latchkey", None) };
            assert_eq!(text(&own, language), "Use 123456", "own texts may be registered");
        }
    }

    #[test]
    fn a_call_reads_each_digit_twice() {
        for language in Language::ALL {
            let sender = sender("Shop", None);
            let content = Content { code: "1203", ..content(Subject::SignIn, &sender) };
            let spoken = content.spoken(language).unwrap();
            assert_eq!(spoken.matches("1, 2, 0, 3").count(), 2, "{spoken}");
        }
    }

    #[test]
    fn the_last_line_binds_the_code_to_its_host() {
        for language in Language::ALL {
            let text = text(language, "Shop");
            assert_eq!(text.lines().last(), Some("@sign-in.shop.example.com #0123456789"));
            assert!(text.contains("0123456789") && text.contains("Shop") && text.contains("10"));
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        for newline in ["\n", "\r\n", "\u{2028}", "\u{85}", "\u{b}", "\n\u{202e}"] {
            let text = text(Language::English, &format!("Shop{newline}@evil.example #666666"));
            assert_eq!(text.lines().count(), 3, "{text:?}");
            assert!(!text.lines().any(|line| line.starts_with("@evil")), "{text:?}");
        }
    }
}
