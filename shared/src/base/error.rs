//! The outcomes that are not success.
//!
//! One variant an outcome, not a status: `http::problem` turns each into what the client sees.
//! Text inside [`Error::Unavailable`] and [`Error::Internal`] is for the log alone.

use serde::Serialize;
use utoipa::ToSchema;

/// A field of the request that cannot be accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path in the request, as `roles[0].name`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldError {
    /// An error of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Why a request was refused. Waits are in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Wrong, missing or unknown fields.
    #[error("invalid request")]
    InvalidRequest(Vec<FieldError>),
    /// The body is not JSON.
    #[error("not JSON")]
    InvalidJson,
    /// The body's content type, charset or content encoding is not accepted.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The body is larger than the endpoint takes.
    #[error("body too large")]
    BodyTooLarge,
    /// There is no such thing, or it is somebody else's.
    #[error("not found")]
    NotFound,
    /// The path exists, the method does not.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Not a phone number that can receive a text.
    #[error("invalid phone")]
    InvalidPhone,
    /// A phone number of a country that `ALLOWED_COUNTRIES` leaves out.
    #[error("country not allowed")]
    CountryNotAllowed,
    /// Not an e-mail address.
    #[error("invalid e-mail")]
    InvalidEmail,
    /// Not a password that somebody should have.
    #[error("weak password: {reason}")]
    WeakPassword {
        /// The field that it was sent in.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a picture, or one that is too large.
    #[error("invalid image: {0}")]
    InvalidImage(&'static str),
    /// The identifier or the password is wrong.
    #[error("wrong credentials")]
    InvalidCredentials,
    /// A signed-in user gave a wrong password.
    #[error("wrong password")]
    WrongPassword,
    /// Too many wrong passwords.
    #[error("too many attempts")]
    TooManyAttempts {
        /// Seconds to wait, unless only another factor or an administrator helps.
        retry_after: Option<i64>,
    },
    /// The sign-in is too old for this, or lacks the second factor (RFC 9470).
    #[error("a fresh sign-in is needed")]
    FreshSignInNeeded {
        /// Whether it has to be one with both factors.
        multi_factor: bool,
    },
    /// What is there stands against it: mostly, that somebody else has it.
    #[error("conflict: {}", .0.message)]
    Conflict(FieldError),
    /// An app did not prove who it is (RFC 6749 §5.2).
    #[error("wrong client credentials")]
    InvalidClient,
    /// The `client_id` of the request is no app.
    #[error("unknown app")]
    UnknownApp,
    /// The app is switched off.
    #[error("app switched off")]
    AppDisabled,
    /// A grant type that the token endpoint does not know (RFC 6749 §5.2).
    #[error("unsupported grant type")]
    UnsupportedGrantType,
    /// The client may not do this with its kind of registration, or with a token of another's.
    #[error("unauthorized client")]
    UnauthorizedClient,
    /// The caller lacks a permission.
    #[error("forbidden: needs {0}")]
    Forbidden(String),
    /// What is there is not what the caller has seen (RFC 9110 §13.1.1).
    #[error("precondition failed")]
    PreconditionFailed,
    /// The `Idempotency-Key` came with another body before, or its request is still at work.
    #[error("idempotency conflict")]
    IdempotencyConflict {
        /// Seconds until the request that is at work will have ended.
        retry_after: Option<i64>,
    },
    /// A role that users have.
    #[error("role in use")]
    RoleInUse {
        /// Some of those who have it.
        users: Vec<uuid::Uuid>,
    },
    /// The cooldown between two messages is still running.
    #[error("resend too soon")]
    ResendTooSoon {
        /// Seconds until the next message may be asked for.
        retry_after: i64,
    },
    /// A limit on messages is used up.
    #[error("message limit reached")]
    SmsLimitReached {
        /// Seconds until the limit leaves room again.
        retry_after: i64,
    },
    /// The signs of fraud speak against a text. Its client is told that a limit is reached.
    #[error("suspected of fraud")]
    FraudSuspected,
    /// The code is wrong.
    #[error("wrong code")]
    OtpIncorrect {
        /// Tries that this challenge has left, where it is one.
        attempts_left: Option<u32>,
    },
    /// The challenge has no tries left, or its phone has to wait.
    #[error("locked")]
    OtpLocked {
        /// Seconds to wait, where it is the phone that has to.
        retry_after: Option<i64>,
    },
    /// The challenge is too old, used, replaced or unknown.
    #[error("challenge expired")]
    OtpExpired,
    /// No access token was sent.
    #[error("access token missing")]
    TokenMissing,
    /// The token is not one of ours, or its session has ended.
    #[error("token invalid")]
    TokenInvalid,
    /// The token's time is over.
    #[error("token expired")]
    TokenExpired,
    /// The refresh token had been used before; its session is ended.
    #[error("refresh token reused")]
    RefreshTokenReused,
    /// The user is disabled.
    #[error("user disabled")]
    UserDisabled,
    /// DynamoDB, SNS, SES, S3 or Secrets Manager cannot be reached, or refuses.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// One field that cannot be accepted.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    /// A field that what is there stands against.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict(FieldError::new(field, message))
    }

    /// A field with what somebody else has.
    pub fn taken(field: &str) -> Self {
        Self::conflict(field, format!("this {field} is taken"))
    }
}
