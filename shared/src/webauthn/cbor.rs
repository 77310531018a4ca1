//! A reader of CBOR (RFC 8949), as far as WebAuthn needs it: the canonical form of CTAP2 without
//! tags, floating-point numbers and items of indefinite length.

/// The deepest nesting that is read. An attestation object has three levels.
const MAX_DEPTH: usize = 4;

/// A data item. It borrows from the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// An integer, within the range of `i64`.
    Integer(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Value<'a>>),
    /// A map, in the order of its input. No key is in it twice.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// `true`, `false` or `null`, which is `None`.
    Simple(Option<bool>),
}

impl<'a> Value<'a> {
    /// The value of a key of this map.
    fn get(&self, wanted: &Value<'_>) -> Option<&Value<'a>> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key == wanted).map(|(_, value)| value)
    }

    /// The value of a key that is a text.
    pub(super) fn of_name(&self, name: &str) -> Option<&Value<'a>> {
        self.get(&Value::Text(name))
    }

    /// The value of a key that is an integer.
    pub(super) fn of_label(&self, label: i64) -> Option<&Value<'a>> {
        self.get(&Value::Integer(label))
    }

    /// The integer that it is.
    pub(super) fn integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// The byte string that it is.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// Whether it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }
}

/// Reads one item from the beginning of `input`. Returns it and the rest of the input; `None` if the
/// item is not well-formed, or is of a kind that WebAuthn does not use.
pub(super) fn read(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    read_at(input, MAX_DEPTH)
}

/// Reads the one item that `input` is.
pub(super) fn read_whole(input: &[u8]) -> Option<Value<'_>> {
    read(input).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

fn read_at(input: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let (head, input) = input.split_first()?;
    let (major, additional) = (head >> 5, head & 0x1f);
    if major == 7 {
        let simple = match additional {
            20 => Some(false),
            21 => Some(true),
            22 => None,
            _ => return None,
        };
        return Some((Value::Simple(simple), input));
    }

    let (argument, input) = argument(additional, input)?;
    match major {
        0 => Some((Value::Integer(i64::try_from(argument).ok()?), input)),
        1 => Some((Value::Integer(-1 - i64::try_from(argument).ok()?), input)),
        2 => {
            let (bytes, rest) = input.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Value::Bytes(bytes), rest))
        }
        3 => {
            let (text, rest) = input.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Value::Text(std::str::from_utf8(text).ok()?), rest))
        }
        4 => array(argument, input, depth.checked_sub(1)?),
        5 => map(argument, input, depth.checked_sub(1)?),
        _ => None,
    }
}

/// The argument of a head: the number in its low bits, or in the bytes after it.
fn argument(additional: u8, input: &[u8]) -> Option<(u64, &[u8])> {
    match additional {
        0..=23 => Some((u64::from(additional), input)),
        24 => input.split_first().map(|(byte, rest)| (u64::from(*byte), rest)),
        25 => input
            .split_first_chunk()
            .map(|(bytes, rest)| (u64::from(u16::from_be_bytes(*bytes)), rest)),
        26 => input
            .split_first_chunk()
            .map(|(bytes, rest)| (u64::from(u32::from_be_bytes(*bytes)), rest)),
        27 => input.split_first_chunk().map(|(bytes, rest)| (u64::from_be_bytes(*bytes), rest)),
        _ => None,
    }
}

fn array(length: u64, mut input: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let mut items = Vec::new();
    // An item takes a byte at least, so a length that is a lie ends with the input.
    for _ in 0..length {
        let (item, rest) = read_at(input, depth)?;
        items.push(item);
        input = rest;
    }
    Some((Value::Array(items), input))
}

fn map(length: u64, mut input: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let mut entries: Vec<(Value<'_>, Value<'_>)> = Vec::new();
    for _ in 0..length {
        let (key, rest) = read_at(input, depth)?;
        let (value, rest) = read_at(rest, depth)?;
        let is_key = matches!(key, Value::Integer(_) | Value::Text(_));
        if !is_key || entries.iter().any(|(other, _)| *other == key) {
            return None;
        }
        entries.push((key, value));
        input = rest;
    }
    Some((Value::Map(entries), input))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a text in hex, as in RFC 8949, Appendix A.
    fn value(hex: &str) -> Option<Value<'static>> {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        read_whole(Box::leak(bytes.into_boxed_slice()))
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (hex, integer) in [
            ("00", 0),
            ("17", 23),
            ("1818", 24),
            ("1903e8", 1000),
            ("1a000f4240", 1_000_000),
            ("1b000000e8d4a51000", 1_000_000_000_000),
            ("20", -1),
            ("3863", -100),
            ("3903e7", -1000),
        ] {
            assert_eq!(value(hex), Some(Value::Integer(integer)), "{hex}");
        }
        assert_eq!(value("4401020304"), Some(Value::Bytes(&[1, 2, 3, 4])));
        assert_eq!(value("62c3bc"), Some(Value::Text("ü")));
        assert_eq!(value("f4"), Some(Value::Simple(Some(false))));
        assert_eq!(value("f5"), Some(Value::Simple(Some(true))));
        assert_eq!(value("f6"), Some(Value::Simple(None)));
        let pair = vec![Value::Integer(2), Value::Integer(3)];
        let list = Value::Array(vec![Value::Integer(1), Value::Array(pair.clone())]);
        assert_eq!(value("8201820203"), Some(list));
        let map = value("a26161016162820203").unwrap();
        assert_eq!(map.of_name("a").and_then(Value::integer), Some(1));
        assert_eq!(map.of_name("b"), Some(&Value::Array(pair)));
        assert_eq!((map.of_name("c"), map.of_label(1)), (None, None));
    }

    #[test]
    fn kinds_of_items_that_webauthn_does_not_use_are_refused() {
        for (hex, name) in [
            ("", "nothing"),
            ("0000", "two items"),
            ("f90000", "a half float"),
            ("fb3ff199999999999a", "a float"),
            ("f7", "undefined"),
            ("c074", "a tag"),
            ("5f42010243030405ff", "bytes of indefinite length"),
            ("9f0102ff", "an array of indefinite length"),
            ("1bffffffffffffffff", "an integer beyond i64"),
            ("3bffffffffffffffff", "a negative integer beyond i64"),
            ("9bffffffffffffffff", "an array that is longer than its input"),
            ("5bffffffffffffffff", "bytes that are longer than their input"),
            ("62fffe", "a text that is not UTF-8"),
            ("63c3bc", "a text that is cut off"),
            ("a201010102", "a key twice"),
            ("a1410101", "a key of bytes"),
            ("818181818101", "five levels"),
            ("1c", "a reserved length"),
            ("19", "a number that is cut off"),
        ] {
            assert_eq!(value(hex), None, "{name}");
        }
        assert!(value("8181818101").is_some(), "four levels");
    }
}
