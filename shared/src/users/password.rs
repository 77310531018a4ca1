//! Passwords: which ones are accepted.

use unicode_normalization::UnicodeNormalization;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    base::Error,
    users::{UserSettings, breached_passwords::is_breached, common_passwords::is_common},
};

/// The maximum length of a password, in code points (NIST SP 800-63B-4 §3.1.1.2 asks for at least
/// 64).
const MAX_CODE_POINTS: usize = 256;
/// The minimum length of a personal word that makes a password weak, in characters.
const MIN_PERSONAL_CHARS: usize = 4;

/// The beginnings of hashes of passwords, as crypt(3), PHC strings, Django, Werkzeug and LDAP write
/// them. Somebody who moves users here may take the hash for the password.
const HASHES: [&str; 26] = [
    "$1$",
    "$2a$",
    "$2b$",
    "$2x$",
    "$2y$",
    "$5$",
    "$6$",
    "$7$",
    "$y$",
    "$apr1$",
    "$argon2",
    "$bcrypt",
    "$fbscrypt$",
    "$firebase-scrypt$",
    "$firescrypt$",
    "$pbkdf2",
    "$scrypt$",
    "argon2$",
    "bcrypt$",
    "bcrypt_sha256$",
    "pbkdf2_",
    "pbkdf2:",
    "scrypt:",
    "scrypt$",
    "{SSHA",
    "{CRYPT}",
];
/// The minimum length of a hash, in bytes. A shorter text is a password that begins like one.
const MIN_HASH_BYTES: usize = 30;

/// A password in Unicode's NFC, and as it was typed. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Password {
    text: String,
    /// The text as it was typed, if that is not in NFC.
    typed: Option<String>,
    /// The field of the request that it was sent in.
    #[zeroize(skip)]
    field: &'static str,
}

impl Password {
    /// Reads the password in `field` of a request. Its strength is not checked, so that it can be
    /// compared with an existing one.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it is empty or has more than 256 code points. Nothing is cut
    /// off.
    pub fn parse(field: &'static str, text: String) -> Result<Self, Error> {
        let mut text = Zeroizing::new(text);
        let normalized: String = text.nfc().collect();
        if normalized.is_empty() || normalized.chars().count() > MAX_CODE_POINTS {
            return Err(Error::field(
                field,
                format!("must have 1 to {MAX_CODE_POINTS} characters"),
            ));
        }
        let typed = (*text != normalized).then(|| std::mem::take(&mut *text));
        Ok(Self { text: normalized, typed, field })
    }

    /// The text in NFC, which our hashes are made of.
    pub(super) fn normalized(&self) -> &str {
        &self.text
    }

    /// The text as it was typed.
    pub(crate) fn as_typed(&self) -> &str {
        self.typed.as_deref().unwrap_or(&self.text)
    }

