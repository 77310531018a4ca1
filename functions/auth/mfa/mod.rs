//! `POST /v1/auth/mfa`: finishes a sign-in that requires a second factor.

use serde::Deserialize;
use shared::{
    apps::Apps,
    base::Error,
    http::{Credentials, EndUserAddress, Json, Trail},
    latchkey::Latchkey,
    second_factors::{MfaToken, SecondFactorMethod, SecondFactors},
    sessions::{Sessions, SignIn},
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
    /// The kind of `code`.
    method: SecondFactorMethod,
    /// The 6 digits that the authenticator app shows, or a recovery code: 16 letters and digits, in
    /// any letter case, with or without hyphens and spaces.
    #[schema(example = "123456")]
    code: String,
}

/// Finish a sign-in with the second factor
///
/// Each code of the authenticator app and each recovery code works once. The response to a wrong
/// code is `otp_incorrect`, with `attempts_left`. When that is 0, the user has to start the sign-in
/// again. If the sign-in is to a confidential app, it authenticates by HTTP Basic here, too; without
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
        "otp_incorrect", "otp_locked", "token_invalid", "token_expired", "user_disabled",
        "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn mfa(
    apps: Apps,
    second_factors: SecondFactors,
    sessions: Sessions,
    trail: Trail,
    Credentials(credentials): Credentials,
    Json(request): Json<MfaRequest>,
) -> Result<Json<SignIn>, Error> {
    let client_id = MfaToken::client_id(&request.mfa_token)?;
    let app = apps.resume(client_id, credentials.as_ref()).await?;
    let recorder = trail.served_by(&app)?;

    let (pending, user) =
        second_factors.prove(&request.mfa_token, request.method, &request.code, &recorder).await?;

    let sign_in = second_factors.redeem(&request.mfa_token, pending.used_by, async {
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
