//! Codes as people type and paste them.

/// The zeros of the decimal digits of every script (Unicode 14, general category Nd). The digits 1
/// to 9 follow each of them.
const ZEROS: [char; 66] = [
    '\u{30}',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// A code in its plain form, for every comparison of codes: digits of every script become the ASCII
/// digits, full-width letters become ASCII letters, and spaces, dashes and invisible marks are left
/// out. All else stays, so that a code with other characters is refused.
pub fn plain_code(typed: &str) -> String {
    typed.chars().filter(|c| !is_filler(*c)).map(|c| ascii_digit(c).unwrap_or(c)).collect()
}

/// Whether a character only separates or is not seen.
fn is_filler(c: char) -> bool {
    // Invisible characters (general category Cf), then dashes (Pd) and the minus sign.
    let is_invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_dash = matches!(c, '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}'
        | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2e17}' | '\u{2e1a}' | '\u{2e3a}'..='\u{2e3b}'
        | '\u{2e40}' | '\u{2e5d}' | '\u{301c}' | '\u{3030}' | '\u{30a0}' | '\u{fe31}'..='\u{fe32}'
        | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{10ead}');
    c.is_whitespace() || is_invisible || is_dash
}

/// The ASCII form of a digit of any script, or of a full-width letter.
fn ascii_digit(c: char) -> Option<char> {
    const FULL_WIDTH: u32 = 0xfee0;
    if matches!(c, '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}') {
        return char::from_u32(u32::from(c) - FULL_WIDTH);
    }
    let before = ZEROS.partition_point(|zero| *zero <= c);
    let zero = ZEROS.get(before.checked_sub(1)?)?;
    char::from_digit(u32::from(c) - u32::from(*zero), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_become_ascii_digits() {
        assert!(ZEROS.is_sorted());
        for zero in ZEROS {
            for digit in 0..10 {
                let c = char::from_u32(u32::from(zero) + digit).unwrap();
                assert!(c.is_numeric(), "{c:?}");
                assert_eq!(plain_code(&c.to_string()), digit.to_string(), "{c:?}");
            }
        }
    }

    #[test]
    fn spaces_dashes_and_invisible_marks_are_left_out_and_all_else_stays() {
        for typed in [
            "123456",
            " 123 456\n",
            "123-456",
            "123\u{a0}456",
            "123\u{2009}456\t",
            "123\u{2011}456",
            "123\u{2013}456",
            "123\u{2212}456",
            "\u{202a}123456\u{202c}",
            "\u{feff}123456\u{200b}",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "१२३ ४५६",
            "１２３４５６",
        ] {
            assert_eq!(plain_code(typed), "123456", "{typed:?}");
        }
        for typed in ["G123456", "12.34", "½²①", "abcDEF", "1٫2", "十"] {
            assert_eq!(plain_code(typed), typed);
        }
        assert_eq!(plain_code("ＡＢｃ２"), "ABc2");
    }
}
