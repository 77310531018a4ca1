//! Errors as clients see them: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::Code;
use crate::{
    base::{Error, FieldError},
    users::MULTI_FACTOR,
};

/// Problem details (RFC 9457).
///
/// Clients decide by `code`. `title` and `detail` are English, for developers, and may change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A link to what the code means and what to do about it.
    #[serde(rename = "type")]
    #[schema(example = "https://id.example.com/docs#otp_incorrect")]
    kind: String,
    /// The meaning of the code, in a few words.
    title: &'static str,
    #[schema(example = 400)]
    status: u16,
    /// The cause of the error in this request.
    detail: String,
    code: Code,
    /// The id of the request in the service's log. Give it to support.
    request_id: String,
    /// The fields that are not accepted. `field` is empty if the body as a whole is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// How many tries the challenge has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    /// Seconds to wait before the next try; also in the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
    /// The proof of work to be solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::limits::ProofChallenge>)]
    proof: Option<serde_json::Value>,
}

/// The need of a third-party app, as [`Error::Forbidden`] names it.
pub(super) const FIRST_PARTY: &str = "a token of a first-party app";
/// How an app may authenticate (RFC 7617 §2).
pub(super) const BASIC_CHALLENGE: &str = r#"Basic realm="latchkey", charset="UTF-8""#;
/// The message about a `client_id` that belongs to no app.
const UNKNOWN_APP: &str = "unknown client_id";
/// How long a client is told to wait if AWS does not answer.
const UNAVAILABLE_RETRY_SECONDS: i64 = 5;
/// How long a client is told to wait after signs of SMS pumping, whose counters cover an hour.
const FRAUD_RETRY_SECONDS: i64 = 3_600;

impl Problem {
    /// The problem that a client sees for `error`.
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
                Error::InvalidPhone(reason) => vec![FieldError::new("phone", *reason)],
                Error::InvalidEmail(reason) => vec![FieldError::new("email", *reason)],
                Error::Conflict(error) | Error::Missing(error) => vec![error.clone()],
                Error::RoleInUse { users } => users
                    .iter()
                    .map(|id| FieldError::new("role", format!("user {id} has this role")))
                    .collect(),
                Error::UnknownApp => vec![FieldError::new("client_id", UNKNOWN_APP)],
                _ => Vec::new(),
            },
            attempts_left: match error {
                Error::OtpIncorrect { attempts_left } => *attempts_left,
                _ => None,
            },
            retry_after: retry_after(error),
            proof: match error {
                Error::ProofRequired { proof } => Some((**proof).clone()),
                _ => None,
            },
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
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The seconds to wait before the next try; `None` if waiting does not help.
pub(super) fn retry_after(error: &Error) -> Option<i64> {
    match error {
        Error::ResendTooSoon { retry_after } | Error::SmsLimitReached { retry_after } => {
            Some(*retry_after)
        }
        Error::FraudSuspected => Some(FRAUD_RETRY_SECONDS),
        Error::OtpLocked { retry_after }
        | Error::TooManyAttempts { retry_after }
        | Error::IdempotencyConflict { retry_after } => *retry_after,
        Error::Unavailable(_) | Error::NotReady => Some(UNAVAILABLE_RETRY_SECONDS),
        _ => None,
    }
}

/// The detail for a web page that asks for tokens of another app.
const ORIGIN_REFUSED: &str = "This web page may not use the app. Add its origin to the app's \
                              allowed_origins, or to ALLOWED_ORIGINS for the default app.";

/// The status of an error. One code has two: a signed-in user who gives a wrong password gets 403
/// and stays signed in.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::WrongPassword => StatusCode::FORBIDDEN,
        error => Code::of(error).status(),
    }
}

/// The cause of an error in one or two sentences, for developers.
pub fn reason(error: &Error) -> String {
    detail(error, Code::of(error))
}

