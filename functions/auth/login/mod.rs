//! `POST /v1/auth/login`: sign-in with a password.

use serde::Deserialize;
use shared::{
    apps::Apps,
    base::Error,
    challenges::Challenges,
    http::{Credentials, EndUserAddress, Json, Trail},
    identifiers::{Identifier, Username},
    latchkey::Latchkey,
    migration::PasswordSignIns,
    sessions::{Sessions, SignIn},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The password, and one identifier of the user: a phone, an e-mail address or a username.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery staple", "phone": "+15005550006"}))]
pub struct LoginRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in any letter case. It must be verified.
    email: Option<String>,
    /// The username, in any letter case.
    username: Option<String>,
    /// The password: 1 to 256 characters.
    password: String,
    /// The app to sign in to. Default: the app that authenticates by HTTP Basic, or
    /// `default`.
    client_id: Option<String>,
    /// The `device_token` of an earlier sign-in on this device. One that is not of the user with
    /// this address reads as none.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
}

/// Sign in with a password
///
/// After too many wrong passwords for one identifier, it is locked for a while: the response is
/// `too_many_attempts`, even for the right password. An identifier that nobody has is locked in the
/// same way, so the responses do not reveal who has an account. A confidential app authenticates by
/// HTTP Basic.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    operation_id = "auth-login",
    tag = "Sign-in",
    params(EndUserAddress),
    request_body = LoginRequest,
    responses((
        status = 200,
        description = "Signed in, or the second factor is required",
        body = SignIn
    )),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "invalid_credentials",
        "too_many_attempts", "user_disabled", "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn login(
    apps: Apps,
    challenges: Challenges,
    passwords: PasswordSignIns,
    sessions: Sessions,
    trail: Trail,
    Credentials(credentials): Credentials,
    Json(request): Json<LoginRequest>,
) -> Result<Json<SignIn>, Error> {
    let identifier = match (&request.phone, &request.email, &request.username) {
        (None, None, None) => {
            let text = "is missing: send a phone, an e-mail address or a username";
            return Err(Error::field("phone", text));
        }
        (None, None, Some(username)) => Identifier::Username(Username::parse(username)?),
        (phone, email, None) => {
            Identifier::Address(challenges.address(phone.as_deref(), email.as_deref())?)
        }
        _ => {
            return Err(Error::field("username", "must not be sent together with phone or email"));
        }
    };

    let password = Password::parse("password", request.password)?;
    let (app, lookup) = tokio::try_join!(
        apps.identify(request.client_id.as_deref(), credentials.as_ref()),
        passwords.look_up_name(&identifier, trail.ip()),
    )?;
    let recorder = trail.served_by(&app)?;
    let asked = (app.client_id.as_str(), request.device_token.as_deref());
    let named = (&identifier, lookup);
    let person = passwords.recognise(named, &password, asked, &recorder).await?;

    let terms = app.session_terms(apps.settings());
    let (user, device) = (&person.user, recorder.device().clone());
    let begun = sessions.begin((user.id, Some(user)), terms, person.recognised, device);
    let sign_in = passwords.refunding(person.right, begun).await?;
    sign_in.map(Json).ok_or(Error::InvalidCredentials)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(login))
}
