//! Setting up, checking and removing second factors.

mod inventory;
mod recovery_code;
mod second_factor;
mod set_up;
mod table;
pub mod totp;

pub use self::{
    inventory::Inventory,
    recovery_code::{CODES, RecoveryCode},
    second_factor::{
        Enrolment, MfaRequired, MfaStatus, MfaToken, PendingSignIn, SecondFactor,
        SecondFactorMethod,
    },
    set_up::{NewTotp, SetUp},
    totp::{TotpSecret, qr_svg},
};

use std::sync::Arc;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    apps::App,
    audit::{Event, Recorder},
    base::{Clock, Error, Random, plain_code, whole_seconds},
    crypto::{HashKeys, IdentifierHash},
    limits::Throttle,
    passkeys::{PasskeyProof, Passkeys, RequestOptions},
    table::Store,
    users::{User, UserFilter},
    webauthn::AuthenticationResponse,
};

/// How many second factors in a row may be wrong before the next one has to wait.
const MAX_FAILURES: u32 = 10;

/// Sets up, checks and removes second factors.
#[derive(Clone)]
pub struct SecondFactors {
    pub(crate) store: Store,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

/// The secret that a code used up.
#[derive(PartialEq, Eq)]
enum Used {
    Nothing,
    TotpStep,
    RecoveryCode(IdentifierHash),
}

impl SecondFactors {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// Checks a code of either kind, uses it up, and does the `work` that it opens. The try is counted
    /// before anything is compared. If `work` is unavailable, a recovery code works again: it may be
    /// the last one that the user has.
    ///
    /// # Errors
    /// [`Error::OtpIncorrect`], also for a code that was already used; [`Error::OtpLocked`] during
    /// a lockout; [`Error::Conflict`] if the user has no second factor; the errors of `work`.
    pub async fn with_code<T>(
        &self,
        user: &User,
        code: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mark = Uuid::from_bytes(self.random.bytes()?).to_string();
        let used = self.check((user, None), None, code, &mark).await?;
        let result = work.await;
        if let (Err(Error::Unavailable(_)), Some(hash)) = (&result, used) {
            self.give_back(user.id, &hash, &mark).await;
        }
        result
    }

    /// Gives back a recovery code that was last used with this `mark`.
    async fn give_back(&self, user_id: Uuid, code: &IdentifierHash, mark: &str) {
        if let Err(error) = self.store.give_back_recovery_code(user_id, code, mark).await {
            tracing::warn!(%error, "the recovery code of a failed request was not refunded");
        }
    }

    /// Checks a second factor and uses the code up. A code that was last used with the same `mark` is
    /// accepted again, so that a request can be repeated. Returns the recovery code, if it was one.
    ///
    /// # Errors
    /// As [`Self::with_code`].
    async fn check(
        &self,
        (user, device): (&User, Option<Uuid>),
        method: Option<SecondFactorMethod>,
        code: &str,
        mark: &str,
    ) -> Result<Option<IdentifierHash>, Error> {
        check_form(method, code)?;
        let now = self.clock.now();
        let not_set_up = || Error::conflict("totp", "no authenticator app is set up");
        if !user.totp {
            return Err(not_set_up());
        }

        self.spend(user.id, device).await?;
        let factor = self.store.second_factor(user.id).await?.ok_or_else(not_set_up)?;
        let used = self.use_up(user.id, &factor, (method, code), mark).await?;
        if used == Used::Nothing {
            return Err(Error::OtpIncorrect { attempts_left: None });
        }
        // The code is used, so what it opens must not fail.
        if let Err(error) = self.refund(user.id, device, now).await {
            tracing::warn!(%error, "a right second factor stays counted");
        }
        Ok(match used {
            Used::RecoveryCode(hash) => Some(hash),
            Used::TotpStep | Used::Nothing => None,
        })
    }

    /// Counts a try for the user, where only somebody with the first factor gets, in the row of the
    /// known device or of strangers.
    async fn spend(&self, user_id: Uuid, device: Option<Uuid>) -> Result<(), Error> {
        let (now, first) = (self.clock.now(), MAX_FAILURES);
        let counted = self.hash_keys.user(user_id);
        self.store
            .throttle(&counted, now, |throttle| throttle.spend_factor(device, first, now))
            .await
    }

    /// Ends the run of failures, because the second factor was right.
    async fn refund(
        &self,
        user_id: Uuid,
        device: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let refund = |throttle: &mut Throttle| {
            throttle.pass_factor(device);
            Ok(())
        };
        self.store.throttle(&self.hash_keys.user(user_id), now, refund).await
    }

