//! How people say who they are: what an app takes, and the words and the field for that.

use shared::apps::{App, SignInMethod};

use super::{Text, Visit};

/// The kinds of name that the first step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// Either of them.
    PhoneOrEmail,
    /// A phone number or a username, in a deployment that sends no e-mails.
    PhoneOrUsername,
    /// Any of the three.
    Any,
}

/// The attributes of every field for it. All three are read from left to right.
macro_rules! attributes {
    ($own:literal) => {
        concat!($own, " dir=\"ltr\" maxlength=\"254\"")
    };
}

impl Takes {
    /// The label of the field.
    pub(super) fn label(self) -> Text {
        match self {
            Self::Phone => Text::Phone,
            Self::Email => Text::Email,
            Self::PhoneOrEmail => Text::PhoneOrEmail,
            Self::PhoneOrUsername => Text::PhoneOrUsername,
            Self::Any => Text::Identifier,
        }
    }

    /// The advice if the field has something else.
    pub(crate) fn refusal(self) -> Text {
        match self {
            Self::Phone => Text::BadPhone,
            Self::Email => Text::BadEmail,
            Self::PhoneOrEmail => Text::BadPhoneOrEmail,
            Self::PhoneOrUsername => Text::BadPhoneOrUsername,
            Self::Any => Text::BadIdentifier,
        }
    }

    /// The button that leads back to the field.
    pub(super) fn another(self) -> Text {
        match self {
            Self::Phone => Text::UseAnotherNumber,
            Self::Email => Text::UseAnotherEmail,
            Self::PhoneOrEmail | Self::PhoneOrUsername | Self::Any => Text::UseAnother,
        }
    }

    /// The attributes of the field. If it takes one kind of address only, phones show the keyboard for
    /// it.
    pub(super) fn attributes(self) -> &'static str {
        match self {
            Self::Phone => attributes!("type=\"tel\" autocomplete=\"tel\""),
            Self::Email => attributes!("type=\"email\" autocomplete=\"email\""),
            Self::PhoneOrEmail | Self::PhoneOrUsername | Self::Any => attributes!(
                "autocomplete=\"username webauthn\" autocapitalize=\"none\" spellcheck=\"false\""
            ),
        }
    }
}

impl Visit {
    /// Whether the page of an app takes this way to sign in. Without an app, it takes what the deployment
    /// does.
    pub(crate) fn offers(&self, app: Option<&App>, method: SignInMethod) -> bool {
        let sends_emails = self.latchkey.settings().messages.email_from.is_some();
        (method != SignInMethod::EmailCode || sends_emails)
            && app.is_none_or(|app| app.branding.offers(method))
    }

    /// The kinds of name that the first step takes. A password belongs to any name of its user.
    pub(crate) fn takes(&self, app: Option<&App>) -> Takes {
        let offers = |method| self.offers(app, method);
        let sends_emails = self.offers(None, SignInMethod::EmailCode);
        if offers(SignInMethod::Password) {
            return if sends_emails { Takes::Any } else { Takes::PhoneOrUsername };
        }
        match (offers(SignInMethod::PhoneCode), offers(SignInMethod::EmailCode)) {
            (_, false) => Takes::Phone,
            (false, true) => Takes::Email,
            (true, true) => Takes::PhoneOrEmail,
        }
    }

    /// Whether the page sends a code to somebody who has typed this identifier.
    pub(super) fn offers_code_to(&self, app: Option<&App>, identifier: &str) -> bool {
        if identifier.contains('@') {
            return self.offers(app, SignInMethod::EmailCode);
        }
        let is_username = identifier.starts_with(|first: char| first.is_ascii_alphabetic());
        !is_username && self.offers(app, SignInMethod::PhoneCode)
    }
}
