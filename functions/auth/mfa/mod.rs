//! `POST /v1/auth/mfa`: finishes a sign-in that requires a second factor.

use serde::Deserialize;
use shared::{
    apps::Apps,
    base::Error,
    http::{CredentialJson, Credentials, EndUserAddress, Json, Trail},
    latchkey::Latchkey,
    passkeys::Passkeys,
    second_factors::{MfaToken, SecondFactorMethod, SecondFactors},
    sessions::{Sessions, SignIn},
    webauthn::AuthenticationResponse,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The second factor of a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456", "method": "totp", "mfa_token": "lkm_…"}))]
pub struct MfaRequest {
    /// The `mfa_token` from the response to the first factor. It is valid for 300 seconds.
    #[schema(example = "lkm_…")]
    mfa_token: String,
    /// The kind of second factor.
    method: SecondFactorMethod,
    /// The 6 digits that the authenticator app shows, or a recovery code: 16 letters and digits, in
    /// any letter case, with or without hyphens and spaces. Not for the method `passkey`.
    #[schema(example = "123456")]
    code: Option<String>,
    /// For the method `passkey`: the result of `navigator.credentials.get` as JSON, with options of
    /// `POST /v1/auth/passkey/options` for this `mfa_token`.
    credential: Option<AuthenticationResponse>,
}

/// The second factor that a request has.
enum Sent<'a> {
    Code(&'a str),
    Passkey(&'a AuthenticationResponse),
}

impl MfaRequest {
    /// The second factor, which must be of the method.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    fn second_factor(&self) -> Result<Sent<'_>, Error> {
        match (self.method, &self.code, &self.credential) {
            (SecondFactorMethod::Passkey, None, Some(credential)) => Ok(Sent::Passkey(credential)),
            (SecondFactorMethod::Passkey, _, None) => {
                Err(Error::field("credential", "is missing: the method is passkey"))
            }
            (SecondFactorMethod::Passkey, Some(_), _) => {
                Err(Error::field("code", "must not be sent with the method passkey"))
            }
            (_, Some(code), None) => Ok(Sent::Code(code)),
            (_, None, _) => Err(Error::field("code", "is missing")),
            (_, _, Some(_)) => {
                Err(Error::field("credential", "must be sent with the method passkey only"))
            }
        }
    }
}

/// Finish a sign-in with the second factor
///
/// Each code of the authenticator app and each recovery code works once. The response to a wrong
/// code is `otp_incorrect`, with `attempts_left`. When that is 0, the user has to start the sign-in
/// again. A passkey of the user is a second factor, too, if `methods` names it. If the sign-in is to a confidential app, it authenticates by HTTP Basic here, too; without
/// that, no try is used.
#[utoipa::path(
    post,
    path = "/v1/auth/mfa",
    operation_id = "auth-mfa",
    tag = "Sign-in",
    params(EndUserAddress),
    request_body = MfaRequest,
    responses((status = 200, description = "Signed in", body = SignIn)),
    extensions(("x-codes" = json!([
        "otp_incorrect", "otp_locked", "passkey_invalid", "passkey_unknown", "not_found",
        "token_invalid", "token_expired", "user_disabled", "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn mfa(
    apps: Apps,
    second_factors: SecondFactors,
    passkeys: Passkeys,
    sessions: Sessions,
    trail: Trail,
    Credentials(credentials): Credentials,
    CredentialJson(request): CredentialJson<MfaRequest>,
) -> Result<Json<SignIn>, Error> {
    let (token, sent) = (&request.mfa_token, request.second_factor()?);
    let client_id = MfaToken::client_id(token)?;
    let app = apps.resume(client_id, credentials.as_ref()).await?;
    let recorder = trail.served_by(&app)?;

    let (pending, user) = match sent {
        Sent::Code(code) => second_factors.prove(token, request.method, code, &recorder).await?,
        Sent::Passkey(credential) => {
            let at = (token.as_str(), app.as_ref());
            let (pending, proof) =
                second_factors.prove_by_passkey(at, credential, &passkeys, &recorder).await?;
            passkeys.note_use(&proof, client_id, &recorder).await;
            (pending, proof.user)
        }
    };

    let sign_in = second_factors.redeem(token, pending.used_by, async {
        let device = recorder.device().clone();
        let who = (user.id, Some(&user));
        sessions.begin(who, pending.terms, pending.recognised, device).await
    });

    sign_in.await?.map(Json).ok_or(Error::TokenInvalid)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(mfa))
}
