//! `POST /v1/auth/login`: sign-in with a password.

use serde::Deserialize;
use shared::{
    accounts::{Accounts, Identifier},
    app,
    challenges::Challenges,
    error::Error,
    http::{Client, Json},
    parts::Parts,
    password::Password,
    session::AuthenticationMethod,
    sessions::{Sessions, SignedIn},
    username::Username,
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
    responses((status = 200, description = "Signed in", body = SignedIn)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "invalid_credentials", "too_many_attempts",
        "user_disabled"
    ]))),
)]
async fn login(
    accounts: Accounts,
    challenges: Challenges,
    sessions: Sessions,
    client: Client,
    Json(request): Json<LoginRequest>,
) -> Result<Json<SignedIn>, Error> {
    app::check_client_id(request.client_id.as_deref())?;
    let identifier = match (&request.phone, &request.email, &request.username) {
        (None, None, Some(username)) => Identifier::Username(Username::parse(username)?),
        (phone, email, None) => Identifier::Address(challenges.address(phone.as_deref(), email.as_deref())?),
        _ => return Err(Error::field("username", "give a phone, an e-mail address or a username, one of them")),
    };
    let password = Password::parse("password", request.password)?;
    let user = accounts.recognise(&identifier, &password).await?;
    let signed_in = sessions.begin(user.id, AuthenticationMethod::Pwd, client.into_device()).await?;
    signed_in.map(Json).ok_or(Error::InvalidCredentials)
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(login))
}
