//! `POST /v1/auth/mfa`: finishes a sign-in that asked for a second factor.

use serde::Deserialize;
use shared::{
    apps::Apps,
    audit::Recorder,
    base::Error,
    http::Json,
    latchkey::Latchkey,
    second_factors::{SecondFactorMethod, SecondFactors},
    sessions::{Sessions, SignIn},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The second factor of a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaRequest {
    /// What the first factor was answered with.
    #[schema(example = "lkm_…")]
    mfa_token: String,
    method: SecondFactorMethod,
    /// Six digits, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Finishes a sign-in that asked for a second factor.
///
/// Each code of the authenticator app and each recovery code is good once. The last wrong code answers
/// `otp_incorrect` with `attempts_left` 0; then the sign-in starts anew.
#[utoipa::path(
    post,
    path = "/v1/auth/mfa",
    operation_id = "auth-mfa",
    tag = "Sign-in",
    request_body = MfaRequest,
    responses((status = 200, description = "Signed in", body = SignIn)),
    extensions(("x-codes" = json!([
        "otp_incorrect", "otp_locked", "token_invalid", "token_expired", "user_disabled", "app_disabled"
    ]))),
)]
async fn mfa(
    apps: Apps,
    second_factors: SecondFactors,
    sessions: Sessions,
    recorder: Recorder,
    Json(request): Json<MfaRequest>,
) -> Result<Json<SignIn>, Error> {
    let pending =
        second_factors.prove(&request.mfa_token, request.method, &request.code, &recorder).await?;
    let sign_in = second_factors.redeem(&request.mfa_token, pending.used_by, async {
        apps.check(&pending.terms.client_id).await?;
        sessions
            .begin(pending.user_id, pending.terms, pending.recognised, recorder.device().clone())
            .await
    });
    sign_in.await?.map(Json).ok_or(Error::TokenInvalid)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(mfa))
}
