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
    /// Parses what a person or an app sent. Spaces around it do not count, and a domain in another
    /// script becomes its ASCII form (`xn--…`, UTS #46).
    ///
    /// # Errors
    /// [`Error::InvalidEmail`] with the reason if it is not an address, and for forms that mail
    /// servers allow but people do not have: quoted names, comments, IP addresses, hosts without a
    /// dot.
    pub fn parse(input: &str) -> Result<Self, Error> {
        let address = input.trim();
        if let Some(reason) = fault(address) {
            return Err(Error::InvalidEmail(reason));
        }
        let (name, domain) = address.rsplit_once('@').unwrap_or_default();
        let domain = idna::domain_to_ascii(domain).map_err(|_| Error::InvalidEmail(DOMAIN))?;

        let ascii = format!("{name}@{domain}").to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-@".contains(c);
        let is_address = EmailAddress::from_str(&ascii).is_ok() && ascii.chars().all(plain);
        match () {
            () if ascii.len() > MAX_CHARS => Err(Error::InvalidEmail(LENGTH)),
            () if !is_address || !is_reachable(&domain) => Err(Error::InvalidEmail(FORM)),
            () => Ok(Self(ascii)),
        }
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

const EMPTY: &str = "is empty: send one like ann@example.com";
const NO_AT: &str = "needs one @, like ann@example.com";
const SPACE: &str = "has a space in it: leave it out. In a query and a form, + must be sent as %2B";
const NAME: &str = "must have ASCII letters, digits and marks before its @, like ann@example.com";
const DOTS: &str = "has a dot at an end of the name before its @, or two dots in a row";
const DOMAIN: &str = "must have a domain after its @, like ann@example.com";
const LENGTH: &str = "must have at most 254 characters, and 64 before its @";
const FORM: &str = "is not valid: send one like ann@example.com";

/// The fault of an address that nobody can have.
fn fault(address: &str) -> Option<&'static str> {
    let Some((name, domain)) = address.rsplit_once('@') else {
        return Some(if address.is_empty() { EMPTY } else { NO_AT });
    };
    match () {
        () if address.contains(char::is_whitespace) => Some(SPACE),
        () if name.contains('@') => Some(NO_AT),
        () if !name.is_ascii() => Some(NAME),
        () if name.starts_with('.') || name.ends_with('.') || name.contains("..") => Some(DOTS),
        () if address.len() > 4 * MAX_CHARS || name.len() > 64 => Some(LENGTH),
        () if domain.is_empty() => Some(DOMAIN),
        () => None,
    }
}

/// Whether mail can reach a domain: it has a dot, and is no IP address, whose last label is a number
/// (RFC 3696 §2).
fn is_reachable(domain: &str) -> bool {
    domain.rsplit_once('.').is_some_and(|(_, last)| !last.bytes().all(|byte| byte.is_ascii_digit()))
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
            "ann@exa mple.com",
            "ann@192.0.2.1",
            "ann@example.123",
            "ann@xn--a",
            "ann@\u{200b}.com",
            "Ann <ann@example.com>",
            "ann@@example.com",
            "ann@example..com",
            ".ann@example.com",
            "ann@-example.com",
        ] {
            assert!(matches!(Email::parse(input), Err(Error::InvalidEmail(_))), "{input:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn spaces_around_an_address_do_not_count_and_domains_become_ascii() {
        for (input, canonical) in [
            (" ann@example.com\n", "ann@example.com"),
            ("ann@example.com\u{a0}", "ann@example.com"),
            ("Ann@Ex\u{e4}mple.com", "ann@xn--exmple-cua.com"),
            ("ann@xn--exmple-cua.com", "ann@xn--exmple-cua.com"),
            ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
            ("ann@example。com", "ann@example.com"),
        ] {
            assert_eq!(Email::parse(input).unwrap().as_str(), canonical, "{input:?}");
        }
    }

    #[test]
    fn every_refusal_says_why() {
        for (input, reason) in [
            ("", EMPTY),
            ("ann", NO_AT),
            ("ann@@example.com", NO_AT),
            ("ann shop@example.com", SPACE),
            ("änn@example.com", NAME),
            ("a..b@docomo.ne.jp", DOTS),
            ("ann.@example.com", DOTS),
            ("ann@", DOMAIN),
            ("ann@192.0.2.1", FORM),
            ("ann@localhost", FORM),
            (&format!("{}@example.com", "a".repeat(65)), LENGTH),
        ] {
            assert_eq!(Email::parse(input), Err(Error::InvalidEmail(reason)), "{input:?}");
        }
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
