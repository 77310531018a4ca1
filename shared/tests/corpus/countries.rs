//! The phone numbers that people type in each country, from the example numbers of libphonenumber.

use std::{collections::BTreeMap, env, fs};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, enums::Region};
use serde::{Deserialize, Serialize};
use shared::{
    base::Error,
    identifiers::{AllowedCountries, PhoneNumber, phone::country},
};

use super::reason;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/countries.json");
/// The parts of reasons that the file names.
const REASONS: [&str; 2] = ["no texts", "leave the 0 out"];

/// A country, and numbers of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Country {
    region: String,
    /// A mobile number in the form in which it is kept.
    accepted: String,
    /// How people write this number, and what a client sends of each.
    typed: BTreeMap<String, String>,
    /// Numbers that are refused, and a part of the reason.
    refused: BTreeMap<String, String>,
}

impl Country {
    /// The country of a region; `None` if it has no mobile numbers.
    fn of(code: &str) -> Option<Self> {
        let region = country(code).unwrap();
        let mobile = example(region, PhoneNumberType::Mobile)?;
        let written = |format| PHONE_NUMBER_UTIL.format(&mobile, format).into_owned();
        let accepted = written(PhoneNumberFormat::E164);

        let national = written(PhoneNumberFormat::National);
        let digits: String = national.chars().filter(char::is_ascii_digit).collect();
        let calling_code = format!("+{}", mobile.country_code);
        let fixed = example(region, PhoneNumberType::FixedLine)
            .map(|fixed| PHONE_NUMBER_UTIL.format(&fixed, PhoneNumberFormat::E164).into_owned());
        let trunk_zero = digits.starts_with('0').then(|| format!("{calling_code}{digits}"));

        Some(Self {
            region: code.to_owned(),
            typed: [
                (national, digits),
                (written(PhoneNumberFormat::International), accepted.clone()),
            ]
            .into(),
            refused: fixed
                .into_iter()
                .chain(trunk_zero)
                .filter_map(|number| {
                    let said = reason(parse(&number, None).err()?);
                    let part = REASONS.into_iter().find(|part| said.contains(part))?;
                    Some((number, part.to_owned()))
                })
                .collect(),
            accepted,
        })
    }
}

fn example(region: Region, kind: PhoneNumberType) -> Option<rlibphonenumber::PhoneNumber> {
    PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()
}

fn parse(input: &str, region: Option<Region>) -> Result<String, Error> {
    PhoneNumber::parse(input, region, &AllowedCountries::All).map(|phone| phone.as_str().to_owned())
}

#[test]
fn the_countries_are_those_of_libphonenumber() {
    let countries: Vec<_> =
        AllowedCountries::All.codes().into_iter().filter_map(Country::of).collect();
    if env::var_os("UPDATE_CORPUS").is_some() {
        let lines: Vec<_> =
            countries.iter().map(|country| serde_json::to_string(country).unwrap()).collect();
        fs::write(FILE, format!("[\n  {}\n]\n", lines.join(",\n  "))).unwrap();
    }
    let written: Vec<Country> = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    assert!(
        written == countries,
        "corpus/countries.json is out of date; run: UPDATE_CORPUS=1 cargo test -p shared --test corpus"
    );
}

#[test]
fn numbers_of_each_country_are_read_as_they_are_typed_or_refused_with_the_reason() {
    let countries: Vec<Country> =
        serde_json::from_str(include_str!("../../../corpus/countries.json")).unwrap();
    assert!(countries.len() > 230, "{}", countries.len());
    for Country { region, accepted, typed, refused } in countries {
        for sent in typed.values() {
            assert_eq!(parse(sent, country(&region)).as_ref(), Ok(&accepted), "{region}: {sent}");
        }
        for (number, why) in refused {
            let said = reason(parse(&number, country(&region)).unwrap_err());
            assert!(said.contains(&why), "{region}: {number}: {said}");
        }
    }
}
