//! The languages that messages, and the pages behind their links, exist in. Adding one: a file in `languages/`, a variant, a line in each match.

use unic_langid::LanguageIdentifier;

use crate::base::Error;

/// Longer tags than BCP 47 recommends implementations to take (RFC 5646 §4.4.1) are refused.
const MAX_LOCALE_CHARS: usize = 35;

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Arabic.
    Arabic,
    /// English, where nothing else fits.
    English,
    /// Spanish.
    Spanish,
    /// Hindi.
    Hindi,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Arabic, Self::English, Self::Spanish, Self::Hindi];

    /// Its BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
            Self::Spanish => "es",
            Self::Hindi => "hi",
        }
    }

    /// How it is written, as HTML's `dir`.
    pub fn direction(self) -> &'static str {
        if self == Self::Arabic { "rtl" } else { "ltr" }
    }

    /// What its messages say, in Fluent's syntax.
    pub(super) fn messages(self) -> &'static str {
        match self {
            Self::Arabic => include_str!("languages/ar.ftl"),
            Self::English => include_str!("languages/en.ftl"),
            Self::Spanish => include_str!("languages/es.ftl"),
            Self::Hindi => include_str!("languages/hi.ftl"),
        }
    }

    /// The language of a BCP 47 tag, if there is one.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language that most people with a phone of this country (ISO 3166-1 alpha-2) expect.
    fn of_country(country: &str) -> Option<Self> {
        match country {
            "AE" | "BH" | "DZ" | "EG" | "IQ" | "JO" | "KW" | "LB" | "LY" | "MA" | "MR" | "OM"
            | "PS" | "QA" | "SA" | "SD" | "SY" | "TN" | "YE" => Some(Self::Arabic),
            "AR" | "BO" | "CL" | "CO" | "CR" | "CU" | "DO" | "EC" | "ES" | "GQ" | "GT" | "HN"
            | "MX" | "NI" | "PA" | "PE" | "PR" | "PY" | "SV" | "UY" | "VE" => Some(Self::Spanish),
            "IN" => Some(Self::Hindi),
            _ => None,
        }
    }
}

/// The language for a person: what was asked for (a BCP 47 tag), or what the phone's country speaks.
pub fn language(locale: Option<&str>, country: Option<&str>) -> Language {
    let asked = locale.and_then(Language::of_tag);
    // Who asks for a language that is not here gets English, not his neighbours' language.
    let fallback = || if locale.is_some() { None } else { country.and_then(Language::of_country) };
    asked.or_else(fallback).unwrap_or(Language::English)
}

/// Reads the `locale` of a request.
///
/// # Errors
/// [`Error::InvalidRequest`] for what is no language tag (BCP 47).
pub fn parse_locale(locale: Option<String>) -> Result<Option<String>, Error> {
    let Some(locale) = locale else { return Ok(None) };
    match locale.parse::<LanguageIdentifier>() {
        Ok(tag) if locale.len() <= MAX_LOCALE_CHARS => Ok(Some(tag.to_string())),
        _ => Err(Error::field("locale", "must be a language tag, as en-US")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_wins_over_the_country() {
        assert_eq!(language(Some("es-MX"), Some("US")), Language::Spanish);
        assert_eq!(language(Some("EN"), Some("ES")), Language::English);
        assert_eq!(language(Some("fr"), Some("MA")), Language::English);
        assert_eq!(language(None, Some("IN")), Language::Hindi);
        assert_eq!(language(None, Some("SA")), Language::Arabic);
        assert_eq!(language(None, None), Language::English);
    }
}