    /// The forms that another service may have hashed: the text as it was typed, and in NFC if that
    /// is another.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        self.typed.as_deref().into_iter().chain([self.text.as_str()])
    }

    /// Checks that it may become somebody's new password: it has the minimum length of the
    /// settings, and contains neither the app's name nor one of the user's `personal` words.
    ///
    /// # Errors
    /// [`Error::WeakPassword`] with the reason.
    pub fn check_strength(&self, settings: &UserSettings, personal: &[&str]) -> Result<(), Error> {
        let words: Vec<_> = personal.iter().copied().chain([settings.app_name.as_str()]).collect();
        self.check(settings.password_min_length, &words)
    }

    /// [`Self::check_strength`]; and if the settings name a service that knows the passwords of data
    /// breaches, this is none of them.
    ///
    /// # Errors
    /// [`Error::WeakPassword`] with the reason.
    pub async fn check_new(&self, settings: &UserSettings, personal: &[&str]) -> Result<(), Error> {
        self.check_strength(settings, personal)?;
        match &settings.breached_passwords_url {
            Some(ranges) if is_breached(ranges, &self.text).await => Err(Error::WeakPassword {
                field: self.field,
                reason: "must not be one that is known from a data breach".into(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks that it may become somebody's new password. `personal` are words that are easy to
    /// guess for this user: the app's name, their phone, their names (NIST SP 800-63B-4 §3.1.1.2).
    ///
    /// # Errors
    /// [`Error::WeakPassword`] with the reason.
    fn check(&self, min_code_points: usize, personal: &[&str]) -> Result<(), Error> {
        let weak = |reason: String| Err(Error::WeakPassword { field: self.field, reason });
        if self.text.chars().count() < min_code_points {
            return weak(format!("must have at least {min_code_points} characters"));
        }

        if is_hash(&self.text) {
            return weak("must be the password itself, not a hash of it".into());
        }

        let lower = self.text.to_lowercase();
        if is_common(&lower) {
            return weak("must not be one of the most common passwords".into());
        }

        let mut characters = lower.chars();
        let first = characters.next();
        if characters.all(|c| Some(c) == first) {
            return weak("must not be a single repeated character".into());
        }

        let is_personal = |word: &&&str| {
            let word = word.to_lowercase();
            word.chars().count() >= MIN_PERSONAL_CHARS && lower.contains(&word)
        };
        if personal.iter().any(|word| is_personal(&word)) {
            return weak(
                "must not contain the app's name, or your name, username, phone or e-mail address"
                    .into(),
            );
        }
        Ok(())
    }
}

/// Whether a text is the hash of a password.
fn is_hash(text: &str) -> bool {
    text.len() >= MIN_HASH_BYTES && HASHES.iter().any(|begin| text.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse("password", text.into()).ok().unwrap()
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        let personal = ["Latchkey", "4155550123", "Ann Lee", "ann.lee"];
        for (text, reason) in [
            ("short", "must have at least 8 characters"),
            ("Password1", "must not be one of the most common passwords"),
            ("zzzzzzzzzzzz", "must not be a single repeated character"),
            (
                "my-latchkey-7",
                "must not contain the app's name, or your name, username, phone or e-mail address",
            ),
            (
                "x14155550123y",
                "must not contain the app's name, or your name, username, phone or e-mail address",
            ),
            (
                "hello ann.lee",
                "must not contain the app's name, or your name, username, phone or e-mail address",
            ),
        ] {
            let refusal = password(text).check(8, &personal);
            assert_eq!(
                refusal,
                Err(Error::WeakPassword { field: "password", reason: reason.into() }),
                "{text}"
            );
        }
        for text in ["correct horse battery", "пароль-из-слов", "🔑🔑🔑🔑🔑🔑🔑🗝"]
        {
            assert_eq!(password(text).check(8, &personal), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_hash_is_no_password() {
        let refused = |text: &str| password(text).check(8, &[]).is_err();
        for hash in [
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG",
            "$6$rounds=5000$usesomesalt$Kx8s0rQ0r0p5vJv8",
            "pbkdf2_sha256$600000$salt$xEY3P0a5BfSd6lYy0UbFtYxO5dEVLPa4ECpRw",
            "pbkdf2:sha256:600000$salt$0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "{SSHA}DkMTwBl+a/3DfY+MhWoRCM5Qa6Wt8wPK",
        ] {
            assert!(refused(hash), "{hash}");
        }
        for text in ["$2b$ is a dollar", "bcrypt is not for me", "{SSHA} and so on"] {
            assert!(!refused(text), "{text}");
        }
    }

    #[test]
    fn length_is_counted_in_code_points_and_nothing_is_cut_off() {
        assert!(Password::parse("password", "é".repeat(256)).is_ok());
        assert!(Password::parse("password", "é".repeat(257)).is_err());
        // Composed and decomposed characters are the same password.
        assert_eq!(password("cafe\u{301} au lait").text, password("caf\u{e9} au lait").text);
    }
}
