//! The languages of messages and of the pages behind their links. To add one, add a file in
//! `languages/`, a variant of [`Language`], and a line in each `match`.

use unic_langid::LanguageIdentifier;

use crate::base::Error;

/// The longest accepted language tag: what BCP 47 recommends to support (RFC 5646 §4.4.1).
const MAX_LOCALE_CHARS: usize = 35;

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Arabic.
    Arabic,
    /// English, the fallback.
    English,
    /// Spanish.
    Spanish,
    /// Hindi.
    Hindi,
}

impl Language {
    /// All languages, the fallback first.
    pub const ALL: [Self; 4] = [Self::English, Self::Spanish, Self::Hindi, Self::Arabic];

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
            Self::Spanish => "es",
            Self::Hindi => "hi",
        }
    }

    /// The direction of writing, as HTML's `dir`.
    pub fn direction(self) -> &'static str {
        if self == Self::Arabic { "rtl" } else { "ltr" }
    }

    /// The language's messages, in Fluent's syntax.
    pub(super) fn messages(self) -> &'static str {
        match self {
            Self::Arabic => include_str!("languages/ar.ftl"),
            Self::English => include_str!("languages/en.ftl"),
            Self::Spanish => include_str!("languages/es.ftl"),
            Self::Hindi => include_str!("languages/hi.ftl"),
        }
    }

    /// The language of a BCP 47 tag, if we have it. Only the primary subtag counts.
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

/// The language for a person: the requested one (`locale`, a BCP 47 tag) or, if none was requested,
/// the one of the phone's `country` (ISO 3166-1 alpha-2). English if there is neither.
pub fn language(locale: Option<&str>, country: Option<&str>) -> Language {
    let requested = locale.and_then(Language::of_tag);
    // A requested language that we lack becomes English, not the language of the phone's country.
    let fallback = || if locale.is_some() { None } else { country.and_then(Language::of_country) };
    requested.or_else(fallback).unwrap_or(Language::English)
}

/// Reads the `locale` of a request, and normalizes it.
///
/// # Errors
/// [`Error::InvalidRequest`] if it is not a language tag (BCP 47) of at most 35 characters.
pub fn parse_locale(locale: Option<String>) -> Result<Option<String>, Error> {
    let Some(locale) = locale else { return Ok(None) };
    match locale.parse::<LanguageIdentifier>() {
        Ok(tag) if locale.len() <= MAX_LOCALE_CHARS => Ok(Some(tag.to_string())),
        _ => Err(Error::field("locale", "must be a language tag, like en-US")),
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
