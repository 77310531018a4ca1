//! Phone numbers: canonical, or refused.

mod fault;
mod metadata;

use std::{cmp::Ordering, collections::BTreeSet, fmt, str::FromStr};

use rlibphonenumber::{PhoneNumberFormat, PhoneNumberType, PhoneNumberUtil, enums::Region};
use serde::{Deserialize, Serialize};

use crate::base::Error;

/// The longest number that E.164 allows: `+` and 15 digits.
pub const MAX_CHARS: usize = 16;

/// The countries whose phone numbers libphonenumber knows; a test compares the two. Asking
/// libphonenumber would make every function read its metadata at cold start, since every function
/// parses the settings.
const COUNTRIES: &str = "\
    AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA \
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR \
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO \
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM TN TO TR TT \
    TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The country calling codes of two digits (ITU-T E.164, list of assigned codes). 1 and 7 have one
/// digit, all others three. Functions that only show numbers use this list and need no
/// libphonenumber.
const CALLING_CODES_OF_TWO: [u8; 44] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// A phone number in its one canonical form, E.164 (`+14155550123`).
///
/// Its `Debug` shows only [`PhoneNumber::masked`], so a whole number never reaches a log.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber {
    e164: String,
    /// The country, if the number was parsed here: libphonenumber would read the number again.
    #[serde(skip)]
    country: Option<Region>,
}

impl PartialEq for PhoneNumber {
    fn eq(&self, other: &Self) -> bool {
        self.e164 == other.e164
    }
}

impl Eq for PhoneNumber {}

impl PartialOrd for PhoneNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PhoneNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.e164.cmp(&other.e164)
    }
}

/// ISO 3166-1 alpha-2 codes of the countries whose numbers are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedCountries {
    /// Every country.
    All,
    /// Only these countries.
    Only(BTreeSet<String>),
}

/// Allows no country.
impl Default for AllowedCountries {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl AllowedCountries {
    /// The codes of the countries, in alphabetical order.
    pub fn codes(&self) -> Vec<&str> {
        match self {
            Self::All => COUNTRIES.split(' ').collect(),
            Self::Only(countries) => countries.iter().map(String::as_str).collect(),
        }
    }

    fn contains(&self, country: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(countries) => countries.contains(country),
        }
    }
}

/// Indexes the metadata of all countries, which would otherwise delay the first number.
pub fn prepare() {
    metadata::prepare();
}

/// The region of an ISO 3166-1 alpha-2 code; `None` if it is not the code of a country whose phone
/// numbers are known.
pub fn country(code: &str) -> Option<Region> {
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        .then(|| Region::from_str(code).ok())
        .flatten()
        .filter(|_| COUNTRIES.split(' ').any(|known| known == code))
}

impl PhoneNumber {
    /// Parses what a person or an app sent: E.164, or a national number (digits alone) of
    /// `default_region`. Spaces around it do not count.
    ///
    /// A parser alone would accept `++1…`, zero-width spaces, `tel:`, extensions, vanity letters
    /// and premium numbers. So the form is checked first, and a number that was sent in E.164 must be
    /// the same after it was parsed and formatted again.
    ///
    /// # Errors
    /// [`Error::InvalidPhone`] with the reason if it is not a valid number of a type that can
    /// receive a text, [`Error::CountryNotAllowed`] if it is valid, but its country is not allowed.
    pub fn parse(
        input: &str,
        default_region: Option<Region>,
        allowed: &AllowedCountries,
    ) -> Result<Self, Error> {
        let number = input.trim();
        let national = !number.starts_with('+');
        if national && (default_region.is_none() || !is_digits(number, 3, 15))
            || !national && !is_e164(number)
        {
            return Err(Error::InvalidPhone(fault::of_form(input, default_region.is_some())));
        }

        let (canonical, country) = match default_region.filter(|_| national) {
            None => read_e164(number)?,
            Some(region) => {
                let util = metadata::of_region(region).ok_or(UNREADABLE)?;
                match read(&util, number, Some(region)) {
                    // It may be a foreign number, with this region's international prefix.
                    Err(_) => read(&*metadata::of_all().ok_or(UNREADABLE)?, number, Some(region))?,
                    read => read?,
                }
            }
        };

        if !allowed.contains(&country.to_string()) {
            return Err(Error::CountryNotAllowed);
        }
        Ok(Self { e164: canonical, country: Some(country) })
    }

