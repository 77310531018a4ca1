//! Setting up an authenticator app: the secret, and the first code, which confirms it.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Enrolment, RecoveryCode, SecondFactor, SecondFactorMethod, SecondFactors, TotpSecret,
    check_form, totp::SECRET_BYTES,
};
use crate::{
    apps::App,
    base::{Error, Random, seconds, seconds_until, whole_seconds},
    crypto::HashKeys,
    users::{AuthenticationMethod, User},
};

/// How many seconds a user has to confirm an authenticator app.
const ENROLMENT_SECONDS: i64 = 600;

/// The data that an authenticator app needs to show codes.
pub struct NewTotp {
    /// The secret.
    pub secret: TotpSecret,
    /// The secret as a URI that authenticator apps read.
    pub otpauth_uri: String,
    /// Seconds until it has to be confirmed.
    pub expires_in: i64,
}

/// A set-up that the hosted page holds. It has no `Debug` and no `Serialize`.
pub struct SetUp {
    /// The secret.
    pub secret: TotpSecret,
    /// The recovery codes. They are drawn with the secret, so that a confirmation that is sent again
    /// shows the same ones.
    pub recovery_codes: Vec<RecoveryCode>,
    /// Until when it can be confirmed.
    expires_at: Timestamp,
}

impl SetUp {
    /// Reads a set-up that was sealed for this user.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`].
    pub fn open(sealed: &str, user_id: Uuid, keys: &HashKeys) -> Result<Self, Error> {
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).map_err(|_| Error::TokenInvalid)?;
        let opened = keys.open_second_factor(user_id, &bytes).map_err(|_| Error::TokenInvalid)?;
        Self::read(&Zeroizing::new(opened.0)).ok_or(Error::TokenInvalid)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (secret, rest) = content.split_first_chunk::<SECRET_BYTES>()?;
        let (expires_at, codes) = rest.split_first_chunk()?;
        let codes = std::str::from_utf8(codes).ok()?;
        let expires_at = Timestamp::from_second(i64::from_be_bytes(*expires_at)).ok()?;
        let recovery_codes: Option<Vec<_>> =
            codes.split_whitespace().map(RecoveryCode::parse).collect();
        Some(Self {
            secret: TotpSecret::from_bytes(secret).ok()?,
            recovery_codes: recovery_codes?,
            expires_at,
        })
    }

    fn seal(&self, user_id: Uuid, (keys, random): (&HashKeys, &Random)) -> Result<String, Error> {
        let mut content = Zeroizing::new(self.secret.as_bytes().to_vec());
        content.extend(self.expires_at.as_second().to_be_bytes());
        for code in &self.recovery_codes {
            content.extend(Zeroizing::new(code.shown()).bytes());
            content.push(b' ');
        }
        let sealed = keys.seal_second_factor(user_id, &content, random)?;
        Ok(BASE64URL_NOPAD.encode(&sealed))
    }
}

impl SecondFactors {
    /// Starts to set up an authenticator app. It replaces one that was not confirmed.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the user already has a confirmed one.
    pub async fn enrol(&self, user: &User, app: &App) -> Result<NewTotp, Error> {
        if user.totp {
            return Err(already_set_up());
        }

        let now = self.clock.now();
        let secret = TotpSecret::draw(&self.random)?;
        let enrolment = Enrolment {
            sealed_secret: self.seal(user.id, &secret)?,
            expires_at: now + seconds(ENROLMENT_SECONDS),
        };
        self.store.put_enrolment(user.id, &enrolment).await?;

        let otpauth_uri = secret.otpauth_uri(&app.name, &user.display_name());
        Ok(NewTotp { secret, otpauth_uri, expires_in: seconds_until(enrolment.expires_at, now) })
    }

