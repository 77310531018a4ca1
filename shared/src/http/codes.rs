//! The stable codes: a row for each, with its status, its title, and the errors that have it.

use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::Error;

/// A row is a code, its status, its title, and the variants of [`Error`] that are answered with it. The compiler refuses an
/// error that is in no row, or in two.
macro_rules! codes {
    ($($code:ident $status:literal $title:literal: $($error:ident)|+;)+) => {
        /// The stable `code` of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "Code::title says it")]
        pub enum Code {
            $($code,)+
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The code of an error.
            pub fn of(error: &Error) -> Self {
                match error {
                    $($(Error::$error { .. })|+ => Self::$code,)+
                }
            }

            /// The status that it comes with.
            pub fn status(self) -> StatusCode {
                let status = match self {
                    $(Self::$code => $status,)+
                };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// What it means, in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)+
                }
            }
        }
    };
}

// The OAuth 2.0 endpoints alone know UnsupportedGrantType and UnauthorizedClient, and answer in their own way
// (super::oauth).
codes! {
    InvalidRequest 400 "The request has wrong, missing or unknown fields": InvalidRequest | UnknownApp | UnsupportedGrantType | UnauthorizedClient;
    InvalidJson 400 "The body is not JSON": InvalidJson;
    UnsupportedMediaType 415 "The body's content type, charset or encoding is not accepted": UnsupportedMediaType;
    BodyTooLarge 413 "The body is too large": BodyTooLarge;
    NotFound 404 "There is no such thing here": NotFound;
    MethodNotAllowed 405 "This path does not know the method": MethodNotAllowed;
    InvalidPhone 400 "Not a phone number that can receive a text": InvalidPhone;
    CountryNotAllowed 400 "Phone numbers of this country are not accepted": CountryNotAllowed;
    InvalidEmail 400 "Not an e-mail address": InvalidEmail;
    WeakPassword 400 "The password is too easy to guess": WeakPassword;
    InvalidImage 400 "Not a JPEG, PNG, WebP or GIF picture, or one that is too large": InvalidImage;
    InvalidCredentials 401 "The password is wrong, or nobody is called so": InvalidCredentials | WrongPassword;
    TooManyAttempts 429 "Too many wrong passwords": TooManyAttempts;
    InsufficientUserAuthentication 401 "The sign-in is too old for this, or lacks the second factor": FreshSignInNeeded;
    Conflict 409 "Something stands against it; mostly, somebody else has it": Conflict;
    PreconditionFailed 412 "It was changed since you read it": PreconditionFailed;
    IdempotencyConflict 409 "The Idempotency-Key belongs to another request": IdempotencyConflict;
    RoleInUse 409 "Users have this role": RoleInUse;
    ResendTooSoon 429 "The last message is too recent": ResendTooSoon;
    SmsLimitReached 429 "A limit on messages is reached": SmsLimitReached | FraudSuspected;
    OtpIncorrect 400 "The code is wrong": OtpIncorrect;
    OtpLocked 429 "Too many wrong codes": OtpLocked;
    OtpExpired 410 "The code is too old, used or unknown": OtpExpired;
    TokenInvalid 401 "The token is missing or not valid": TokenMissing | TokenInvalid;
    TokenExpired 401 "The token has expired": TokenExpired;
    RefreshTokenReused 401 "The refresh token was used before; its session has ended": RefreshTokenReused;
    UserDisabled 403 "The user is disabled": UserDisabled;
    InvalidClient 401 "The app's credentials are missing or wrong": InvalidClient;
    AppDisabled 403 "The app is switched off": AppDisabled;
    Forbidden 403 "You lack the permission for this": Forbidden;
    Unavailable 503 "The service cannot answer right now": Unavailable;
    InternalError 500 "Something went wrong on our side": Internal;
}

impl Code {
    /// The code as clients read it.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
