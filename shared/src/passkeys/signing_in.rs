//! Signing in with a passkey: the person proves who they are, and that by two factors.

use jiff::{Timestamp, tz::TimeZone};

use super::{Challenge, Passkey, Passkeys, Purpose, RequestOptions, passkey_id};
use crate::{
    apps::App,
    audit::{Action, Activity, Recorder},
    base::Error,
    users::{AuthenticationMethod, Recognised, User},
    webauthn::{self, Assertion, AuthenticationResponse},
};

/// Somebody who has used their passkey.
pub struct PasskeyProof {
    /// The user, as they were just read.
    pub user: User,
    passkey: Passkey,
    assertion: Assertion,
}

impl PasskeyProof {
    /// The methods that a passkey stands for: a key, a person who was there, and two factors
    /// (RFC 8176 §2).
    pub const METHODS: [AuthenticationMethod; 3] =
        [AuthenticationMethod::Pop, AuthenticationMethod::UserPresence, AuthenticationMethod::Mfa];

    /// How the user was recognised. If the passkey is removed before the session begins, the sign-in
    /// fails.
    pub fn recognised(&self) -> Recognised {
        Recognised {
            amr: Self::METHODS.to_vec(),
            password_count: None,
            device: None,
            sign_in_epoch: Some(self.user.sign_in_epoch),
        }
    }

    /// Whether the counter of a passkey that counts did not grow. It can mean that there is a copy of
    /// its key (WebAuthn Level 3 §6.1.1). Synced passkeys do not count.
    fn counter_stands(&self) -> bool {
        let (now, before) = (self.assertion.sign_count, self.passkey.sign_count);
        !self.passkey.backup_eligible && (now != 0 || before != 0) && now <= before
    }

    /// Whether something is to be written of this use: once a day, and when a number has changed.
    fn is_news(&self, now: Timestamp) -> bool {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let Assertion { sign_count, backed_up } = self.assertion;
        day(self.passkey.last_used_at) != day(now)
            || sign_count > self.passkey.sign_count
            || backed_up != self.passkey.backed_up
    }
}

/// The passkey that a response is of, and the challenge that it is for. Nothing is verified yet.
pub struct FoundPasskey {
    passkey: Passkey,
    challenge: Challenge,
}

impl Passkeys {
    /// The options with which a browser uses a passkey to sign in to an app. Nothing is read or
    /// written.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys.
    pub fn request_options(&self, client_id: &str) -> Result<RequestOptions, Error> {
        self.options_for(Purpose::SignIn(client_id), Vec::new())
    }

    /// The options with which a browser uses a passkey of `user` as the second factor of the sign-in
    /// with this token.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys; [`Error::Conflict`] if the user has
    /// none.
    pub async fn second_factor_options(
        &self,
        user: &User,
        mfa_token: &str,
    ) -> Result<RequestOptions, Error> {
        self.rp_id()?;
        let passkeys = self.store.passkeys_of(user).await?;
        if passkeys.is_empty() {
            return Err(Error::conflict("mfa_token", "is of a user who has no passkey"));
        }
        self.options_for(Purpose::SecondFactor(mfa_token), passkeys)
    }

    fn options_for(
        &self,
        purpose: Purpose<'_>,
        passkeys: Vec<Passkey>,
    ) -> Result<RequestOptions, Error> {
        let rp_id = self.rp_id()?;
        let challenge = Challenge::draw(&self.random, self.clock.now())?;
        Ok(RequestOptions::new(rp_id, passkeys, challenge.seal(purpose, &self.hash_keys)))
    }

    /// The passkey that a response is of, as the store keeps it, for a sign-in to an app. A response to a
    /// challenge that is not ours costs nothing.
    ///
    /// # Errors
    /// [`Error::PasskeyInvalid`] for such a response; [`Error::PasskeyUnknown`] if there is no such
    /// passkey.
    pub async fn find(
        &self,
        response: &AuthenticationResponse,
        client_id: &str,
    ) -> Result<FoundPasskey, Error> {
        self.rp_id()?;
        let challenge = self.challenge_of(response, Purpose::SignIn(client_id))?;
        Ok(FoundPasskey { passkey: self.stored(response).await?, challenge })
    }

    async fn stored(&self, response: &AuthenticationResponse) -> Result<Passkey, Error> {
        if !response.has_id() {
            return Err(Error::PasskeyUnknown);
        }
        let passkey = self.store.passkey(passkey_id(&response.id.0)).await?;
        passkey.ok_or(Error::PasskeyUnknown)
    }