    /// Finishes the set-up with a first code, and ends all sessions but the one that did it. Returns
    /// the user and the recovery codes, which are shown only this once.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no set-up is waiting to be confirmed, or the user already has an
    /// authenticator app; [`Error::OtpIncorrect`]; [`Error::OtpLocked`] during a lockout.
    pub async fn confirm(
        &self,
        (user, session_id): (&User, Uuid),
        code: &str,
    ) -> Result<(User, Vec<RecoveryCode>), Error> {
        check_form(Some(SecondFactorMethod::Totp), code)?;
        if user.totp {
            return Err(already_set_up());
        }

        let enrolment =
            self.store.enrolment(user.id, self.clock.now()).await?.ok_or_else(|| {
                Error::conflict("totp", "no set-up is waiting to be confirmed; start it again")
            })?;
        let (secret, _) = self.open(user.id, &enrolment.sealed_secret)?;
        let recovery_codes = RecoveryCode::draw_set(&self.random)?;

        // Only the session that began the set-up knows the secret. Another session of the user
        // could guess codes, so tries are counted here, too.
        let step = self.first_step(user.id, &secret, code).await?;
        let factor = self.factor(user.id, enrolment.sealed_secret, (step, &recovery_codes));
        let user = self.switch_on(user.id, (session_id, &[]), &factor, true).await?;
        Ok((user, recovery_codes))
    }

    /// Begins a set-up that the hosted page holds, for a user without a second factor. Nothing is
    /// stored. Returns the set-up, sealed for this user.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn begin_set_up(&self, user_id: Uuid) -> Result<String, Error> {
        let set_up = SetUp {
            secret: TotpSecret::draw(&self.random)?,
            recovery_codes: RecoveryCode::draw_set(&self.random)?,
            expires_at: whole_seconds(self.clock.now()) + seconds(ENROLMENT_SECONDS),
        };
        set_up.seal(user_id, (&self.hash_keys, &self.random))
    }

    /// Finishes a set-up that the hosted page holds with a first code, and ends all sessions but that
    /// of the browser, which then has both factors. Returns the user, or `None` if this set-up was
    /// confirmed before with this code: then the page may show its recovery codes again.
    ///
    /// # Errors
    /// [`Error::TokenExpired`] if the set-up is older than ten minutes; [`Error::Conflict`] if the
    /// user has another authenticator app by now; [`Error::TokenInvalid`] if the session of the browser
    /// has ended; [`Error::OtpIncorrect`]; [`Error::OtpLocked`] during a lockout.
    pub async fn confirm_set_up(
        &self,
        (user, session_id): (&User, Uuid),
        sealed: &str,
        code: &str,
    ) -> Result<Option<User>, Error> {
        check_form(Some(SecondFactorMethod::Totp), code)?;
        let set_up = SetUp::open(sealed, user.id, &self.hash_keys)?;
        if set_up.expires_at <= self.clock.now() {
            return Err(Error::TokenExpired);
        }

        if !user.totp {
            match self.confirm_new((user.id, session_id), &set_up, code).await {
                // Another request has confirmed a set-up since the user was read.
                Err(Error::Conflict(_)) => {}
                confirmed => return confirmed.map(Some),
            }
        }
        // A person who reloads the page, or taps twice, must see the codes that were stored.
        match self.is_confirmed_by(user.id, &set_up, code).await? {
            true => Ok(None),
            false => Err(already_set_up()),
        }
    }

    async fn confirm_new(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        set_up: &SetUp,
        code: &str,
    ) -> Result<User, Error> {
        let step = self.first_step(user_id, &set_up.secret, code).await?;
        let sealed_secret = self.seal(user_id, &set_up.secret)?;
        let factor = self.factor(user_id, sealed_secret, (step, &set_up.recovery_codes));
        let proven = SecondFactorMethod::Totp.authentication_methods();
        self.switch_on(user_id, (session_id, proven), &factor, false).await
    }

    /// Whether the user's second factor is this set-up, and `code` is the last one that was used.
    async fn is_confirmed_by(
        &self,
        user_id: Uuid,
        set_up: &SetUp,
        code: &str,
    ) -> Result<bool, Error> {
        let Some(factor) = self.store.second_factor(user_id).await? else { return Ok(false) };
        let (secret, _) = self.open(user_id, &factor.sealed_secret)?;
        let is_same: bool =
            subtle::ConstantTimeEq::ct_eq(secret.as_bytes(), set_up.secret.as_bytes()).into();
        Ok(is_same && secret.is_code_of(code, factor.last_step))
    }

    /// The time step of a first code. The try is counted before the code is compared.
    async fn first_step(
        &self,
        user_id: Uuid,
        secret: &TotpSecret,
        code: &str,
    ) -> Result<i64, Error> {
        let now = self.clock.now();
        self.spend(user_id, None).await?;
        let step =
            secret.matching_step(code, now).ok_or(Error::OtpIncorrect { attempts_left: None })?;
        self.refund(user_id, None, now).await?;
        Ok(step)
    }

    /// A second factor that is confirmed now, with the code of a time step.
    fn factor(
        &self,
        user_id: Uuid,
        sealed_secret: Vec<u8>,
        (last_step, codes): (i64, &[RecoveryCode]),
    ) -> SecondFactor {
        SecondFactor {
            sealed_secret,
            last_step,
            recovery_codes: codes.iter().map(|code| code.hash(user_id, &self.hash_keys)).collect(),
            created_at: self.clock.now(),
        }
    }

    /// Switches a second factor on, and ends all sessions of the user but one, which gets the
    /// methods in `proven`. If it was enrolled, the enrolment must still be there.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the user has a second factor by now, or the enrolment is gone;
    /// [`Error::TokenInvalid`] if the session has ended.
    async fn switch_on(
        &self,
        user_id: Uuid,
        (session_id, proven): (Uuid, &[AuthenticationMethod]),
        factor: &SecondFactor,
        is_enrolled: bool,
    ) -> Result<User, Error> {
        let changed_at = whole_seconds(self.clock.now());
        let change = |user: &mut User| {
            // Of two set-ups that began at the same time, the second must not replace the first.
            if user.totp {
                return Err(already_set_up());
            }
            user.totp = true;
            // Sessions that began with one factor are weaker than the account is now.
            user.sign_out_elsewhere(session_id);
            match user.sessions.get_mut(&session_id) {
                Some(session) => session.amr.extend(proven),
                None => return Err(Error::TokenInvalid),
            }
            // A device that is known by one factor alone is not known any more.
            user.device_epoch += 1;
            user.updated_at = changed_at;
            Ok(())
        };
        // Of several confirmations at the same time, only one succeeds, and its recovery codes
        // count.
        let user =
            self.store.put_second_factor(user_id, &self.hash_keys, (factor, is_enrolled), change);
        user.await.map_err(|error| match error {
            Error::PreconditionFailed => {
                Error::conflict("totp", "the set-up was already confirmed")
            }
            error => error,
        })
    }
}

