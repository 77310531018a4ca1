//! The names that people read: those of people and of apps.

use unicode_normalization::UnicodeNormalization as _;

use crate::base::Error;

/// The longest name of a person or an app, in characters. The name of an app is part of every text.
const MAX_NAME_CHARS: usize = 64;
/// Characters that such a name cannot contain: in a message, they could make a link of it, or bind the
/// code to somebody else's host.
const NOT_IN_NAMES: &str = "/:@#<>{}\\";

/// Reads the name of a person or an app: the rule of [`display_name`], with up to 64 characters and
/// without any of `/:@#<>{}\`.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub fn parse_name(input: &str) -> Result<String, Error> {
    display_name(input, MAX_NAME_CHARS, NOT_IN_NAMES)
}

/// Reads a name that people read: 1 to `max_chars` characters in NFC, one of them visible. Spaces
/// around them are left out. It has no control characters, no line or paragraph separators, no marks that
/// change the direction of writing, no characters without width, and none of `refused`.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form, for the field `name`.
pub fn display_name(input: &str, max_chars: usize, refused: &str) -> Result<String, Error> {
    let name: String = input.trim().nfc().collect();
    let is_refused = |c: char| c.is_control() || is_format(c) || refused.contains(c);
    let fits = (1..=max_chars).contains(&name.chars().count())
        && name.chars().any(is_visible)
        && !name.chars().any(is_refused);
    if fits {
        return Ok(name);
    }

    let without =
        if refused.is_empty() { String::new() } else { format!(", without any of {refused}") };
    Err(Error::field(
        "name",
        format!(
            "must be 1 to {max_chars} visible characters, without control characters and marks of \
             direction{without}"
        ),
    ))
}

/// Whether a character only formats text: soft hyphens, marks of direction (U+200E, U+200F, U+202A
/// to U+202E, U+2066 to U+2069), separators of lines and paragraphs, and characters without width.
/// Joiners are not among them, since some scripts need them.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a character can be seen: no space, joiner, filler or variation selector.
fn is_visible(c: char) -> bool {
    let is_blank = matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200c}'..='\u{200d}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}');
    !is_blank && !is_format(c) && !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Result<String, Error> {
        parse_name(name)
    }

    #[test]
    fn names_in_every_script_are_accepted() {
        for name in [
            "Ann Lee",
            "O'Brien-Smith, Jr.",
            "アン 🔑",
            "❤\u{fe0f}",
            "محمد",
            "नमस्ते",
            "क्\u{200d}ष",
            "می\u{200c}خواهم",
            "👩\u{200d}🚀",
            &"é".repeat(64),
        ] {
            assert_eq!(person(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_name_is_kept_in_nfc() {
        assert_eq!(person("Zoe\u{308}").as_deref(), Ok("Zoë"));
        assert_eq!(person(&"e\u{301}".repeat(64)), Ok("é".repeat(64)));
        assert_eq!(person(" Ann\u{3000}\n").as_deref(), Ok("Ann"));
    }

    #[test]
    fn a_name_that_cannot_be_seen_or_changes_the_line_is_refused() {
        let marks = ['\u{200e}', '\u{200f}', '\u{61c}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain([
                '\u{2028}', '\u{2029}', '\u{200b}', '\u{feff}', '\u{ad}', '\n', '\0', '\u{7f}',
            ]);
        for mark in marks {
            assert!(person(&format!("Ann{mark}Lee")).is_err(), "{mark:?}");
        }

        for name in [
            "",
            " ",
            "\u{200b}",
            "\u{200d}",
            "\u{200c}\u{200d}",
            "\u{3164}",
            "\u{2800}",
            "\u{fe0f}",
            "\u{e0001}",
            &"a".repeat(65),
            "https://evil.example",
            "Ann <ann@example.com>",
            "{code}",
            "Ann#1",
            "a\\b",
        ] {
            assert!(person(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_message_names_all_refused_characters() {
        let Err(Error::InvalidRequest(errors)) = display_name("a/b", 64, "/:") else { panic!() };
        assert_eq!(
            errors[0].message,
            "must be 1 to 64 visible characters, without control characters and marks of \
             direction, without any of /:"
        );
        assert_eq!(display_name("a/b", 64, "").as_deref(), Ok("a/b"));
    }
}