    /// A number of which only the E.164 form is checked, for test phones and for stored numbers.
    ///
    /// # Errors
    /// [`Error::InvalidPhone`] for any other form.
    pub fn from_e164(input: &str) -> Result<Self, Error> {
        if is_e164(input) {
            Ok(Self { e164: input.to_owned(), country: None })
        } else {
            Err(Error::InvalidPhone(fault::of_form(input, false)))
        }
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.e164
    }

    /// The number as others may see it: calling code and the last three digits, like
    /// `+1•••••••123`.
    pub fn masked(&self) -> String {
        let calling_code = calling_code(&self.e164).map_or(0, str::len);
        let hidden = self.e164.len().saturating_sub(1 + calling_code + 3);
        let (start, rest) =
            self.e164.split_at_checked(1 + calling_code).unwrap_or((&self.e164, ""));
        format!("{start}{}{}", "•".repeat(hidden), rest.get(hidden..).unwrap_or_default())
    }

    /// The digits without the last four, calling code included. That is what a carrier is given: a
    /// block of ten thousand numbers.
    pub fn block(&self) -> &str {
        self.e164.get(1..self.e164.len().saturating_sub(4)).unwrap_or(&self.e164)
    }

    /// The digits after the calling code.
    pub fn national_digits(&self) -> &str {
        self.e164
            .split_at_checked(1 + calling_code(&self.e164).map_or(0, str::len))
            .unwrap_or(("", &self.e164))
            .1
    }

    /// The country, as ISO 3166-1 alpha-2; `None` if the number does not tell.
    pub fn country(&self) -> Option<String> {
        let country = self.country.or_else(|| country_of(&self.e164))?;
        Some(country.to_string())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The country of a number in E.164, as libphonenumber finds it.
fn country_of(e164: &str) -> Option<Region> {
    let util = metadata::of_calling_code(calling_code(e164)?.parse().ok()?)?;
    util.get_region_for_number(&util.parse(e164, None).ok()?)
}

/// The refusal of a number that is not read.
const UNREADABLE: Error = Error::InvalidPhone(fault::NOT_IN_USE);

/// The canonical form and the country of a number in E.164.
///
/// # Errors
/// As [`read`]. A number that is not canonical, or that another digit would make valid, is told so.
fn read_e164(number: &str) -> Result<(String, Region), Error> {
    let code = calling_code(number).ok_or(UNREADABLE)?;
    let util = code.parse().ok().and_then(metadata::of_calling_code);
    let util = util.ok_or(Error::InvalidPhone(fault::NO_COUNTRY_CODE))?;

    let found = read(&util, number, None);
    let accepts =
        |other: &str| read(&util, other, None).is_ok_and(|(canonical, _)| canonical == other);
    match found {
        Ok((canonical, country)) if canonical == number => Ok((canonical, country)),
        found => {
            let reason = match found {
                Err(Error::InvalidPhone(reason)) => reason,
                _ => fault::NOT_IN_USE,
            };
            Err(Error::InvalidPhone(fault::of_digits(number, code, accepts).unwrap_or(reason)))
        }
    }
}

/// The canonical form and the country of a number.
///
/// # Errors
/// [`Error::InvalidPhone`] if it is not valid or cannot receive texts. Personal numbers forward
/// calls, at a price that their owner shares in. Numbers of no country, such as those of satellites,
/// have the region `001`.
fn read(
    util: &PhoneNumberUtil,
    input: &str,
    region: Option<Region>,
) -> Result<(String, Region), Error> {
    let number = util.parse(input, region).map_err(|_| UNREADABLE)?;
    let canonical = util.format(&number, PhoneNumberFormat::E164).into_owned();
    // A number has a type if and only if it is valid; asking for both would match it twice.
    let kind = util.get_number_type(&number);
    if kind == PhoneNumberType::Unknown || !is_e164(&canonical) {
        return Err(UNREADABLE);
    }

    let is_mobile = matches!(kind, PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile);
    let country = util.get_region_for_number(&number).ok_or(UNREADABLE)?;
    let code = country.to_string();
    if !is_mobile || !COUNTRIES.split(' ').any(|known| known == code) {
        return Err(Error::InvalidPhone(fault::NO_TEXTS));
    }
    Ok((canonical, country))
}

/// The country calling code at the start of a number in E.164. The code need not be assigned.
fn calling_code(e164: &str) -> Option<&str> {
    let digits = e164.trim_start_matches('+');
    digits.get(
        ..match digits.get(..2)?.parse().ok()? {
            10..20 | 70..80 => 1,
            two if CALLING_CODES_OF_TWO.contains(&two) => 2,
            _ => 3,
        },
    )
}

fn is_digits(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| is_digits(digits, 7, 15) && !digits.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rlibphonenumber::PHONE_NUMBER_UTIL;

    use super::*;

    /// [`super::read`] with the library's own metadata of all countries.
    fn by_library(input: &str, region: Option<Region>) -> Result<(String, String), Error> {
        let (canonical, country) = super::read(&PHONE_NUMBER_UTIL, input, region)?;
        Ok((canonical, country.to_string()))
    }

    fn parse(input: &str) -> Result<String, Error> {
        PhoneNumber::parse(input, None, &AllowedCountries::All).map(|phone| phone.e164)
    }

    #[test]
    fn canonical_numbers_pass() {
        for number in
            ["+14155550123", "+447400123456", "+919876543210", "+34612345678", "+966512345678"]
        {
            assert_eq!(parse(number).as_deref(), Ok(number));
        }
    }

    #[test]
    fn forms_that_lenient_parsers_accept_are_refused() {
        for input in [
            "",
            "+",
            "++14155550123",
            "+1 415 555 0123",
            "+1-415-555-0123",
            "tel:+14155550123",
            "+14155550123;ext=5",
            "+1415555CALL",
            "14155550123",
            "4155550123",
            "+0014155550123",
            "+1415555012\u{200b}3",
            "\u{ff0b}14155550123",
            "+\u{0661}4155550123",
            "+19005550123",
            "+18005550123",
            "+1415555",
            "+4474001234560000",
            "+999123456789",
            "+10000000000",
        ] {
            assert!(matches!(parse(input), Err(Error::InvalidPhone(_))), "{input:?}");
        }
    }

    #[test]
    fn spaces_around_a_number_do_not_count() {
        for input in [" +14155550123", "+14155550123\r\n", "\u{a0}+14155550123\u{3000}\t"] {
            assert_eq!(parse(input).as_deref(), Ok("+14155550123"), "{input:?}");
        }
    }

    #[test]
    fn personal_numbers_and_numbers_of_no_country_are_refused() {
        let mut refused = 0;
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let example = PHONE_NUMBER_UTIL
                .get_example_number_for_type_and_region(region, PhoneNumberType::PersonalNumber);
            if let Ok(example) = example {
                let e164 = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164).into_owned();
                assert_eq!(parse(&e164), Err(Error::InvalidPhone(fault::NO_TEXTS)), "{e164}");
                refused += 1;
            }
        }
        assert!(refused > 50, "{refused}");

        for code in [800, 808, 870, 878, 881, 882, 883, 888, 979] {
            for e164 in metadata::of_calling_code(code).iter().flat_map(|util| {
                let number = |it| util.get_example_number_for_type(it).ok();
                let format = |number| util.format(&number, PhoneNumberFormat::E164).into_owned();
                let own = |e164: &String| e164.starts_with(&format!("+{code}"));
                TYPES.into_iter().filter_map(number).map(format).filter(own).collect::<Vec<_>>()
            }) {
                assert!(matches!(parse(&e164), Err(Error::InvalidPhone(_))), "{e164}");
            }
        }
        for e164 in
            ["+447012345678", "+15002345678", "+15212345678", "+881612345678", "+870773111632"]
        {
            assert_eq!(parse(e164), Err(Error::InvalidPhone(fault::NO_TEXTS)), "{e164}");
        }
    }

