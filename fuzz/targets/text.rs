//! The small texts of requests: codes, names, e-mail addresses, usernames, languages, origins and
//! entity tags. An accepted text has one form, which stays the same when it is read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::{
    base::{EntityTags, host, page_origin, plain_code},
    challenges::OneTimeCode,
    identifiers::{Email, Username, parse_name},
    messages::parse_locale,
    second_factors::RecoveryCode,
};

fuzz_target!(|input: &str| {
    codes(input);
    stable(input, |text| parse_name(text).ok());
    stable(input, |text| Some(Email::parse(text).ok()?.as_str().to_owned()));
    stable(input, |text| Some(Username::parse(text).ok()?.as_str().to_owned()));
    stable(input, parse_locale);
    stable(input, page_origin);
    origin(input);
    entity_tags(input);
});

/// Reads a text, and what became of it again.
fn stable(input: &str, read: impl Fn(&str) -> Option<String>) {
    if let Some(kept) = read(input) {
        assert_eq!(read(&kept).as_ref(), Some(&kept), "{input:?}");
        assert!(!kept.chars().any(char::is_control) && kept.trim() == kept, "{kept:?}");
    }
}

fn codes(input: &str) {
    let plain = plain_code(input);
    assert_eq!(plain_code(&plain), plain, "{input:?}");
    if let Some(code) = OneTimeCode::parse(input) {
        assert!(code.as_str() == plain && (6..=10).contains(&plain.len()), "{plain:?}");
        assert!(plain.bytes().all(|byte| byte.is_ascii_digit()), "{plain:?}");
    }
    if let Some(code) = RecoveryCode::parse(input) {
        let shown = code.shown();
        assert!(shown.is_ascii() && shown.len() == 19, "{input:?} is shown as {shown:?}");
        let again = RecoveryCode::parse(&shown).map(|code| code.shown());
        assert_eq!(again, Some(shown), "{input:?}");
    }
}

fn origin(input: &str) {
    let Some(origin) = page_origin(input) else { return };
    let name = host(&origin).unwrap_or_default();
    assert!(origin.is_ascii() && !name.is_empty(), "{input:?} became {origin:?}");
    assert!(!origin.contains(['@', '?', '#', '*', ',', '\\']), "{input:?} became {origin:?}");
}

fn entity_tags(input: &str) {
    let current = "\"1a2b\"";
    let Some(tags) = EntityTags::parse(input) else { return };
    // A strong tag that is the same is the same weakly, too.
    assert!(!tags.matches_strongly(current) || tags.matches_weakly(current), "{input:?}");
    assert!(!tags.matches_weakly(current) || input.trim() == "*" || input.contains(current));
}
