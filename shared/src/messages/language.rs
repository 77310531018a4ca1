//! The languages of messages and of the pages behind their links. To add one, add a file in
//! `languages/`, a variant of [`Language`], and a line in each `match`.

use unic_langid::LanguageIdentifier;

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

/// Reads the `locale` of a request: the language, the script and the region of a BCP 47 tag, or of
/// the forms that Android, Java, iOS and POSIX give it, like `en_US_#u-fw-mon`, `zh_CN_#Hans` and
/// `en_US@calendar=japanese`. Everything else in it is left out. A text that has no language is none:
/// the language of a message never keeps anybody from signing in.
pub fn parse_locale(locale: &str) -> Option<String> {
    let locale = locale.trim().split(['@', '.', ';', ',']).next()?;
    // A subtag of one character begins an extension.
    let mut subtags =
        locale.split(['-', '_', '#']).filter(|it| !it.is_empty()).take_while(|it| it.len() > 1);
    let language = subtags.next().filter(|it| (2..=3).contains(&it.len()) && is_alphabetic(it))?;

    let (mut script, mut region) = (None, None);
    for subtag in subtags {
        match subtag.len() {
            4 if is_alphabetic(subtag) => _ = script.get_or_insert(subtag),
            2 if is_alphabetic(subtag) => _ = region.get_or_insert(subtag),
            3 if subtag.bytes().all(|it| it.is_ascii_digit()) => _ = region.get_or_insert(subtag),
            _ => {}
        }
    }

    let tag: Vec<_> = [Some(language), script, region].into_iter().flatten().collect();
    let tag = tag.join("-").parse::<LanguageIdentifier>().ok()?;
    (!tag.language.is_empty()).then(|| tag.to_string())
}

fn is_alphabetic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
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

    #[test]
    fn a_locale_keeps_language_script_and_region_and_never_fails() {
        for (sent, read) in [
            ("en-US", Some("en-US")),
            ("en_US", Some("en-US")),
            ("EN-us", Some("en-US")),
            ("zh_Hans_CN", Some("zh-Hans-CN")),
            ("zh_CN_#Hans", Some("zh-Hans-CN")),
            ("sr-Latn-RS", Some("sr-Latn-RS")),
            ("es-419", Some("es-419")),
            ("en-US-u-fw-mon-mu-celsius", Some("en-US")),
            ("en-US-u-ca-buddhist", Some("en-US")),
            ("en_US_#u-fw-mon", Some("en-US")),
            ("en_US@calendar=japanese", Some("en-US")),
            ("de_DE.UTF-8", Some("de-DE")),
            ("en-US-x-private", Some("en-US")),
            ("sl-rozaj-biske", Some("sl")),
            ("zh-yue-HK", Some("zh-HK")),
            ("de,en;q=0.8", Some("de")),
            (" fr ", Some("fr")),
            ("", None),
            ("C", None),
            ("POSIX", None),
            ("und", None),
            ("x-private", None),
            ("not a locale", None),
            ("english", None),
            ("日本語", None),
            ("-", None),
            ("\0", None),
        ] {
            assert_eq!(parse_locale(sent).as_deref(), read, "{sent:?}");
        }
        assert_eq!(parse_locale(&"a-".repeat(1_000)), None);
    }
}
