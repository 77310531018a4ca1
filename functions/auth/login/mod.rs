//! `POST /v1/auth/login`: sign-in with a password.

use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::Apps,
    audit::Recorder,
    base::Error,
    challenges::Challenges,
    http::{Credentials, Json},
    identifiers::{Identifier, Username},
    latchkey::Latchkey,
    sessions::{Sessions, SignIn},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Who signs in: by phone, e-mail address or username, one of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    email: Option<String>,
    username: Option<String>,
    password: String,
    client_id: Option<String>,
}

/// Signs in with a password.
///
/// Whoever gets the password of one person wrong too often has to wait, whether or not there is such
/// a person.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    operation_id = "auth-login",
    tag = "Sign-in",
    request_body = LoginRequest,
    responses((status = 200, description = "Signed in, or the second factor is due", body = SignIn)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "invalid_credentials", "too_many_attempts",
        "user_disabled", "invalid_client", "app_disabled"
    ]))),
)]
async fn login(
    apps: Apps,
    accounts: Accounts,
    challenges: Challenges,
    sessions: Sessions,
    recorder: Recorder,
    Credentials(credentials): Credentials,
    Json(request): Json<LoginRequest>,
) -> Result<Json<SignIn>, Error> {
    let app = apps.identify(request.client_id.as_deref(), credentials.as_ref()).await?;
    let identifier = match (&request.phone, &request.email, &request.username) {
        (None, None, Some(username)) => Identifier::Username(Username::parse(username)?),
        (phone, email, None) => {
            Identifier::Address(challenges.address(phone.as_deref(), email.as_deref())?)
        }
        _ => {
            return Err(Error::field(
                "username",
                "give a phone, an e-mail address or a username, one of them",
            ));
        }
    };
    let password = Password::parse("password", request.password)?;
    let user = accounts.recognise(&identifier, &password, &app.client_id, &recorder).await?;
    let terms = app.session_terms(apps.settings());
    let sign_in = sessions
        .begin(user.id, terms, user.recognised_by_password(), recorder.device().clone())
        .await?;
    sign_in.map(Json).ok_or(Error::InvalidCredentials)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(login))
}
