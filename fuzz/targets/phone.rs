//! A phone number as somebody might send it. An accepted number is in canonical form (E.164).

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shared::{
    base::Error,
    identifiers::{AllowedCountries, PhoneNumber, phone},
};

/// The regions of numbers without a country code. They have different kinds of rules.
const REGIONS: [&str; 8] = ["US", "GB", "ES", "IT", "IN", "BR", "RU", "AC"];

static ONLY_US: LazyLock<AllowedCountries> =
    LazyLock::new(|| AllowedCountries::Only(["US".to_owned()].into_iter().collect()));

fuzz_target!(|input: &str| {
    let parse = |input: &str, region| PhoneNumber::parse(input, region, &AllowedCountries::All);
    check(input, parse(input, None));
    for region in REGIONS {
        let region = phone::country(region);
        assert!(region.is_some());
        let accepted = parse(input, region);
        if input.trim().starts_with('+') {
            assert!(accepted == parse(input, None), "a region changes the meaning of {input:?}");
        }
        check(input, accepted);
    }

    // With a list of allowed countries, a number is either parsed to the same number or refused.
    match (parse(input, None), PhoneNumber::parse(input, None, &ONLY_US)) {
        (Ok(phone), Ok(same)) => assert!(phone == same && phone.country().as_deref() == Some("US")),
        (Ok(phone), Err(error)) => {
            assert!(error == Error::CountryNotAllowed && phone.country().as_deref() != Some("US"));
        }
        (refused, also_refused) => assert!(refused == also_refused),
    }
});

/// Checks the outcome of parsing `input`.
fn check(input: &str, parsed: Result<PhoneNumber, Error>) {
    let phone = match parsed {
        Ok(phone) => phone,
        Err(error) => return assert!(matches!(error, Error::InvalidPhone(_))),
    };
    let text = phone.as_str();
    let digits = text.strip_prefix('+').unwrap_or_default();

    assert!(
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "{text:?}"
    );
    assert!(!digits.starts_with('0'), "{text:?}");

    let input = input.trim();
    if input.starts_with('+') {
        assert_eq!(text, input);
    } else {
        assert!(input.bytes().all(|byte| byte.is_ascii_digit()), "{input:?} became {text:?}");
    }

    let again = PhoneNumber::parse(text, None, &AllowedCountries::All);
    assert!(again == Ok(phone.clone()), "{input:?} became {text:?}, which is refused or another");
    assert!(PhoneNumber::from_e164(text) == Ok(phone.clone()));
    assert!(phone.country().is_some(), "{text:?} has no country");

    let masked = phone.masked();
    assert!(masked.contains('•') && !masked.contains(text), "{masked:?}");
    assert!(
        text.ends_with(phone.national_digits()) && text.starts_with(&format!("+{}", phone.block()))
    );
}