/// The cause of the error in one or two sentences, with what is accepted and what to do next.
pub(super) fn detail(error: &Error, code: Code) -> String {
    match error {
        Error::InvalidRequest(errors) => match errors.as_slice() {
            [error] => of_field(error),
            errors => format!("{} fields are not accepted: see errors.", errors.len()),
        },
        Error::UnknownApp => sentence(UNKNOWN_APP),
        Error::BodyTooLarge { max_bytes } => {
            format!("Body too large: the limit is {}.", in_bytes(*max_bytes))
        }
        Error::UnsupportedMediaType(reason) => format!("The body {reason}."),
        Error::InvalidPhone(reason) => format!("The phone number {reason}."),
        Error::InvalidEmail(reason) => format!("The e-mail address {reason}."),
        Error::WeakPassword { reason, .. } => format!("The password {reason}."),
        Error::InvalidImage(reason) => format!("The picture {reason}."),
        Error::PasskeyInvalid(reason) => format!("The passkey {reason}."),
        Error::WrongPassword => "The current password is wrong.".into(),
        Error::TooManyAttempts { retry_after: Some(seconds) } => {
            format!("Too many wrong passwords. Try again in {seconds} seconds.")
        }
        Error::TooManyAttempts { retry_after: None } => {
            "Too many wrong passwords. Sign in with a code, or reset the password.".into()
        }
        Error::FreshSignInNeeded { multi_factor: false, .. } => {
            "The sign-in is too old for this. Sign in again.".into()
        }
        Error::FreshSignInNeeded { multi_factor: true, max_age: None } => {
            "This needs a sign-in with both factors. Set up an authenticator app if you have none, \
             and sign in again."
                .into()
        }
        Error::FreshSignInNeeded { multi_factor: true, max_age: Some(_) } => {
            "The sign-in is too old for this, or lacks the second factor. Sign in again with both \
             factors. Set up an authenticator app if you have none."
                .into()
        }
        Error::Conflict(error) | Error::Missing(error) => of_field(error),
        Error::PreconditionFailed => {
            "The resource has changed since it was read. Read it again and repeat the change."
                .into()
        }
        Error::OwnAccount => "You cannot do this to your own account. Use /v1/me, or ask another \
                              administrator."
            .into(),
        Error::Forbidden(needed) if needed == FIRST_PARTY => format!("This needs {needed}."),
        Error::Forbidden(needed) => match needed.strip_prefix("role ") {
            Some(role) => format!("This needs the role {role}."),
            None => format!("This needs the permission {needed}."),
        },
        Error::ForeignOrigin => ORIGIN_REFUSED.into(),
        Error::NotFromEdge => "The request did not come through the service's public address. \
                               Send it there."
            .into(),
        Error::ViewerUnknown => "The service is not set up correctly: its edge does not say where \
                                 requests come from. Tell the operator."
            .into(),
        Error::IdempotencyConflict { retry_after: None } => {
            "This Idempotency-Key was used with another body. Use a new key.".into()
        }
        Error::IdempotencyConflict { retry_after: Some(seconds) } => format!(
            "The first request with this Idempotency-Key is still running. Send it again in \
             {seconds} seconds."
        ),
        Error::RoleInUse { .. } => {
            "Users have this role. Take it from them first, or delete it with force=true.".into()
        }
        Error::ResendTooSoon { retry_after } => {
            format!("Wait {retry_after} seconds before you request the next message.")
        }
        Error::SmsLimitReached { retry_after } => limit_reached(*retry_after),
        Error::FraudSuspected => limit_reached(FRAUD_RETRY_SECONDS),
        Error::OtpIncorrect { attempts_left: Some(0) } => {
            "The code is wrong, and no tries are left. Request a new code.".into()
        }
        Error::OtpIncorrect { attempts_left: None } => {
            "The code is wrong or was already used.".into()
        }
        Error::OtpIncorrect { attempts_left: Some(attempts_left) } => {
            format!("The code is wrong. Tries left: {attempts_left}.")
        }
        Error::OtpLocked { retry_after: Some(seconds) } => {
            format!("Too many wrong codes. Sign in another way, or try again in {seconds} seconds.")
        }
        Error::OtpLocked { retry_after: None } => {
            "No tries are left for this code. Request a new one.".into()
        }
        Error::ProofRequired { .. } => {
            "Solve the challenge in proof, and send the request again with the result as proof."
                .into()
        }
        Error::OtpExpired => "The code is expired, used or unknown. Request a new code.".into(),
        Error::TokenMissing => {
            "The access token is missing. Send it in the header Authorization: Bearer <token>."
                .into()
        }
        Error::TokenInvalid => "The token is invalid, used or revoked.".into(),
        Error::CodeInvalid => {
            "The code is invalid, used or expired, or not for this request.".into()
        }
        Error::RefreshTokenReused => {
            "The refresh token was already used, so its session was revoked. Sign in again.".into()
        }
        Error::Unavailable(_) => format!(
            "The service is temporarily unavailable. Try again in {UNAVAILABLE_RETRY_SECONDS} \
             seconds."
        ),
        Error::NotReady => format!(
            "No signing key is published yet. The first rotation makes one after a deployment. Try \
             again in {UNAVAILABLE_RETRY_SECONDS} seconds."
        ),
        _ => format!("{}.", code.title()),
    }
}