fn already_set_up() -> Error {
    Error::conflict("totp", "an authenticator app is set up already; remove it first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_is_read_for_its_user_alone() {
        let (keys, random) = (HashKeys::derive(&[7; 32]).unwrap(), Random::system());
        let (user_id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let set_up = SetUp {
            secret: TotpSecret::draw(&random).unwrap(),
            recovery_codes: RecoveryCode::draw_set(&random).unwrap(),
            expires_at: Timestamp::from_second(1_800_000_600).unwrap(),
        };
        let sealed = set_up.seal(user_id, (&keys, &random)).unwrap();
        let read = SetUp::open(&sealed, user_id, &keys).unwrap();
        assert_eq!(read.secret.as_bytes(), set_up.secret.as_bytes());
        assert_eq!(read.expires_at, set_up.expires_at);
        let shown = |it: &SetUp| it.recovery_codes.iter().map(RecoveryCode::shown).collect();
        let (codes, drawn): (Vec<_>, Vec<_>) = (shown(&read), shown(&set_up));
        assert_eq!(codes, drawn);

        assert!(SetUp::open(&sealed, other, &keys).is_err());
        let stored = keys.seal_second_factor(user_id, set_up.secret.as_bytes(), &random).unwrap();
        for odd in ["", "AAAA", &sealed[4..], &BASE64URL_NOPAD.encode(&stored)] {
            assert!(SetUp::open(odd, user_id, &keys).is_err(), "{odd}");
        }
    }
}
