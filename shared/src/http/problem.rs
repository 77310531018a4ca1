//! Errors as clients see them: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::Code;
use crate::base::{Error, FieldError};

/// Problem details (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A page about the code.
    #[serde(rename = "type")]
    #[schema(example = "https://id.example.com/docs#otp_incorrect")]
    kind: String,
    title: &'static str,
    #[schema(example = 400)]
    status: u16,
    detail: String,
    code: Code,
    /// What to tell support.
    request_id: String,
    /// The fields that cannot be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Tries that the challenge has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    /// Seconds to wait; also in the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
}

/// How an app may authenticate (RFC 7617 §2).
pub(super) const BASIC_CHALLENGE: &str = r#"Basic realm="latchkey", charset="UTF-8""#;
/// What is wrong with a `client_id` that nobody was given.
const UNKNOWN_APP: &str = "is no app that is known here";
/// What a client is told to wait when AWS does not answer.
const UNAVAILABLE_RETRY_SECONDS: i64 = 5;
/// What signs of fraud are of: counters of an hour.
const FRAUD_RETRY_SECONDS: i64 = 3_600;

impl Problem {
    /// What a client sees of `error`.
    pub fn new(error: &Error, issuer: &str, request_id: &str) -> Self {
        let code = Code::of(error);
        Self {
            kind: format!("{issuer}/docs#{}", code.name()),
            title: code.title(),
            status: status(error).as_u16(),
            detail: detail(error, code),
            code,
            request_id: request_id.to_owned(),
            errors: match error {
                Error::InvalidRequest(errors) => errors.clone(),
                Error::WeakPassword { field, reason } => vec![FieldError::new(*field, reason)],
                Error::Conflict(error) => vec![error.clone()],
                Error::RoleInUse { users } => users
                    .iter()
                    .map(|id| FieldError::new("role", format!("user {id} has it")))
                    .collect(),
                Error::UnknownApp => vec![FieldError::new("client_id", UNKNOWN_APP)],
                _ => Vec::new(),
            },
            attempts_left: match error {
                Error::OtpIncorrect { attempts_left } => *attempts_left,
                _ => None,
            },
            retry_after: retry_after(error),
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The whole response for `error`.
    pub(super) fn response(self, error: &Error) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status(error), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = bearer_challenge(error) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The seconds to wait, where waiting helps.
pub(super) fn retry_after(error: &Error) -> Option<i64> {
    match error {
        Error::ResendTooSoon { retry_after } | Error::SmsLimitReached { retry_after } => {
            Some(*retry_after)
        }
        Error::FraudSuspected => Some(FRAUD_RETRY_SECONDS),
        Error::OtpLocked { retry_after }
        | Error::TooManyAttempts { retry_after }
        | Error::IdempotencyConflict { retry_after } => *retry_after,
        Error::Unavailable(_) => Some(UNAVAILABLE_RETRY_SECONDS),
        _ => None,
    }
}

/// The one code with two statuses: whoever is signed in and errs on his password stays signed in.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::WrongPassword => StatusCode::FORBIDDEN,
        error => Code::of(error).status(),
    }
}

fn no_more_messages(retry_after: i64) -> String {
    format!("No more messages for the next {retry_after} seconds.")
}

pub(super) fn detail(error: &Error, code: Code) -> String {
    match error {
        Error::InvalidRequest(errors) => match errors.as_slice() {
            [FieldError { field, message }] => format!("{field}: {message}."),
            errors => format!("{} fields cannot be accepted.", errors.len()),
        },
        Error::UnknownApp => format!("client_id: {UNKNOWN_APP}."),
        Error::WeakPassword { reason, .. } => format!("The password {reason}."),
        Error::InvalidImage(reason) => format!("The picture {reason}."),
        Error::Conflict(FieldError { field, message }) => format!("{field}: {message}."),
        Error::Forbidden(permission) => format!("This needs the permission {permission}."),
        Error::IdempotencyConflict { retry_after: None } => {
            "This Idempotency-Key came with another body before.".into()
        }
        Error::IdempotencyConflict { retry_after: Some(_) } => {
            "The first request with this Idempotency-Key is still at work.".into()
        }
        Error::ResendTooSoon { retry_after } => {
            format!("Ask for the next message in {retry_after} seconds.")
        }
        Error::SmsLimitReached { retry_after } => no_more_messages(*retry_after),
        Error::FraudSuspected => no_more_messages(FRAUD_RETRY_SECONDS),
        Error::OtpIncorrect { attempts_left: Some(0) } => {
            "The code is wrong, and no tries are left. Ask for a new code.".into()
        }
        Error::OtpIncorrect { attempts_left: None } => {
            "The code is wrong, or was used before.".into()
        }
        Error::OtpIncorrect { attempts_left: Some(attempts_left) } => {
            format!("The code is wrong. Tries left: {attempts_left}.")
        }
        Error::OtpLocked { retry_after: Some(seconds) } => {
            format!("Too many wrong codes. Wait {seconds} seconds.")
        }
        Error::OtpLocked { retry_after: None } => {
            "Too many wrong codes. Ask for a new code.".into()
        }
        Error::OtpExpired => "The code is too old, used or unknown. Ask for a new one.".into(),
        Error::TokenMissing => "Send an access token: Authorization: Bearer …".into(),
        _ => format!("{}.", code.title()),
    }
}

/// RFC 6750 §3: the reason is told only where a token was sent.
fn bearer_challenge(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidClient => Some(BASIC_CHALLENGE),
        Error::TokenMissing | Error::InvalidCredentials => Some(r#"Bearer realm="latchkey""#),
        Error::FreshSignInNeeded { multi_factor: false } => Some(
            r#"Bearer realm="latchkey", error="insufficient_user_authentication", error_description="A fresh sign-in is needed", max_age="600""#,
        ),
        Error::FreshSignInNeeded { multi_factor: true } => Some(
            r#"Bearer realm="latchkey", error="insufficient_user_authentication", error_description="A fresh sign-in with both factors is needed", acr_values="aal2", max_age="600""#,
        ),
        Error::TokenInvalid | Error::RefreshTokenReused => Some(
            r#"Bearer realm="latchkey", error="invalid_token", error_description="The token is not valid""#,
        ),
        Error::TokenExpired => Some(
            r#"Bearer realm="latchkey", error="invalid_token", error_description="The token has expired""#,
        ),
        _ => None,
    }
}

/// The error travels in the response's extensions to [`super::service`], which knows the request id.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status(&self).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