fn limit_reached(retry_after: i64) -> String {
    format!("Message limit reached. Try again in {retry_after} seconds.")
}

/// The error of a field, as a sentence that begins with the field's name.
fn of_field(FieldError { field, message }: &FieldError) -> String {
    if field.is_empty() { sentence(message) } else { format!("{field}: {message}.") }
}

/// `text` with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", characters.as_str())
}

/// A number of bytes, in the largest unit that divides it.
fn in_bytes(bytes: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = KIB * KIB;
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes > 0 && bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

/// The `WWW-Authenticate` header of an error. It gives a reason only if a token was sent
/// (RFC 6750 §3).
fn bearer_challenge(error: &Error) -> Option<HeaderValue> {
    let text = match error {
        Error::FreshSignInNeeded { multi_factor, max_age } => {
            return step_up_challenge(*multi_factor, *max_age);
        }
        Error::InvalidClient => Some(BASIC_CHALLENGE),
        Error::TokenMissing
        | Error::InvalidCredentials
        | Error::PasskeyUnknown
        | Error::PasskeyInvalid(_) => Some(r#"Bearer realm="latchkey""#),
        Error::TokenInvalid | Error::RefreshTokenReused => Some(
            r#"Bearer realm="latchkey", error="invalid_token", error_description="The token is not valid""#,
        ),
        Error::TokenExpired => Some(
            r#"Bearer realm="latchkey", error="invalid_token", error_description="The token has expired""#,
        ),
        _ => None,
    };
    text.map(HeaderValue::from_static)
}

/// The challenge of step-up (RFC 9470 §3).
fn step_up_challenge(multi_factor: bool, max_age: Option<i64>) -> Option<HeaderValue> {
    let factors = if multi_factor { " with both factors" } else { "" };
    let acr = if multi_factor { format!(", acr_values=\"{MULTI_FACTOR}\"") } else { String::new() };
    let age = max_age.map_or_else(String::new, |age| format!(", max_age=\"{age}\""));
    HeaderValue::from_str(&format!(
        "Bearer realm=\"latchkey\", error=\"insufficient_user_authentication\", \
         error_description=\"A fresh sign-in{factors} is needed\"{acr}{age}"
    ))
    .ok()
}

/// The error travels in the extensions of the response to [`super::service`], which knows the id of
/// the request and makes a [`Problem`] of it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status(&self).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail_of(error: &Error) -> String {
        detail(error, Code::of(error))
    }

    #[test]
    fn a_detail_begins_with_the_field_or_with_a_capital_letter() {
        for (error, expected) in [
            (Error::field("phone", "is missing"), "phone: is missing."),
            (Error::field("", "the body must be a JSON object"), "The body must be a JSON object."),
            (Error::taken("username"), "username: is already taken."),
            (Error::UnknownApp, "Unknown client_id."),
            (Error::Forbidden("users:read".into()), "This needs the permission users:read."),
            (Error::Forbidden("role Admin".into()), "This needs the role Admin."),
            (Error::Forbidden(FIRST_PARTY.into()), "This needs a token of a first-party app."),
            (Error::NotFound, "Not found."),
            (Error::InvalidPhone("is empty"), "The phone number is empty."),
            (Error::InvalidEmail("has no @"), "The e-mail address has no @."),
            (
                Error::UnsupportedMediaType("must be application/json".into()),
                "The body must be application/json.",
            ),
        ] {
            assert_eq!(detail_of(&error), expected);
        }
        let two = Error::InvalidRequest(vec![FieldError::new("a", "b"), FieldError::new("c", "d")]);
        assert_eq!(detail_of(&two), "2 fields are not accepted: see errors.");
    }

    #[test]
    fn a_body_that_is_too_large_is_told_the_limit() {
        for (max_bytes, limit) in [
            (16 * 1024, "16 KiB"),
            (5 * 1024 * 1024, "5 MiB"),
            (1_000, "1000 bytes"),
            (0, "0 bytes"),
        ] {
            let detail = detail_of(&Error::BodyTooLarge { max_bytes });
            assert_eq!(detail, format!("Body too large: the limit is {limit}."));
        }
    }
}
