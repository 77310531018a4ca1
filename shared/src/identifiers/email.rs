//! E-mail addresses: canonical, or refused.

use std::{fmt, str::FromStr};

use email_address::EmailAddress;
use serde::{Deserialize, Serialize};

use crate::base::Error;

/// The longest address (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_CHARS: usize = 254;

/// An e-mail address in its one canonical form: lower case, ASCII, `name@example.com`.
///
/// Its `Debug` shows only [`Email::masked`], so a whole address never reaches a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Parses what a person or an app sent.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`] if it is not an address, and for forms that mail servers allow but
    /// people do not have: quoted names, comments, IP literals, hosts without a dot.
    pub fn parse(input: &str) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-@".contains(c);
        let host = input.rsplit_once('@').map(|(_, host)| host).unwrap_or_default();
        let fits = input.len() <= MAX_CHARS && input.chars().all(plain) && host.contains('.');
        if !fits || EmailAddress::from_str(input).is_err() {
            return Err(Error::InvalidEmail);
        }
        Ok(Self(input.to_ascii_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }

    /// The domain after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The mailbox that the address leads to, as far as a sender can know: without a sub-address
    /// (RFC 5233: what follows a `+`), and for Gmail without the dots of the name.
    pub fn mailbox(&self) -> String {
        let (name, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let plain = name.split('+').next().filter(|plain| !plain.is_empty()).unwrap_or(name);
        match domain {
            "gmail.com" | "googlemail.com" => {
                format!("{}@gmail.com", plain.replace('.', ""))
            }
            _ => format!("{plain}@{domain}"),
        }
    }

    /// The address as others may see it: `a•••@example.com`.
    pub fn masked(&self) -> String {
        let (name, host) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        format!("{}•••@{host}", name.chars().next().unwrap_or_default())
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_canonical_or_refused() {
        assert_eq!(
            Email::parse("Ann.Lee+shop@Example.COM").unwrap().as_str(),
            "ann.lee+shop@example.com"
        );
        assert_eq!(Email::parse("ann@example.com").unwrap().masked(), "a•••@example.com");
        for input in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "ann@[192.0.2.1]",
            "\"ann\"@example.com",
            "a b@example.com",
            "ann@example.com\n",
            "ann@exa mple.com",
            "ann@ex\u{e4}mple.com",
            "Ann <ann@example.com>",
            "ann@@example.com",
            "ann@example..com",
            ".ann@example.com",
            "ann@-example.com",
        ] {
            assert_eq!(Email::parse(input), Err(Error::InvalidEmail), "{input:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_total_and_idempotent(input in "\\PC{0,20}@\\PC{0,20}") {
            if let Ok(email) = Email::parse(&input) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }

    #[test]
    fn sub_addresses_lead_to_one_mailbox() {
        for (address, mailbox) in [
            ("ann@example.com", "ann@example.com"),
            ("Ann+shop@example.com", "ann@example.com"),
            ("+1@example.com", "+1@example.com"),
            ("a.nn@example.com", "a.nn@example.com"),
            ("a.n.n+x+y@gmail.com", "ann@gmail.com"),
            ("a.nn@googlemail.com", "ann@gmail.com"),
        ] {
            assert_eq!(Email::parse(address).unwrap().mailbox(), mailbox);
        }
    }
}
