//! Amazon Cognito: one user pool in memory, and `InitiateAuth` with the flow `USER_PASSWORD_AUTH`
//! (JSON 1.1), which is called without credentials.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// The pool and its client, as `COGNITO_USER_POOL` names them.
pub const USER_POOL: &str = "eu-central-1,eu-central-1_AbC123dEf,1h57kf5cpq17m0eml12example";

/// A user pool.
#[derive(Clone, Default)]
pub struct UserPool {
    content: Arc<Mutex<Content>>,
}

#[derive(Default)]
struct Content {
    users: Vec<PoolUser>,
    /// How often somebody has tried to sign in.
    tries: usize,
    is_down: bool,
}

struct PoolUser {
    /// The names that the user signs in with.
    names: Vec<String>,
    password: String,
    /// The claims of the ID token.
    claims: Value,
    /// The challenge after the password.
    challenge: Option<String>,
}

impl UserPool {
    /// Adds a user with these names, a password, and the claims of their ID token.
    pub fn add(&self, names: &[&str], password: &str, claims: Value) {
        self.add_with_challenge(names, password, claims, None);
    }

    /// As [`Self::add`], with a challenge after the password, such as `SOFTWARE_TOKEN_MFA`.
    pub fn add_with_challenge(
        &self,
        names: &[&str],
        password: &str,
        claims: Value,
        challenge: Option<&str>,
    ) {
        let user = PoolUser {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            password: password.to_owned(),
            claims,
            challenge: challenge.map(str::to_owned),
        };
        self.change(|content| content.users.push(user));
    }

    /// How often somebody has tried to sign in.
    pub fn tries(&self) -> usize {
        self.change(|content| content.tries)
    }

    /// Makes the pool fail, or work again.
    pub fn set_down(&self, is_down: bool) {
        self.change(|content| content.is_down = is_down);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        let mut content = self.content.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut content)
    }

    fn initiate_auth(&self, request: &Value) -> Result<Value, (StatusCode, &'static str)> {
        self.change(|content| {
            content.tries += 1;
            if content.is_down {
                return Err((StatusCode::INTERNAL_SERVER_ERROR, "InternalErrorException"));
            }
            let client = USER_POOL.rsplit(',').next().unwrap_or_default();
            if request["ClientId"] != client {
                return Err((StatusCode::BAD_REQUEST, "ResourceNotFoundException"));
            }
            if request["AuthFlow"] != "USER_PASSWORD_AUTH" {
                return Err((StatusCode::BAD_REQUEST, "InvalidParameterException"));
            }
            let typed = &request["AuthParameters"];
            let user = content
                .users
                .iter()
                .find(|user| user.names.iter().any(|name| typed["USERNAME"] == name.as_str()));
            let user = user.ok_or((StatusCode::BAD_REQUEST, "UserNotFoundException"))?;
            if typed["PASSWORD"] != user.password.as_str() {
                return Err((StatusCode::BAD_REQUEST, "NotAuthorizedException"));
            }
            if let Some(challenge) = &user.challenge {
                return Ok(json!({
                    "ChallengeName": challenge, "ChallengeParameters": {}, "Session": "AYABe…",
                }));
            }
            Ok(json!({
                "ChallengeParameters": {},
                "AuthenticationResult": {
                    "AccessToken": "access", "RefreshToken": "refresh", "ExpiresIn": 3600,
                    "TokenType": "Bearer", "IdToken": id_token(&user.claims),
                },
            }))
        })
    }
}

/// An ID token of the pool. Its signature is none: it comes straight from the pool.
fn id_token(claims: &Value) -> String {
    let mut all = json!({
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC123dEf",
        "aud": USER_POOL.rsplit(',').next(), "token_use": "id",
    });
    if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
        all.extend(claims.clone());
    }
    let part = |json: Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    format!("{}.{}.{}", part(json!({"alg": "RS256"})), part(all), "signature")
}

pub(crate) fn router(pool: UserPool) -> Router {
    Router::new().route("/", post(answer)).with_state(pool)
}

async fn answer(State(pool): State<UserPool>, headers: HeaderMap, body: Bytes) -> Response {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    let refused = |status: StatusCode, code: &str| {
        (status, Json(json!({"__type": code, "message": code}))).into_response()
    };
    if !is("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth")
        || !is("content-type", "application/x-amz-json-1.1")
    {
        return refused(StatusCode::BAD_REQUEST, "UnknownOperationException");
    }
    let Ok(request) = serde_json::from_slice(&body) else {
        return refused(StatusCode::BAD_REQUEST, "SerializationException");
    };
    match pool.initiate_auth(&request) {
        Ok(answer) => Json(answer).into_response(),
        Err((status, code)) => refused(status, code),
    }
}
