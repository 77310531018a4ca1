//! The outcomes that are not success.
//!
//! One variant for each outcome, not for each status. `http::problem` turns each into what the
//! client sees.
//! The texts in [`Error::Unavailable`] and [`Error::Internal`] are only for the log.

use serde::Serialize;
use utoipa::ToSchema;

/// A field of the request that cannot be accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path in the request, like `roles[0].name`.
    pub field: String,
    /// The fault.
    pub message: String,
}

impl FieldError {
    /// An error of `field`. `message` has no full stop and reads well after the field's name and a
    /// colon, like "must be 1 to 64 characters". It must not repeat the value that was sent. If
    /// `field` is empty, `message` is a sentence about the body as a whole.
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
    #[error("the body is not JSON")]
    InvalidJson,
    /// The body's content type, charset or content encoding is not accepted. The text is a predicate
    /// of the body, like "must be application/json".
    #[error("unsupported media type: {0}")]
    UnsupportedMediaType(String),
    /// The body is larger than the endpoint accepts.
    #[error("body too large")]
    BodyTooLarge {
        /// The most bytes that the endpoint accepts.
        max_bytes: usize,
    },
    /// The resource does not exist, or it belongs to somebody else.
    #[error("not found")]
    NotFound,
    /// The path exists, the method does not.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Not a phone number that can receive a text. The text is a predicate.
    #[error("invalid phone number")]
    InvalidPhone(&'static str),
    /// A phone number of a country that is not in `ALLOWED_COUNTRIES`.
    #[error("country not allowed")]
    CountryNotAllowed,
    /// Not an e-mail address. The text is a predicate.
    #[error("invalid e-mail address")]
    InvalidEmail(&'static str),
    /// The new password is too weak.
    #[error("weak password: {reason}")]
    WeakPassword {
        /// The field that it was sent in.
        field: &'static str,
        /// The fault, as a predicate.
        reason: String,
    },
    /// Not a picture, or one that is too large. The text is a predicate.
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
        /// Seconds to wait; `None` if only another way to sign in, or an administrator, can help.
        retry_after: Option<i64>,
    },
    /// Step-up: the sign-in is too old for this, or lacks the second factor (RFC 9470).
    #[error("a fresh sign-in is needed")]
    FreshSignInNeeded {
        /// Whether the fresh sign-in must use both factors.
        multi_factor: bool,
        /// The greatest age of the sign-in, in seconds; `None` if the age does not matter.
        max_age: Option<i64>,
    },
    /// The request conflicts with the current state, usually because the value is taken.
    #[error("conflict: {} {}", .0.field, .0.message)]
    Conflict(FieldError),
    /// One of the things that a body names does not exist.
    #[error("not found: {} {}", .0.field, .0.message)]
    Missing(FieldError),
    /// An app's authentication failed (RFC 6749 §5.2).
    #[error("wrong client credentials")]
    InvalidClient,
    /// The `client_id` of the request is unknown.
    #[error("unknown app")]
    UnknownApp,
    /// The app is switched off.
    #[error("app switched off")]
    AppDisabled,
    /// A grant type that the token endpoint does not know (RFC 6749 §5.2).
    #[error("unsupported grant type")]
    UnsupportedGrantType,
    /// A grant type that the app may not use (RFC 6749 §5.2).
    #[error("the app may not use this grant type")]
    GrantNotAllowed,
    /// A request for a sign-in that the app pushed and that is refused: the code of RFC 6749
    /// §4.1.2.1, and the cause.
    #[error("{0}: {1}")]
    RequestRefused(&'static str, &'static str),
    /// A scope that the app cannot have (RFC 6749 §5.2).
    #[error("a scope that the app cannot have")]
    InvalidScope,
    /// The client's kind of registration does not allow this, or the token belongs to another
    /// client.
    #[error("unauthorized client")]
    UnauthorizedClient,
    /// The account of a phone was not used for so long that a text alone does not open it.
    #[error("phone idle")]
    PhoneIdle,
    /// The caller lacks a permission.
    #[error("forbidden: {0} is needed")]
    Forbidden(String),
    /// An administrator tried to change factors, roles or status of the account they use.
    #[error("forbidden: own account")]
    OwnAccount,
    /// A web page asks for tokens of an app that does not list its origin.
    #[error("the page's origin is not one of the app's")]
    ForeignOrigin,
    /// The API accepts requests only from its edge, and this one lacks the edge's secret.
    #[error("not from the edge")]
    NotFromEdge,
    /// The edge does not name the address of its client.
    #[error("the edge names no client; docs/deployment.md, The edge, says how to set it up")]
    ViewerUnknown,
    /// Optimistic locking: the resource has changed since the caller read it (RFC 9110 §13.1.1).
    #[error("precondition failed")]
    PreconditionFailed,
    /// The `Idempotency-Key` was used with another body before, or its first request is still
    /// running.
    #[error("idempotency conflict")]
    IdempotencyConflict {
        /// Seconds until the running request has ended at the latest; `None` for another body.
        retry_after: Option<i64>,
    },
    /// The role cannot be deleted, because users have it.
    #[error("role in use")]
    RoleInUse {
        /// Some of the users who have it.
        users: Vec<uuid::Uuid>,
    },
    /// The cooldown between two messages is still running.
    #[error("resend too soon")]
    ResendTooSoon {
        /// Seconds until the next message can be requested.
        retry_after: i64,
    },
    /// A rate limit or a budget for messages is used up.
    #[error("message limit reached")]
    SmsLimitReached {
        /// Seconds until the limit allows a message again.
        retry_after: i64,
    },
    /// The number, or its owner, refuses texts.
    #[error("undeliverable")]
    Undeliverable,
    /// A text shows signs of SMS pumping. The client is told only that a limit is reached.
    #[error("suspected of fraud")]
    FraudSuspected,
    /// A request shows signs of SMS pumping, and goes on once its sender has solved a proof of work.
    #[error("proof of work required")]
    ProofRequired {
        /// The challenge, as the client gets it.
        proof: Box<serde_json::Value>,
    },
    /// The code is wrong.
    #[error("wrong code")]
    OtpIncorrect {
        /// The tries that the challenge has left, if the code belongs to a challenge.
        attempts_left: Option<u32>,
    },
    /// The challenge has no tries left; or, after too many wrong codes in a row for its address,
    /// strangers get no codes; or, after too many wrong second factors, the next one has to wait.
    #[error("locked")]
    OtpLocked {
        /// Seconds to wait; `None` if a new code helps.
        retry_after: Option<i64>,
    },
    /// The challenge is expired, used, replaced or unknown.
    #[error("challenge expired")]
    OtpExpired,
    /// No access token was sent.
    #[error("access token missing")]
    TokenMissing,
    /// The token is not one of ours, or its session has ended.
    #[error("invalid token")]
    TokenInvalid,
    /// The token has expired.
    #[error("expired token")]
    TokenExpired,
    /// The authorization code is wrong, was used or has expired, or is not for this request.
    #[error("invalid authorization code")]
    CodeInvalid,
    /// The refresh token was used before. Its session is revoked.
    #[error("refresh token reused")]
    RefreshTokenReused,
    /// Nobody has this passkey, or its user has removed it.
    #[error("unknown passkey")]
    PasskeyUnknown,
    /// A passkey that was not used as it must be. The text is a predicate.
    #[error("invalid passkey: {0}")]
    PasskeyInvalid(&'static str),
    /// The user is disabled.
    #[error("user disabled")]
    UserDisabled,
    /// DynamoDB, SNS, SES, S3 or Secrets Manager cannot be reached, or refuses the call.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The service was deployed a moment ago, and no signing key is published yet.
    #[error("no signing key is published")]
    NotReady,
    /// A fault on our side.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// [`Error::InvalidRequest`] for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    /// [`Error::Conflict`] for one field.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict(FieldError::new(field, message))
    }

    /// [`Error::Conflict`] for a field whose value is taken.
    pub fn taken(field: &str) -> Self {
        Self::conflict(field, "is already taken")
    }
}
