//! The placeholders of templates, and which e-mail has which.

use super::Subject;
use crate::base::Error;

/// The longest name of a placeholder that a refusal repeats.
const MAX_NAMED: usize = 20;

/// A value that is filled in when an e-mail is sent. It is written `{code}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The code.
    Code,
    /// The minutes that the code is valid.
    Minutes,
    /// The name of the app.
    App,
    /// The link that sets a new password, or that undoes a change.
    Link,
    /// The day on which the account is erased, like 2027-01-15.
    Date,
}

use Placeholder::{App, Code, Date, Link, Minutes};

impl Placeholder {
    /// The placeholder with this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        [Code, Minutes, App, Link, Date].into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Code => "code",
            Minutes => "minutes",
            App => "app",
            Link => "link",
            Date => "date",
        }
    }
}

impl std::fmt::Display for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

/// The placeholders that an e-mail may have, and those that it must have. Nothing is required of one
/// that cannot have a template: administrators learn by [`Subject::AppChanged`] that a template was
/// changed, so no template may change that.
pub(super) fn of(subject: Subject) -> (&'static [Placeholder], &'static [Placeholder]) {
    match subject {
        Subject::SignIn | Subject::AccountExists | Subject::NewAddress => {
            (&[Code, Minutes, App], &[Code])
        }
        // The link is there only if the deployment has a page for it.
        Subject::PasswordReset => (&[Code, Minutes, Link, App], &[Code]),
        Subject::AccountErasure => (&[Link, Date, App], &[Link]),
        Subject::PasswordChanged
        | Subject::AddressChanged
        | Subject::SecondFactorAdded
        | Subject::SecondFactorRemoved
        | Subject::PasskeyAdded
        | Subject::PhoneDetached => (&[Link, App], &[Link]),
        Subject::AppChanged => (&[], &[]),
    }
}

/// `text` with each placeholder replaced by what `show` makes of it; anything else stays. Values are
/// never searched for placeholders. `None` if `show` has no value.
pub(super) fn fill(text: &str, show: impl Fn(Placeholder) -> Option<String>) -> Option<String> {
    let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let placeholder =
            after.split_once('}').and_then(|(name, end)| Some((Placeholder::of(name)?, end)));
        rest = match placeholder {
            Some((placeholder, end)) => {
                filled.push_str(&show(placeholder)?);
                end
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    Some(filled)
}

/// The placeholders in `text`. Every brace must belong to an accepted one, so that a misspelt
/// placeholder is found before it is sent.
///
/// # Errors
/// [`Error::InvalidRequest`] for `field`, with the placeholder if it looks like one.
pub(super) fn read(
    field: &str,
    text: &str,
    accepted: &[Placeholder],
) -> Result<Vec<Placeholder>, Error> {
    let refused = |what: String| {
        let names: Vec<_> = accepted.iter().map(Placeholder::to_string).collect();
        Err(Error::field(field, format!("{what}; accepted are {}", names.join(", "))))
    };

    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let after = rest.get(at + 1..).unwrap_or_default();
        let name = after.split_once('}').filter(|_| rest.get(at..=at) == Some("{"));
        let Some((name, end)) = name else {
            return refused("has a brace that belongs to no placeholder".to_owned());
        };
        match Placeholder::of(name).filter(|it| accepted.contains(it)) {
            Some(placeholder) => found.push(placeholder),
            None if is_name(name) => {
                return refused(format!("has {{{name}}}, which this e-mail does not have"));
            }
            None => return refused("has a brace that belongs to no placeholder".to_owned()),
        }
        rest = end;
    }
    Ok(found)
}

/// Whether `text` looks like the name of a placeholder.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAMED).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `css` has something that would be filled in.
pub(super) fn has_any(css: &str) -> bool {
    fill(css, |_| None).is_none()
}
