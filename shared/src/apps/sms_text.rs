//! An app's own text for messages with a sign-in code.

use std::net::Ipv6Addr;

use crate::base::Error;

/// The maximum length of an app's own text, in characters. With the code and the origin line it
/// fits into two segments.
const MAX_CHARS: usize = 160;
/// The placeholder of the code in an app's own text.
pub const CODE_PLACEHOLDER: &str = "{code}";

/// Reads an app's own text: one line of up to 160 characters that contains [`CODE_PLACEHOLDER`]
/// once, without links and hosts, not even the app's own. Otherwise a person who
/// may change a text could lead everybody who signs in to another page.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub(super) fn parse(input: String) -> Result<String, Error> {
    let refuse = |message: String| Err(Error::field("sms_text", message));
    if input.matches(CODE_PLACEHOLDER).count() != 1 {
        return refuse(format!("must contain {CODE_PLACEHOLDER} exactly once"));
    }
    if input.chars().count() > MAX_CHARS
        || input.chars().any(char::is_control)
        || input.trim() != input
    {
        return refuse(format!(
            "must be one line of up to {MAX_CHARS} characters, without spaces around it"
        ));
    }
    // Phones also make a link of a code that stands beside a domain.
    if leads_elsewhere(&input.replace(CODE_PLACEHOLDER, "000000")) {
        return refuse(
            "must not contain a link, a host name, an IP address or @ before a letter or digit; \
             put a space after a full stop"
                .to_owned(),
        );
    }
    Ok(input)
}

/// Whether a text has a link or a host: `://`, `www.`, an `@` before a letter or digit, an IP
/// address, or a word like `shop.example`, whose last label has two letters or more. So `e.g.`,
/// `5 min.`, `No.1` and `4.50` are none.
pub fn leads_elsewhere(text: &str) -> bool {
    let lower = text.to_lowercase();
    let after_at = lower.split('@').skip(1);
    lower.contains("://")
        || lower.contains("www.")
        || after_at.clone().any(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        || lower.split(|c: char| !c.is_alphanumeric() && !".-".contains(c)).any(is_host)
        || lower.split(|c: char| !c.is_ascii_hexdigit() && !":.".contains(c)).any(is_ipv6)
}

fn is_host(word: &str) -> bool {
    let labels: Vec<_> = word.trim_matches(['.', '-']).split('.').collect();
    let [_, .., last] = labels.as_slice() else { return false };
    if labels.iter().any(|label| label.is_empty()) {
        return false;
    }
    let is_top_level = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic)
        || last.starts_with("xn--");
    let is_ipv4 = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    is_top_level || is_ipv4
}

fn is_ipv6(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    word.bytes().any(|byte| byte.is_ascii_hexdigit()) && word.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        parse(text.to_owned()).is_ok()
    }

    #[test]
    fn a_text_has_no_link_and_no_host() {
        for text in [
            "{code} https://shop.example",
            "{code} HTTP://SHOP",
            "{code} app://open",
            "{code} www.shop",
            "{code}: sign in at evil.example",
            "Sign in at Shop.Example.Com: {code}",
            "{code} at shop.example/login?x=1",
            "{code} (shop.example)",
            "{code} shop.example.",
            "{code} bit.ly",
            "{code} müller.de",
            "{code} пример.рф",
            "{code} shop.xn--p1ai",
            "{code} 192.0.2.1",
            "{code} 192.0.2.1:8080/a",
            "{code} [2001:db8::1]",
            "{code} ann@example.com",
            "{code} is yours.\u{a0}@evil",
            "@evil #{code}",
            "{code} @[2001:db8::1]",
            "shop{code}.com",
            "{code}.shop",
            "{code}.Do not share it",
        ] {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn ordinary_sentences_are_accepted() {
        for text in [
            "{code} is your Shop code.",
            "{code} is your code, e.g. for the till. Valid for 5 min. Tell nobody.",
            "No.1 shop in town: {code}",
            "Code: {code}. Price 4.50 or 1.000,00.",
            "It is 12:30: {code}",
            "{code} is your Shop code. FA+9qCX9VSu",
            "Shop: {code} :: tell nobody...",
            "Tu código es {code}. No lo compartas.",
            "رمزك هو {code}. لا تشاركه.",
            "验证码{code}。请勿泄露。",
            "{code} @ Shop",
            "a.m. or p.m.: {code}",
            "{code}",
        ] {
            assert!(accepts(text), "{text}");
        }
    }

    #[test]
    fn a_text_is_one_line_with_the_code_once() {
        for text in ["", "no code", "{code}{code}", " {code}", "{code}\n", "{CODE}"] {
            assert!(!accepts(text), "{text:?}");
        }
        assert!(accepts(&format!("{CODE_PLACEHOLDER}{}", "é".repeat(154))));
        assert!(!accepts(&format!("{CODE_PLACEHOLDER}{}", "é".repeat(155))));
    }
}