    fn challenge_of(
        &self,
        response: &AuthenticationResponse,
        purpose: Purpose<'_>,
    ) -> Result<Challenge, Error> {
        let claimed = webauthn::claimed_challenge(&response.response.client_data_json);
        let now = self.clock.now();
        claimed
            .and_then(|sealed| Challenge::open(&sealed, purpose, &self.hash_keys, now))
            .ok_or(Error::PasskeyInvalid("is not for a challenge of the last 5 minutes"))
    }

    /// Verifies that a response is of the passkey that was found for a sign-in to this app, and uses its
    /// challenge up. A wrong one is recorded in the audit trail.
    ///
    /// # Errors
    /// [`Error::PasskeyInvalid`]; [`Error::PasskeyUnknown`] if its user has removed it.
    pub async fn prove(
        &self,
        FoundPasskey { passkey, challenge }: FoundPasskey,
        response: &AuthenticationResponse,
        app: &App,
        recorder: &Recorder,
    ) -> Result<PasskeyProof, Error> {
        let assertion = match self.verified(&passkey, response, Some(app)) {
            Ok(assertion) => assertion,
            Err(error) => {
                recorder.record_failed_sign_in(passkey.user_id, &app.client_id).await?;
                return Err(error);
            }
        };

        let name = challenge.name();
        let (is_new, user) = tokio::try_join!(
            self.store.use_passkey_challenge(&name, challenge.expires_at),
            self.store.user(passkey.user_id),
        )?;
        if !is_new {
            return Err(Error::PasskeyInvalid("is for a challenge that was used"));
        }
        let user = named_by(user, &passkey)?;
        let handle = response.response.user_handle.as_ref().map(|handle| &handle.0);
        if handle != user.passkey_handle.as_ref() {
            recorder.record_failed_sign_in(user.id, &app.client_id).await?;
            return Err(Error::PasskeyInvalid(WRONG_SIGNATURE));
        }
        Ok(PasskeyProof { user, passkey, assertion })
    }

    /// Verifies that a response is of a passkey of `user`, as the second factor of the sign-in with
    /// this token.
    ///
    /// # Errors
    /// [`Error::PasskeyInvalid`]; [`Error::PasskeyUnknown`] if nobody has the passkey.
    pub async fn prove_second_factor(
        &self,
        user: User,
        response: &AuthenticationResponse,
        (mfa_token, app): (&str, Option<&App>),
    ) -> Result<PasskeyProof, Error> {
        self.rp_id()?;
        self.challenge_of(response, Purpose::SecondFactor(mfa_token))?;
        let passkey = self.stored(response).await?;
        if passkey.user_id != user.id {
            return Err(Error::PasskeyInvalid("is of somebody else"));
        }
        let user = named_by(Some(user), &passkey)?;
        let assertion = self.verified(&passkey, response, app)?;
        // The user is known, so an authenticator may leave it out (Web Authentication Level 3 §7.2
        // step 6).
        let handle = response.response.user_handle.as_ref().filter(|handle| !handle.0.is_empty());
        if handle.is_some_and(|handle| Some(&handle.0) != user.passkey_handle.as_ref()) {
            return Err(Error::PasskeyInvalid(WRONG_SIGNATURE));
        }
        Ok(PasskeyProof { user, passkey, assertion })
    }

    fn verified(
        &self,
        passkey: &Passkey,
        response: &AuthenticationResponse,
        app: Option<&App>,
    ) -> Result<Assertion, Error> {
        let expected = self.expected(app)?;
        let key = (passkey.public_key.as_slice(), passkey.backup_eligible);
        webauthn::authenticate(response, key, &expected)
            .map(|(assertion, _)| assertion)
            .map_err(|fault| Error::PasskeyInvalid(fault.text()))
    }

    /// Notes that a passkey was used. If that fails it is only logged: the person is signed in.
    pub async fn note_use(&self, proof: &PasskeyProof, client_id: &str, recorder: &Recorder) {
        let now = self.clock.now();
        let noted = async {
            if proof.counter_stands() {
                let user_id = proof.user.id;
                let activity = Activity::own(Action::PasskeyCounter, user_id, client_id);
                recorder.record(activity).await?;
            }
            if !proof.is_news(now) {
                return Ok(());
            }
            let Assertion { sign_count, backed_up } = proof.assertion;
            let count = sign_count.max(proof.passkey.sign_count);
            self.store.note_passkey_use(&proof.passkey, (count, backed_up), now).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the use of a passkey was not noted");
        }
    }
}

/// The answer to a wrong user handle, which is that to a wrong signature.
const WRONG_SIGNATURE: &str = "has a wrong signature";

/// The user of a passkey, if they have not removed it.
fn named_by(user: Option<User>, passkey: &Passkey) -> Result<User, Error> {
    user.filter(|user| user.passkeys.contains(&passkey.id())).ok_or(Error::PasskeyUnknown)
}
