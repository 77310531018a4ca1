//! Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, 6 digits and 30 seconds, which every
//! app supports.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{EcLevel, QrCode, render::svg};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::base::{Error, Random, plain_code};

/// How many seconds an app shows one code.
const STEP_SECONDS: i64 = 30;
/// How many steps a device's clock may be ahead or behind (RFC 6238 §5.2 recommends one).
const STEPS_OFF: i64 = 1;
/// Digits of a code.
pub(crate) const DIGITS: usize = 6;
/// Bytes of a secret (RFC 4226 §4 R6 recommends 160 bits).
pub(super) const SECRET_BYTES: usize = 20;
/// Bytes of the secrets of other services: apps read shorter ones than those that are recommended.
const IMPORTED_BYTES: std::ops::RangeInclusive<usize> = 10..=64;
/// All characters but the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secret that an authenticator app shares with us. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// A new secret.
    pub fn draw(random: &Random) -> Result<Self, Error> {
        random.bytes::<SECRET_BYTES>().map(|bytes| Self(bytes.to_vec()))
    }

    /// The secret of bytes that were sealed and opened again.
    ///
    /// # Errors
    /// [`Error::Internal`] for a wrong number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let fits = IMPORTED_BYTES.contains(&bytes.len());
        let secret = fits.then(|| Self(bytes.to_vec()));
        secret.ok_or_else(|| Error::Internal("a TOTP secret of the wrong length".into()))
    }

    /// Reads a secret that another service has drawn: base32 of 10 to 64 bytes, in any letter case, with
    /// or without spaces and padding.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other form.
    pub fn parse(field: &str, text: &str) -> Result<Self, Error> {
        let plain: Zeroizing<String> = Zeroizing::new(
            text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase(),
        );
        let bytes = BASE32_NOPAD.decode(plain.trim_end_matches('=').as_bytes()).ok();
        let bytes = bytes.map(Zeroizing::new).filter(|it| IMPORTED_BYTES.contains(&it.len()));
        bytes.map(|bytes| Self(bytes.to_vec())).ok_or_else(|| {
            let (min, max) = (IMPORTED_BYTES.start(), IMPORTED_BYTES.end());
            Error::field(field, format!("must be base32 of {min} to {max} bytes"))
        })
    }

    /// The bytes, for sealing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as people type it: base32 without padding.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The URI that authenticator apps read.
    /// <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = self.base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
        )
    }

    /// The time step whose code is `code`, as [`plain_code`] reads it, if a device's clock can be at
    /// it `now`.
    pub fn matching_step(&self, code: &str, now: Timestamp) -> Option<i64> {
        let current = now.as_second().div_euclid(STEP_SECONDS);
        let mut matching = None;
        // Always compares all steps, so that the time does not reveal which one matches.
        for step in current - STEPS_OFF..=current + STEPS_OFF {
            if self.is_code_of(code, step) {
                matching = Some(step);
            }
        }
        matching
    }

    /// Whether `code`, as [`plain_code`] reads it, is that of a time step.
    pub(super) fn is_code_of(&self, code: &str, step: i64) -> bool {
        let code = plain_code(code);
        subtle::ConstantTimeEq::ct_eq(self.code(step).as_bytes(), code.as_bytes()).into()
    }

    /// The code that an authenticator app shows at `now`.
    pub fn code_at(&self, now: Timestamp) -> String {
        self.code(now.as_second().div_euclid(STEP_SECONDS))
    }

    /// The code of a time step (RFC 4226 §5.3).
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let digest = hmac::sign(&key, &step.to_be_bytes());
        let digest = digest.as_ref();

        let offset = usize::from(digest.last().copied().unwrap_or_default() & 0x0f);
        let number = digest
            .iter()
            .skip(offset)
            .take(4)
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 10_u32.pow(6))
    }
}

/// A QR code as an SVG document.
///
/// # Errors
/// [`Error::Internal`] if the text is too long for a QR code.
pub fn qr_svg(text: &str) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|error| Error::Internal(format!("no QR code: {error}")))?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret(b"12345678901234567890".to_vec())
    }

    #[test]
    fn the_codes_match_the_examples_of_the_rfcs() {
        // RFC 4226 appendix D, and the last six digits of RFC 6238 appendix B.
        let hotp = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(hotp) {
            assert_eq!(secret().code(step), code);
        }
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code_at(Timestamp::from_second(at).unwrap()), code);
        }
    }

    #[test]
    fn a_code_is_accepted_one_step_early_or_late() {
        let now = Timestamp::from_second(1_800_000_010).unwrap();
        let current = 1_800_000_010 / 30;
        for (step, matches) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = secret().code(current + step);
            assert_eq!(secret().matching_step(&code, now), matches.then_some(current + step));
        }
        for odd in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(secret().matching_step(odd, now), None);
        }
    }

    #[test]
    fn a_name_cannot_add_parameters_to_the_uri() {
        let uri = secret().otpauth_uri("A & B?", "ann:lee@example.com&digits=8");
        assert_eq!(
            uri,
            "otpauth://totp/A%20%26%20B%3F:ann%3Alee%40example.com%26digits%3D8?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%20%26%20B%3F&algorithm=SHA1&digits=6&period=30"
        );
        assert!(qr_svg(&uri).unwrap().starts_with("<?xml"));
    }
}
