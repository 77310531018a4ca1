//! Helpers for the tests of the second factor: authenticator apps, and sign-ins that wait for one.

use axum::http::Method;
use data_encoding::BASE32_NOPAD;
use jiff::ToSpan;
use serde_json::{Value, json};

use super::{Answer, SignedIn, TestApp, accounts::PASSWORD};
use shared::second_factors::TotpSecret;

/// An authenticator app with its secret, and the recovery codes that the user kept.
#[derive(Clone)]
pub(crate) struct Authenticator {
    secret: TotpSecret,
    pub(crate) recovery_codes: Vec<String>,
}

impl Authenticator {
    /// An app into which the secret of an enrolment was typed.
    #[track_caller]
    pub(crate) fn new(enrolment: &Answer) -> Self {
        Self::typed(enrolment.assert_ok()["secret"].as_str().unwrap())
    }

    /// An app into which this secret was typed.
    #[track_caller]
    pub(crate) fn typed(secret: &str) -> Self {
        let secret = BASE32_NOPAD.decode(secret.replace(' ', "").as_bytes()).unwrap();
        Self { secret: TotpSecret::from_bytes(&secret).unwrap(), recovery_codes: Vec::new() }
    }

    /// The secret's bytes.
    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// The code that it shows now.
    pub(crate) fn code(&self, app: &TestApp) -> String {
        self.code_of_step(app, 0)
    }

    /// The code that it shows `steps` time steps of 30 s from now.
    pub(crate) fn code_of_step(&self, app: &TestApp, steps: i64) -> String {
        self.secret.code_at(app.latchkey.clock().now() + (30 * steps).seconds())
    }

    /// A code that it does not show within a minute of now.
    pub(crate) fn wrong_code(&self, app: &TestApp) -> String {
        let near = [-2, -1, 0, 1, 2].map(|steps| self.code_of_step(app, steps));
        let mut later = (40..).map(|steps| self.code_of_step(app, steps));
        later.find(|code| !near.contains(code)).unwrap()
    }
}

impl TestApp {
    /// Starts to set up an authenticator app.
    pub(crate) async fn enrol(&self, who: &SignedIn) -> Answer {
        self.call_as(&who.access, Method::POST, "/v1/me/totp").await
    }

    /// Confirms the set-up with a code.
    pub(crate) async fn confirm(&self, who: &SignedIn, code: &str) -> Answer {
        self.post_as(&who.access, "/v1/me/totp/confirm", json!({"code": code})).await
    }

    /// Sets up an authenticator app. Moves to the next time step, since the code that confirmed it
    /// is used up.
    pub(crate) async fn authenticator(&self, who: &SignedIn) -> Authenticator {
        let mut authenticator = Authenticator::new(&self.enrol(who).await);
        let confirmed = self.confirm(who, &authenticator.code(self)).await;
        authenticator.recovery_codes = confirmed.recovery_codes();
        self.advance(30);
        authenticator
    }

    /// A user who has a password and an authenticator app. Their session is older than the app.
    pub(crate) async fn protected(&self, phone: &str) -> (SignedIn, Authenticator) {
        let person = self.person(phone).await;
        let authenticator = self.authenticator(&person).await;
        (person, authenticator)
    }

    /// Signs in by a code and an authenticator app.
    pub(crate) async fn sign_in_with_both(
        &self,
        phone: &str,
        authenticator: &Authenticator,
    ) -> SignedIn {
        self.advance(30);
        let id = self.challenge(phone).await;
        let token = self.verify(&id, &self.code(phone)).await.mfa_token();
        self.totp(&token, &authenticator.code(self)).await.signed_in()
    }

    /// Signs in by password, up to the second factor. Returns the token for it.
    pub(crate) async fn first_factor(&self, phone: &str) -> String {
        self.login(json!({"phone": phone}), PASSWORD).await.mfa_token()
    }

    /// Tries a second factor.
    pub(crate) async fn mfa(&self, mfa_token: &str, method: &str, code: &str) -> Answer {
        self.post("/v1/auth/mfa", json!({"mfa_token": mfa_token, "method": method, "code": code}))
            .await
    }

    /// Tries a code of an authenticator app.
    pub(crate) async fn totp(&self, mfa_token: &str, code: &str) -> Answer {
        self.mfa(mfa_token, "totp", code).await
    }

    /// Tries a recovery code.
    pub(crate) async fn recover(&self, mfa_token: &str, code: &str) -> Answer {
        self.mfa(mfa_token, "recovery_code", code).await
    }

    /// Removes the second factor, with a code.
    pub(crate) async fn remove_totp(&self, who: &SignedIn, code: &str) -> Answer {
        self.json_as(who, Method::DELETE, "/v1/me/totp", json!({"code": code})).await
    }

    /// Asks for a new set of recovery codes.
    pub(crate) async fn renew_codes(&self, who: &SignedIn, code: &str) -> Answer {
        self.post_as(&who.access, "/v1/me/recovery-codes", json!({"code": code})).await
    }
}

impl Answer {
    /// Asserts that the second factor is required, and that the response holds nothing that is
    /// valid without it. Returns the token for it.
    #[track_caller]
    pub(crate) fn mfa_token(&self) -> String {
        let token = self.assert_ok()["mfa_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no mfa_token: {}", self.text));
        assert_eq!(self.json, mfa_required(token));
        let secret = token.split('.').next().unwrap();
        assert!(secret.starts_with("lkm_") && secret.len() == 47, "{token}");
        token.to_owned()
    }

    /// The recovery codes of a set-up.
    #[track_caller]
    pub(crate) fn recovery_codes(&self) -> Vec<String> {
        let codes = self.assert_ok()["recovery_codes"].as_array().unwrap();
        codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
    }

    /// Asserts that a second factor is wrong, and how many tries its token has left.
    #[track_caller]
    pub(crate) fn assert_wrong(&self, attempts_left: Option<u32>) {
        self.assert_problem(400, "otp_incorrect");
        assert_eq!(
            self.json["attempts_left"].as_u64(),
            attempts_left.map(u64::from),
            "{}",
            self.text
        );
    }

    /// Asserts that a step-up is required, in the format of RFC 9470.
    #[track_caller]
    pub(crate) fn assert_step_up(&self, multi_factor: bool) {
        self.assert_problem(401, "insufficient_user_authentication");
        let challenge = self.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.contains(r#"max_age="600""#), "{challenge}");
        assert_eq!(challenge.contains(r#"acr_values="aal2""#), multi_factor, "{challenge}");
    }
}

/// The response to a first factor if a second factor is required.
pub(crate) fn mfa_required(mfa_token: &str) -> Value {
    json!({"status": "mfa_required",
        "mfa_required": true, "mfa_token": mfa_token, "methods": ["totp", "recovery_code"], "expires_in": 300})
}
