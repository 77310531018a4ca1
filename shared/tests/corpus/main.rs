//! The inputs of public reports in `corpus/`, as the service reads them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod countries;

use serde::Deserialize;
use shared::{
    base::{EntityTags, Error, page_origin, plain_code},
    identifiers::{AllowedCountries, Email, PhoneNumber, parse_name},
    messages::parse_locale,
    second_factors::RecoveryCode,
};

#[derive(Deserialize)]
struct Line {
    input: String,
    accepted: Option<String>,
    why: Option<String>,
}

/// Reads all lines of a file as `read` does, which gives the reason of a refusal.
#[track_caller]
fn run(file: &str, read: impl Fn(&str) -> Result<String, String>) {
    let lines: Vec<Line> = serde_json::from_str(file).unwrap();
    assert!(!lines.is_empty());
    for Line { input, accepted, why } in lines {
        match read(&input) {
            Ok(kept) => assert_eq!(Some(kept), accepted, "{input:?}"),
            Err(reason) => {
                assert_eq!(accepted, None, "{input:?}: {reason}");
                assert!(reason.contains(&why.unwrap_or_default()), "{input:?}: {reason}");
            }
        }
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::InvalidPhone(reason) | Error::InvalidEmail(reason) => reason.to_owned(),
        Error::InvalidRequest(errors) => errors[0].message.clone(),
        other => panic!("{other:?}"),
    }
}

fn refused<T>(read: Option<T>) -> Result<T, String> {
    read.ok_or_else(String::new)
}

#[test]
fn phones_are_canonical_or_refused_with_the_reason() {
    run(include_str!("../../../corpus/phones.json"), |input| {
        let phone = PhoneNumber::parse(input, None, &AllowedCountries::All);
        phone.map(|phone| phone.as_str().to_owned()).map_err(reason)
    });
}

#[test]
fn email_addresses_are_canonical_or_refused_with_the_reason() {
    run(include_str!("../../../corpus/emails.json"), |input| {
        Email::parse(input).map(|email| email.as_str().to_owned()).map_err(reason)
    });
}

#[test]
fn locales_keep_language_script_and_region() {
    run(include_str!("../../../corpus/locales.json"), |input| refused(parse_locale(input)));
}

#[test]
fn names_are_visible() {
    run(include_str!("../../../corpus/names.json"), |input| parse_name(input).map_err(reason));
}

#[test]
fn codes_are_read_as_they_are_typed() {
    run(include_str!("../../../corpus/codes.json"), |input| Ok(plain_code(input)));
}

#[test]
fn recovery_codes_are_read_as_they_are_pasted() {
    run(include_str!("../../../corpus/recovery-codes.json"), |input| {
        refused(RecoveryCode::parse(input).map(|code| code.shown().replace('-', "")))
    });
}

#[test]
fn numbers_that_clients_send_are_canonical_if_they_begin_with_a_plus() {
    let lines: Vec<Line> =
        serde_json::from_str(include_str!("../../../corpus/typed-phones.json")).unwrap();
    for sent in lines.into_iter().filter_map(|line| line.accepted) {
        let parsed = PhoneNumber::parse(&sent, None, &AllowedCountries::All);
        match parsed {
            Ok(phone) => assert_eq!(phone.as_str(), sent),
            Err(error) => assert!(!sent.starts_with('+'), "{sent}: {}", reason(error)),
        }
    }
}

#[test]
fn origins_are_kept_as_browsers_send_them() {
    run(include_str!("../../../corpus/origins.json"), |input| refused(page_origin(input)));
}

#[test]
fn entity_tags_are_compared_as_the_standard_says() {
    #[derive(Deserialize)]
    struct Comparison {
        input: String,
        strong: Option<bool>,
        weak: Option<bool>,
    }

    let lines: Vec<Comparison> =
        serde_json::from_str(include_str!("../../../corpus/entity-tags.json")).unwrap();
    for Comparison { input, strong, weak } in lines {
        let tags = EntityTags::parse(&input);
        let tag = "\"1a2b\"";
        assert_eq!(tags.as_ref().map(|tags| tags.matches_strongly(tag)), strong, "{input}");
        assert_eq!(tags.as_ref().map(|tags| tags.matches_weakly(tag)), weak, "{input}");
    }
}