    /// Uses a code up, if it is right and was not used.
    async fn use_up(
        &self,
        user_id: Uuid,
        factor: &SecondFactor,
        (method, code): (Option<SecondFactorMethod>, &str),
        mark: &str,
    ) -> Result<Used, Error> {
        if method != Some(SecondFactorMethod::RecoveryCode) {
            let (secret, is_old) = self.open(user_id, &factor.sealed_secret)?;
            if let Some(step) = secret.matching_step(code, self.clock.now()) {
                let resealed = if is_old { Some(self.seal(user_id, &secret)?) } else { None };
                let sealed = (factor.sealed_secret.as_slice(), resealed.as_deref());
                let is_used = self.store.use_totp_step(user_id, sealed, step, mark).await?;
                return Ok(if is_used { Used::TotpStep } else { Used::Nothing });
            }
        }

        if method != Some(SecondFactorMethod::Totp)
            && let Some(code) = RecoveryCode::parse(code)
        {
            let hash = code.hash_among(&factor.recovery_codes, user_id, &self.hash_keys);
            let is_used = self.store.use_recovery_code(user_id, &hash, mark).await;
            if let Err(Error::Unavailable(_)) = is_used {
                // It may be used, and only the answer was lost.
                self.give_back(user_id, &hash, mark).await;
            }
            return Ok(if is_used? { Used::RecoveryCode(hash) } else { Used::Nothing });
        }

        Ok(Used::Nothing)
    }

    /// Removes the authenticator app and its recovery codes, by a request of this session.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if the session has ended.
    pub async fn remove(&self, user_id: Uuid, session_id: Uuid) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        let user = self.store.delete_second_factor(user_id, &self.hash_keys, |user| {
            user.check_session(session_id, now)?;
            if user.totp {
                user.totp = false;
                user.updated_at = now;
            }
            Ok(())
        });
        user.await
    }

    /// Makes a new set of recovery codes. The old ones no longer work.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the authenticator app was removed in the meantime.
    pub async fn renew_recovery_codes(&self, user_id: Uuid) -> Result<Vec<RecoveryCode>, Error> {
        let codes = RecoveryCode::draw_set(&self.random)?;
        let hashes = codes.iter().map(|code| code.hash(user_id, &self.hash_keys)).collect();
        if self.store.replace_recovery_codes(user_id, &hashes).await? {
            Ok(codes)
        } else {
            Err(Error::conflict("totp", "no authenticator app is set up"))
        }
    }

    /// Checks the second factor of a sign-in that waits for it. Returns that sign-in, with a
    /// complete `amr`, and its user as just read. A wrong code is recorded in the audit trail. The caller must have checked the
    /// app that [`MfaToken::client_id`] names.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] or [`Error::TokenExpired`] for the token; [`Error::OtpIncorrect`] or
    /// [`Error::OtpLocked`] for the code.
    pub async fn prove(
        &self,
        token: &str,
        method: SecondFactorMethod,
        code: &str,
        recorder: &Recorder,
    ) -> Result<(PendingSignIn, User), Error> {
        check_form(Some(method), code)?;
        let token_hash = IdentifierHash::of_random("mfa token", token);
        let mut pending = self.store.spend_mfa_attempt(&token_hash, self.clock.now()).await?;
        let user = self.user_of(&pending, token).await?;

        // A client that retries after an outage sends the same token and code. This mark lets it
        // through, because its code did not sign anybody in yet.
        let mark = IdentifierHash::of_random("mfa try", &format!("{token} {code}"));
        let device = pending.recognised.device;
        match self.check((&user, device), Some(method), code, mark.as_str()).await {
            Err(Error::OtpIncorrect { .. }) => {
                recorder.record_failed_sign_in(pending.user_id, &pending.terms.client_id).await?;
                return Err(Error::OtpIncorrect { attempts_left: Some(pending.attempts.left()) });
            }
            checked => drop(checked?),
        }

        pending.used_by = Some(self.store.use_pending_sign_in(&token_hash).await?);
        pending.recognised.amr.extend(method.authentication_methods());
        Ok((pending, user))
    }

    /// The user of a pending sign-in with this token, if it still waits.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if it does not.
    async fn user_of(&self, pending: &PendingSignIn, token: &str) -> Result<User, Error> {
        // A token from before tokens named their app.
        if pending.terms.client_id != MfaToken::client_id(token)? {
            return Err(Error::TokenInvalid);
        }
        let waits =
            |user: &User| user.totp && pending.recognised.sign_in_epoch == Some(user.sign_in_epoch);
        self.store.user(pending.user_id).await?.filter(waits).ok_or(Error::TokenInvalid)
    }

    /// The options with which a browser uses a passkey as the second factor of a sign-in that waits for it. No
    /// try is used.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] or [`Error::TokenExpired`] for the token; those of
    /// [`Passkeys::second_factor_options`].
    pub async fn passkey_options(
        &self,
        token: &str,
        passkeys: &Passkeys,
    ) -> Result<RequestOptions, Error> {
        let token_hash = IdentifierHash::of_random("mfa token", token);
        let pending = self.store.pending_sign_in(&token_hash, self.clock.now()).await?;
        let user = self.user_of(&pending, token).await?;
        passkeys.second_factor_options(&user, token).await
    }

