//! The entity tags that a client sends in `If-Match` and `If-None-Match` (RFC 9110 §13.1).

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any state of the resource.
    Any,
    /// A list of tags.
    Listed(Vec<EntityTag>),
}

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it says only that two states mean the same, not that they are the same bytes.
    weak: bool,
    /// The tag with its quotes.
    quoted: String,
}

impl EntityTags {
    /// Reads the value of the header. `None` if it is neither `*` nor a list of quoted tags.
    pub fn parse(value: &str) -> Option<Self> {
        if value.trim() == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = value.trim_start_matches(is_between);
        while !rest.is_empty() {
            let (tag, after) = EntityTag::read(rest)?;
            tags.push(tag);
            // A comma follows, or nothing. A list may have empty items (RFC 9110 §5.6.1.2).
            let after = after.trim_start_matches([' ', '\t']);
            if !after.is_empty() && !after.starts_with(',') {
                return None;
            }
            rest = after.trim_start_matches(is_between);
        }
        (!tags.is_empty()).then_some(Self::Listed(tags))
    }

    /// Whether one of them is the tag `current`, in quotes, as `If-Match` compares: a weak tag is
    /// never the same (RFC 9110 §13.1.1).
    pub fn matches_strongly(&self, current: &str) -> bool {
        self.matches(current, |tag| !tag.weak)
    }

    /// Whether one of them is the tag `current`, in quotes, as `If-None-Match` compares: proxies
    /// that compress make a tag weak (RFC 9110 §13.1.2).
    pub fn matches_weakly(&self, current: &str) -> bool {
        self.matches(current, |_| true)
    }

    fn matches(&self, current: &str, counts: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| counts(tag) && tag.quoted == current),
        }
    }
}

impl EntityTag {
    /// The tag at the start of `text`, and the text after it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let (weak, text) = match text.strip_prefix("W/") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (opaque, after) = text.strip_prefix('"')?.split_once('"')?;
        let is_opaque = opaque.chars().all(|c| c > ' ' && c != '\u{7f}');
        is_opaque.then(|| (Self { weak, quoted: format!("\"{opaque}\"") }, after))
    }
}

fn is_between(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = r#""1a2b""#;

    #[test]
    fn a_list_matches_if_one_of_its_tags_does() {
        for (value, strongly, weakly) in [
            ("*", true, true),
            (r#""1a2b""#, true, true),
            (r#" "x" , "1a2b" "#, true, true),
            (r#""x","1a2b""#, true, true),
            (r#",, "1a2b",,"#, true, true),
            (r#"W/"1a2b""#, false, true),
            (r#"W/"x", "1a2b""#, true, true),
            (r#""x""#, false, false),
            (r#""1A2B""#, false, false),
            (r#""x,1a2b""#, false, false),
            (r#""""#, false, false),
        ] {
            let tags = EntityTags::parse(value).unwrap();
            assert_eq!(
                (tags.matches_strongly(TAG), tags.matches_weakly(TAG)),
                (strongly, weakly),
                "{value}"
            );
        }
    }

    #[test]
    fn a_value_that_is_no_list_of_tags_is_refused() {
        for value in [
            "",
            " ",
            ",",
            "1a2b",
            r#""1a2b"#,
            r#"1a2b""#,
            r#"w/"1a2b""#,
            r#"W/1a2b"#,
            r#"W/ "1a2b""#,
            r#""a" "b""#,
            r#""a"; "b""#,
            r#"*, "a""#,
            r#""a", *"#,
            r#""a b""#,
            "'1a2b'",
            "**",
        ] {
            assert_eq!(EntityTags::parse(value), None, "{value}");
        }
    }
}
