//! The stable codes: one row for each, with its status, title, help and errors.

use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::Error;

/// A row is a code, its status, its title, its help, and the variants of [`Error`] that become it.
/// The compiler refuses an error that is in no row, or in two.
macro_rules! codes {
    ($($code:ident $status:literal $title:literal $help:literal: $($error:ident)|+;)+) => {
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

            /// The HTTP status of responses with this code.
            pub fn status(self) -> StatusCode {
                let status = match self {
                    $(Self::$code => $status,)+
                };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The meaning of the code, in a few words without a full stop.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)+
                }
            }

            /// The meaning of the code and what the client can do about it, for the list of codes
            /// in `/docs`. Text between backticks is code.
            pub fn help(self) -> &'static str {
                match self {
                    $(Self::$code => $help,)+
                }
            }
        }
    };
}

// Only the OAuth 2.0 endpoints return UnsupportedGrantType, UnauthorizedClient and CodeInvalid, in the
// style of OAuth 2.0 (super::oauth).
codes! {
    InvalidRequest 400 "A field is invalid, missing or unknown"
        "A field of the body, the query or the headers is not accepted. `errors` names each field \
         and says what it accepts: correct these fields and send the request again.":
        InvalidRequest | UnknownApp | UnsupportedGrantType | UnauthorizedClient | GrantNotAllowed | RequestRefused
            | InvalidScope;
    InvalidJson 400 "The body is not valid JSON"
        "The body cannot be read as JSON in UTF-8. Send exactly one JSON object, without anything \
         before or after it.":
        InvalidJson;
    UnsupportedMediaType 415 "The content type, charset or encoding is not supported"
        "The `Content-Type` is missing or is not one that the endpoint accepts, its charset is \
         not UTF-8, or it has a `Content-Encoding`. Send the content type that the endpoint documents, \
         mostly `application/json`, without a `Content-Encoding`.":
        UnsupportedMediaType;
    BodyTooLarge 413 "The body is too large"
        "The body is larger than the endpoint accepts. `detail` says the limit: send a smaller \
         body.":
        BodyTooLarge;
    NotFound 404 "Not found"
        "The path or the resource does not exist, or it belongs to somebody else. Check the path \
         and the id in it.":
        NotFound | Missing;
    MethodNotAllowed 405 "Method not allowed"
        "The path exists, but not with this HTTP method. Use one of the methods in the header \
         `Allow`.":
        MethodNotAllowed;
    InvalidPhone 400 "The phone number cannot receive texts"
        "The number is incomplete, does not exist in its country's numbering plan, or is of a \
         kind that receives no texts. Ask for a mobile number with its country code, like \
         `+14155550123`.":
        InvalidPhone;
    Undeliverable 400 "Texts to this number are refused"
        "The number receives no texts, or its owner has opted out of them. Ask for another number, \
         or send the code by e-mail.":
        Undeliverable;
    CountryNotAllowed 400 "Phone numbers of this country are not accepted"
        "The deployment accepts only phone numbers of the countries in `ALLOWED_COUNTRIES`. Ask \
         for a number of another country, or ask the operator to allow this one.":
        CountryNotAllowed;
    InvalidEmail 400 "The e-mail address is not valid"
        "The address does not have the form of an e-mail address. Ask for one like \
         `ann@example.com`.":
        InvalidEmail;
    WeakPassword 400 "The password is too easy to guess"
        "The new password is too short, too common, or made from the user's own name or address. \
         `errors` says which: ask for another password.":
        WeakPassword;
    InvalidImage 400 "The picture cannot be used"
        "The file is not a JPEG, PNG, WebP or GIF picture, is damaged, or has too many pixels. \
         `detail` says which: ask for another picture.":
        InvalidImage;
    InvalidCredentials 401 "Wrong identifier or password"
        "No user has this identifier and password. Ask for both again, and do not say which of \
         them is wrong. The status is 403 if a signed-in user gave a wrong current password; they \
         stay signed in.":
        InvalidCredentials | WrongPassword;
    TooManyAttempts 429 "Too many wrong passwords"
        "Too many wrong passwords were tried for this identifier, or from this source address. \
         Wait `retry_after` seconds, or sign in with a code. Without `retry_after`, waiting does \
         not help: sign in with a code, or reset the password.":
        TooManyAttempts;
    InsufficientUserAuthentication 401 "A fresh sign-in is needed"
        "Step-up (RFC 9470): this needs a sign-in within the last ten minutes, with both factors \
         if the user has two. Let the user sign in again, then repeat the request.":
        FreshSignInNeeded;
    Conflict 409 "The request conflicts with the current state"
        "Usually the value is taken, like a username that somebody else has. `errors` names the \
         field: change its value, or read the resource again.":
        Conflict;
    PreconditionFailed 412 "The resource has changed since it was read"
        "Optimistic locking: the `If-Match` header is not the current `ETag`, so nothing was \
         changed. Read the resource again, and repeat the change with its new `ETag`.":
        PreconditionFailed;
    IdempotencyConflict 409 "The Idempotency-Key was used by another request"
        "With `retry_after`, the first request with this key is still running: send the same \
         request again after that many seconds. Without it, the key was used with another body: \
         use a new key for each new request.":
        IdempotencyConflict;
    RoleInUse 409 "Users have this role"
        "The role was not deleted, because users have it. Take it from the users that `errors` \
         lists, or delete it with `force=true`, which takes it from all of them.":
        RoleInUse;
    ResendTooSoon 429 "The last message was sent too recently"
        "The cooldown between two messages is still running. Wait `retry_after` seconds before \
         you request the next message.":
        ResendTooSoon;
    SmsLimitReached 429 "Message limit reached"
        "A rate limit or a budget for messages is used up. Wait `retry_after` seconds before you \
         request another message.":
        SmsLimitReached | FraudSuspected;
    ProofRequired 403 "A proof of work is required"
        "The request shows signs of SMS pumping. Solve the challenge in `proof`, which is in the \
         format of ALTCHA, with one of its clients or the TypeScript client, and send the request \
         again within ten minutes with the result in the field `proof`. Each is good once, for \
         this address.":
        ProofRequired;
    OtpIncorrect 400 "The code is wrong"
        "The code does not match, or a code of an authenticator app or a recovery code was \
         already used. Ask for the code again; when `attempts_left` is 0, offer to send a new \
         one.":
        OtpIncorrect;
    OtpLocked 429 "Too many wrong codes"
        "The challenge has no tries left: ask for a new code. With `retry_after`, too many codes in \
         a row were wrong: strangers get none for this address until then, and a known device \
         (`device_token`), a password with second factor, or another address signs in all the \
         same. After a second factor, `retry_after` is the wait for the next try.":
        OtpLocked;
    OtpExpired 410 "The code is expired, used or unknown"
        "The code can no longer be used: it expired, was used, or was replaced by a newer one. \
         Request a new code.":
        OtpExpired;
    TokenInvalid 401 "The token is missing or invalid"
        "No token was sent, or it is malformed, used or revoked. Refresh the session once and \
         repeat the request; if that fails, let the user sign in again.":
        TokenMissing | TokenInvalid | CodeInvalid;
    TokenExpired 401 "The token has expired"
        "The token was valid, but its time is over. Refresh an access token and repeat the \
         request; let the user sign in again if it was a refresh token.":
        TokenExpired;
    RefreshTokenReused 401 "The refresh token was already used"
        "Each refresh token works once. Using one again may mean that it was stolen, so its \
         session was revoked. Let the user sign in again.":
        RefreshTokenReused;
    PasskeyUnknown 401 "Nobody has this passkey"
        "The passkey does not exist here, or its user has removed it. Call \
         `signalUnknownCredential` with its id, so that it is offered no more, and let the user sign \
         in in another way.":
        PasskeyUnknown;
    PasskeyInvalid 401 "The passkey could not be verified"
        "`detail` says why: the challenge is used or expired, the page is not one that may ask for \
         passkeys, or the signature is wrong. Get new options and let the user try again.":
        PasskeyInvalid;
    UserDisabled 403 "The user is disabled"
        "An administrator has disabled this user, so they cannot sign in. An administrator can \
         enable them again.":
        UserDisabled;
    PhoneIdle 403 "A text alone does not open this account"
        "The account of this phone was not used for so long that the number may have a new owner. \
         Sign in with a password or by e-mail, or ask the operator. It is an administrator's \
         account, or one of an app that accepts no new users: otherwise the person would have got \
         a new account.":
        PhoneIdle;
    InvalidClient 401 "The app's credentials are missing or wrong"
        "A confidential app sent no secret or a wrong one, or a public app sent one. Send the \
         right `client_id` and `client_secret` in the `Authorization` header or in the form; a \
         public app sends its `client_id` only.":
        InvalidClient;
    AppDisabled 403 "The app is switched off"
        "An administrator has switched this app off, so nobody can sign in to it. An \
         administrator can switch it on again.":
        AppDisabled;
    Forbidden 403 "You do not have permission for this"
        "The caller's roles lack the permission or the role that `detail` names. Sign in to the \
         app in which the user has it, or ask an administrator for it. Administrators cannot change \
         their own factors, roles or status. A web page gets tokens only of an app that has its \
         origin in `allowed_origins`, and of the default app only if it is in `ALLOWED_ORIGINS`. If \
         `detail` says that the request did not come through the service's public address, send it \
         there.":
        Forbidden | OwnAccount | ForeignOrigin | NotFromEdge | ViewerUnknown;
    Unavailable 503 "The service is temporarily unavailable"
        "AWS did not respond in time, or refused the call. Repeat the request after `retry_after` \
         seconds.":
        Unavailable;
    NotReady 503 "The service is not ready"
        "No signing key is published yet, so nobody can sign in. The first rotation of the keys \
         makes one, within a minute after the first deployment. If it does not, the operator finds \
         the reason in the log of `keys-rotate`.":
        NotReady;
    InternalError 500 "Something went wrong on our side"
        "The service has a fault. Try again later, and tell the operator the `request_id` if it \
         happens again.":
        Internal;
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