    /// As [`Self::prove`], by a passkey of the user.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] or [`Error::TokenExpired`] for the token; [`Error::OtpLocked`] if it
    /// has no tries left; those of [`Passkeys::prove_second_factor`].
    pub async fn prove_by_passkey(
        &self,
        (token, app): (&str, Option<&App>),
        credential: &AuthenticationResponse,
        passkeys: &Passkeys,
        recorder: &Recorder,
    ) -> Result<(PendingSignIn, PasskeyProof), Error> {
        let token_hash = IdentifierHash::of_random("mfa token", token);
        let mut pending = self.store.spend_mfa_attempt(&token_hash, self.clock.now()).await?;
        let user = self.user_of(&pending, token).await?;
        let proof = match passkeys.prove_second_factor(user, credential, (token, app)).await {
            Err(error @ (Error::PasskeyInvalid(_) | Error::PasskeyUnknown)) => {
                recorder.record_failed_sign_in(pending.user_id, &pending.terms.client_id).await?;
                return Err(error);
            }
            proof => proof?,
        };

        pending.used_by = Some(self.store.use_pending_sign_in(&token_hash).await?);
        pending.recognised.amr.extend(PasskeyProof::METHODS);
        Ok((pending, proof))
    }

    /// Does the `work` for which a pending sign-in was used. If `work` is unavailable, the sign-in
    /// can be used again.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn redeem<T>(
        &self,
        token: &str,
        used_by: Option<Uuid>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let result = work.await;
        if let (Err(Error::Unavailable(_)), Some(used_by)) = (&result, used_by) {
            let token_hash = IdentifierHash::of_random("mfa token", token);
            if let Err(error) = self.store.reopen_pending_sign_in(&token_hash, used_by).await {
                tracing::warn!(
                    %error,
                    "a pending sign-in stays used although signing in failed; \
                     the user has to start again"
                );
            }
        }
        result
    }

    /// The secret of an authenticator app, and whether the previous root sealed it.
    fn open(&self, user_id: Uuid, sealed: &[u8]) -> Result<(TotpSecret, bool), Error> {
        let (secret, is_old) = self.hash_keys.open_second_factor(user_id, sealed)?;
        Ok((TotpSecret::from_bytes(&secret)?, is_old))
    }

    fn seal(&self, user_id: Uuid, secret: &TotpSecret) -> Result<Vec<u8>, Error> {
        self.hash_keys.seal_second_factor(user_id, secret.as_bytes(), &self.random)
    }

    /// Moves up to `limit` users after a place in the list of users, at the same time. Returns how
    /// many, and the place of the next ones if there are more.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then some of them may have moved.
    pub async fn move_users(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(usize, Option<String>), Error> {
        let page = self.store.users(&UserFilter::default(), after, limit).await?;
        try_join_all(page.items.iter().map(|user| self.move_user(user.id))).await?;
        Ok((page.items.len(), page.end))
    }

    /// Moves what the previous root made for a user to the current one: who owns their identifiers,
    /// and the secret of their authenticator app. Their password and their recovery codes cannot
    /// move without them.
    async fn move_user(&self, user_id: Uuid) -> Result<(), Error> {
        self.store.move_owners(user_id, &self.hash_keys).await?;
        let Some(factor) = self.store.second_factor(user_id).await? else { return Ok(()) };
        let (secret, is_old) = self.open(user_id, &factor.sealed_secret)?;
        if is_old {
            let resealed = self.seal(user_id, &secret)?;
            self.store.reseal_second_factor(user_id, &factor.sealed_secret, &resealed).await?;
        }
        Ok(())
    }
}

/// Refuses a code that does not have the form of its method, before a try is spent on it.
///
/// # Errors
/// [`Error::InvalidRequest`].
fn check_form(method: Option<SecondFactorMethod>, code: &str) -> Result<(), Error> {
    let plain = plain_code(code);
    let is_totp = || plain.len() == totp::DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit());
    let is_recovery_code = || RecoveryCode::parse(code).is_some();
    let (fits, expected) = match method {
        Some(SecondFactorMethod::Totp) => (is_totp(), "must be 6 digits"),
        Some(SecondFactorMethod::RecoveryCode) => {
            (is_recovery_code(), "must be a recovery code of 16 letters and digits")
        }
        Some(SecondFactorMethod::Passkey) => (false, "must not be sent with the method passkey"),
        None => (
            is_totp() || is_recovery_code(),
            "must be 6 digits or a recovery code of 16 letters and digits",
        ),
    };
    if fits { Ok(()) } else { Err(Error::field("code", expected)) }
}
