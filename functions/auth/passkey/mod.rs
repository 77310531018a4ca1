//! `POST /v1/auth/passkey`: signs in with a passkey.

use serde::Deserialize;
use shared::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    base::Error,
    http::{CredentialJson, Credentials, EndUserAddress, Json, Trail},
    latchkey::Latchkey,
    passkeys::Passkeys,
    sessions::{Sessions, SignIn},
    webauthn::AuthenticationResponse,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A passkey that was used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeySignInRequest {
    /// The result of `navigator.credentials.get` as JSON: its `toJSON()`.
    credential: AuthenticationResponse,
    /// The app to sign in to, as in the options. Default: the app that authenticates by HTTP Basic,
    /// or `default`.
    client_id: Option<String>,
}

/// Sign in with a passkey
///
/// The passkey says who the user is. It stands for two factors: the tokens have `acr` `aal2`, and
/// there is no second step. A confidential app authenticates by HTTP Basic. `passkey_unknown` means
/// that nobody has this passkey: tell the browser by `PublicKeyCredential.signalUnknownCredential`.
#[utoipa::path(
    post,
    path = "/v1/auth/passkey",
    operation_id = "auth-passkey",
    tag = "Passkeys",
    params(EndUserAddress),
    request_body = PasskeySignInRequest,
    responses((status = 200, description = "Signed in", body = SignIn)),
    extensions(("x-codes" = json!([
        "not_found", "passkey_unknown", "passkey_invalid", "token_invalid", "user_disabled",
        "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn passkey(
    apps: Apps,
    passkeys: Passkeys,
    sessions: Sessions,
    trail: Trail,
    Credentials(credentials): Credentials,
    CredentialJson(request): CredentialJson<PasskeySignInRequest>,
) -> Result<Json<SignIn>, Error> {
    let PasskeySignInRequest { credential, client_id } = &request;
    let of_credentials = credentials.as_ref().map(|credentials| credentials.client_id.as_str());
    let wanted = client_id.as_deref().or(of_credentials).unwrap_or(DEFAULT_CLIENT_ID);
    let (app, found) = tokio::try_join!(
        apps.identify(client_id.as_deref(), credentials.as_ref()),
        passkeys.find(credential, wanted),
    )?;
    let recorder = trail.served_by(&app)?;
    let proof = passkeys.prove(found, credential, &app, &recorder).await?;

    let terms = app.session_terms(apps.settings());
    let (user, device) = (&proof.user, recorder.device().clone());
    let begun = sessions.begin((user.id, Some(user)), terms, proof.recognised(), device);
    let (sign_in, ()) = tokio::join!(begun, passkeys.note_use(&proof, &app.client_id, &recorder));
    sign_in?.map(Json).ok_or(Error::PasskeyUnknown)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(passkey))
}