    #[test]
    fn national_numbers_need_a_region() {
        let spain = country("ES");
        let parse = |input: &str| {
            PhoneNumber::parse(input, spain, &AllowedCountries::All).map(|phone| phone.e164)
        };
        assert_eq!(parse("612345678").as_deref(), Ok("+34612345678"));
        assert!(parse("612 345 678").is_err());
        assert_eq!(parse("+14155550123").as_deref(), Ok("+14155550123"));
    }

    #[test]
    fn only_allowed_countries_are_accepted() {
        let only = AllowedCountries::Only(BTreeSet::from(["US".to_owned()]));
        assert!(PhoneNumber::parse("+14155550123", None, &only).is_ok());
        // Canada shares the calling code.
        assert_eq!(PhoneNumber::parse("+16135550123", None, &only), Err(Error::CountryNotAllowed));
        assert_eq!(PhoneNumber::parse("+447400123456", None, &only), Err(Error::CountryNotAllowed));

        let mut known: Vec<_> =
            PHONE_NUMBER_UTIL.get_supported_regions().map(|region| region.to_string()).collect();
        known.sort();
        assert_eq!(known.join(" "), COUNTRIES);
        assert!(country("us").is_none() && country("ZZ").is_none() && country("USA").is_none());
    }

    #[test]
    fn masked_shows_calling_code_and_three_digits() {
        let masked = |number| PhoneNumber::from_e164(number).map(|phone| phone.masked());
        assert_eq!(masked("+14155550123").as_deref(), Ok("+1•••••••123"));
        assert_eq!(masked("+447400123456").as_deref(), Ok("+44•••••••456"));
        for code in 1..1000 {
            if PHONE_NUMBER_UTIL.get_region_for_country_code(code).is_some() {
                let phone = PhoneNumber::from_e164(&format!("+{code}2345678")).unwrap();
                assert_eq!(phone.national_digits(), "2345678", "{code}");
            }
        }
    }

