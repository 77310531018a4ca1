//! Why a phone number is refused, and what is accepted instead.

const EMPTY: &str = "is empty: send a mobile number, like +14155550123";
const PLUS_AS_SPACE: &str =
    "begins with a space instead of +: in a query and a form, + must be sent as %2B";
const NO_PLUS: &str = "needs + and its country code before it, like +14155550123";
const NOT_DIGITS: &str = "must have digits alone after the +, without spaces, brackets and dashes, like \
                          +14155550123";
const NOT_NATIONAL: &str = "must have digits alone, without spaces, brackets and dashes, like 4155550123 or \
                            +14155550123";
const OTHER_DIGITS: &str = "must be written with the digits 0 to 9, like +14155550123";
const INVISIBLE: &str =
    "has a character that cannot be seen, as copied numbers do: leave it out, like +14155550123";
const EXTENSION: &str = "has letters or an extension: leave them out, like +14155550123";
const LENGTH: &str = "must have 7 to 15 digits after the +, like +14155550123";
const NATIONAL_LENGTH: &str = "must have 3 to 15 digits, like 4155550123 or +14155550123";
const ZERO_FIRST: &str = "has a 0 after the +: begin with the country code, like +14155550123";
const TRUNK_ZERO: &str = "has a 0 after its country code: leave the 0 out";
const MEXICO: &str = "has a 1 after +52, which is no longer dialled: leave the 1 out";
const ARGENTINA: &str = "needs a 9 after +54, as mobile numbers of Argentina have it";
/// The number cannot be assigned to anybody.
pub(super) const NOT_IN_USE: &str =
    "is no number that is in use in its country: check its digits, or send another";
/// The first digits are no country calling code.
pub(super) const NO_COUNTRY_CODE: &str =
    "begins with no country code that is in use: send one like +14155550123";
/// The number exists, but not for texts.
pub(super) const NO_TEXTS: &str = "is of a kind that gets no texts: send a mobile number";

/// The fault of a text that has not the form of a number. `is_national` is whether the numbers of a
/// default region are understood without their country code.
pub(super) fn of_form(input: &str, is_national: bool) -> &'static str {
    let text = input.trim();
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(digits) = text.strip_prefix('+') else {
        return match text {
            "" => EMPTY,
            _ if text.contains(is_invisible) => INVISIBLE,
            _ if text.contains(is_letter_or_separator) => EXTENSION,
            _ if input.starts_with(' ') && is_digits(text) => PLUS_AS_SPACE,
            _ if text.contains(is_other_digit) => OTHER_DIGITS,
            _ if is_national && !is_digits(text) => NOT_NATIONAL,
            _ if is_national => NATIONAL_LENGTH,
            _ => NO_PLUS,
        };
    };

    match digits {
        _ if digits.contains(is_invisible) => INVISIBLE,
        _ if digits.contains(is_letter_or_separator) => EXTENSION,
        _ if digits.contains(is_other_digit) => OTHER_DIGITS,
        _ if !is_digits(digits) => NOT_DIGITS,
        _ if digits.starts_with('0') => ZERO_FIRST,
        _ => LENGTH,
    }
}

/// The fault of digits after a calling code, if a change makes a number that is accepted.
pub(super) fn of_digits(
    number: &str,
    code: &str,
    accepts: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let rest = number.get(1 + code.len()..)?;
    if let Some(rest) = rest.strip_prefix('0') {
        return accepts(&format!("+{code}{rest}")).then_some(TRUNK_ZERO);
    }
    match code {
        "52" => {
            rest.strip_prefix('1').filter(|rest| accepts(&format!("+52{rest}"))).map(|_| MEXICO)
        }
        "54" => accepts(&format!("+549{rest}")).then_some(ARGENTINA),
        _ => None,
    }
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a character stands before an extension, or for a digit of a word.
fn is_letter_or_separator(c: char) -> bool {
    c.is_alphabetic() || matches!(c, ';' | ',' | '#' | '*' | '=')
}

/// Whether a character is a digit or a plus of another script.
fn is_other_digit(c: char) -> bool {
    !c.is_ascii() && (c.is_numeric() || c == '\u{ff0b}')
}

#[cfg(test)]
mod tests {
    use crate::{
        base::Error,
        identifiers::{AllowedCountries, PhoneNumber},
    };

    use super::*;

    #[test]
    fn every_refusal_says_why() {
        for (input, reason) in [
            ("", EMPTY),
            ("  ", EMPTY),
            (" 14155550123", PLUS_AS_SPACE),
            ("4155550123", NO_PLUS),
            ("(415) 555-0123", NO_PLUS),
            ("0049151234567", NO_PLUS),
            ("+1 415 555 0123", NOT_DIGITS),
            ("+44(0)7400123456", NOT_DIGITS),
            ("++14155550123", NOT_DIGITS),
            ("+", LENGTH),
            ("+1415", LENGTH),
            ("+1415555012345678", LENGTH),
            ("+004915112345678", ZERO_FIRST),
            ("+491511234567 x8", EXTENSION),
            ("+14155550123;ext=5", EXTENSION),
            ("tel:+14155550123", EXTENSION),
            ("+1415555CALL", EXTENSION),
            ("+14155550123,5", EXTENSION),
            ("\u{202a}+14155550123\u{202c}", INVISIBLE),
            ("+1415555\u{200b}0123", INVISIBLE),
            ("\u{feff}+14155550123", INVISIBLE),
            ("\u{ff0b}14155550123", OTHER_DIGITS),
            ("+\u{661}4155550123", OTHER_DIGITS),
            ("+4407400123456", TRUNK_ZERO),
            ("+390612345678", NO_TEXTS),
            ("+5215512345678", MEXICO),
            ("+541123456789", ARGENTINA),
            ("+999123456789", NO_COUNTRY_CODE),
            ("+14155550", NOT_IN_USE),
            ("+442079460000", NO_TEXTS),
            ("+19005551234", NO_TEXTS),
            ("+18005550123", NO_TEXTS),
            ("+447012345678", NO_TEXTS),
        ] {
            let refused = PhoneNumber::parse(input, None, &AllowedCountries::All);
            assert_eq!(refused, Err(Error::InvalidPhone(reason)), "{input:?}");
        }
    }
    #[test]
    fn marks_are_the_fault_if_national_numbers_are_understood() {
        let region = crate::identifiers::phone::country("US");
        for (input, reason) in [
            ("415-555-0123", NOT_NATIONAL),
            ("(415) 555-0123", NOT_NATIONAL),
            ("415 555 0123", NOT_NATIONAL),
            ("41", NATIONAL_LENGTH),
            ("4155550123456789", NATIONAL_LENGTH),
            ("+1 415 555 0123", NOT_DIGITS),
            ("415 555 CALL", EXTENSION),
            ("", EMPTY),
        ] {
            let refused = PhoneNumber::parse(input, region, &AllowedCountries::All);
            assert_eq!(refused, Err(Error::InvalidPhone(reason)), "{input:?}");
        }
    }
}