    const TYPES: [PhoneNumberType; 10] = [
        PhoneNumberType::FixedLine,
        PhoneNumberType::Mobile,
        PhoneNumberType::TollFree,
        PhoneNumberType::PremiumRate,
        PhoneNumberType::SharedCost,
        PhoneNumberType::VoIP,
        PhoneNumberType::PersonalNumber,
        PhoneNumberType::Pager,
        PhoneNumberType::UAN,
        PhoneNumberType::VoiceMail,
    ];

    #[test]
    fn the_metadata_of_one_country_gives_the_same_results_as_all() {
        let mut texted = BTreeSet::new();
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            for example in TYPES.iter().filter_map(|it| {
                PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, *it).ok()
            }) {
                let e164 = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164).into_owned();
                let expected = by_library(&e164, None);
                let kind = PHONE_NUMBER_UTIL.get_number_type(&example);
                let is_valid = PHONE_NUMBER_UTIL.is_valid_number(&example);
                assert_eq!(kind != PhoneNumberType::Unknown, is_valid, "{e164}");
                assert_eq!(
                    parse(&e164).ok(),
                    expected.clone().ok().map(|(canonical, _)| canonical),
                    "{e164}"
                );
                if let Ok((canonical, country)) = expected {
                    let parsed = PhoneNumber::parse(&canonical, None, &AllowedCountries::All);
                    assert_eq!(parsed.unwrap().country().as_ref(), Some(&country), "{e164}");
                    assert_eq!(
                        PhoneNumber::from_e164(&e164).unwrap().country(),
                        Some(country.clone())
                    );
                    texted.insert(country);
                    let dialled = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::National);
                    let dialled: String = dialled.chars().filter(char::is_ascii_digit).collect();
                    let national =
                        PhoneNumber::parse(&dialled, Some(region), &AllowedCountries::All);
                    let expected =
                        by_library(&dialled, Some(region)).map(|(canonical, _)| canonical);
                    assert_eq!(national.map(|phone| phone.e164), expected, "{dialled} {canonical}");
                }
            }
        }
        assert!(texted.len() > 230, "{}", texted.len());
    }

    #[test]
    fn a_foreign_number_with_the_international_prefix_is_accepted() {
        let parse =
            |input, region| PhoneNumber::parse(input, country(region), &AllowedCountries::All);
        for (input, region) in
            [("00447400123456", "ES"), ("011447400123456", "US"), ("810447400123456", "RU")]
        {
            assert_eq!(
                parse(input, region).map(|phone| phone.e164).as_deref(),
                Ok("+447400123456"),
                "{region}"
            );
        }
        assert!(parse("00447400123456", "US").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn any_number_parses_as_in_the_library(input in r"\+[1-9][0-9]{6,14}") {
            let expected = by_library(&input, None).ok().map(|(canonical, _)| canonical).filter(|it| *it == input);
            prop_assert_eq!(parse(&input).ok(), expected);
        }

        #[test]
        fn any_national_digits_parse_as_in_the_library(input in r"[0-9]{6,12}") {
            for region in [Region::US, Region::ES, Region::GB, Region::IN] {
                let national = PhoneNumber::parse(&input, Some(region), &AllowedCountries::All);
                let expected = by_library(&input, Some(region)).map(|(canonical, _)| canonical);
                prop_assert_eq!(national.map(|phone| phone.e164), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn parsing_is_total(input in any::<String>()) {
            let _ = parse(&input);
        }

        #[test]
        fn parsing_is_idempotent(input in r"\+[0-9]{5,17}") {
            if let Ok(canonical) = parse(&input) {
                prop_assert_eq!(&canonical, &input);
                prop_assert_eq!(parse(&canonical), Ok(canonical));
            }
        }

        #[test]
        fn national_and_international_agree(digits in "6[0-9]{8}") {
            let national = PhoneNumber::parse(&digits, country("ES"), &AllowedCountries::All);
            prop_assert_eq!(national.map(|phone| phone.e164), parse(&format!("+34{digits}")));
        }
    }
}
