//! The rights that an endpoint does not get by the way. A `lambda.yaml` says what its Lambda may touch; for what is
//! dearest it has to be said here, too, where a reviewer looks. The tests of the template and of coverage hold the two
//! together.

/// What anybody may call, with the reason why it cannot ask for an access token.
pub(super) const PUBLIC: &[&str] = &[
    // These are how a person without a token gets one, or a new one.
    "otp-send",
    "otp-resend",
    "otp-status",
    "stop-page",
    "stop-confirm",
    "otp-verify",
    "auth-register",
    "auth-login",
    "auth-mfa",
    "auth-refresh",
    "password-forgot",
    "password-reset",
    // Here it is an app that authenticates, where it can, or shows the token that it asks about.
    "oauth2-token",
    "oauth2-introspect",
    "oauth2-revoke",
    // These tell nothing of anybody.
    "health",
    "openapi",
    "docs",
    "jwks",
    "discovery",
];

/// The Lambdas that sign tokens, and the one that makes the keys.
pub(super) const READ_SIGNING_KEYS: &[&str] =
    &["auth-login", "auth-mfa", "auth-refresh", "keys-rotate", "oauth2-token", "otp-verify"];

/// The Lambdas that send texts. They cost money.
pub(super) const SEND_TEXTS: &[&str] = &[
    "auth-register",
    "me-email",
    "me-phone",
    "me-totp-confirm",
    "me-totp-delete",
    "otp-resend",
    "otp-send",
    "otp-verify",
    "password-change",
    "password-forgot",
    "password-reset",
    "users-mfa-delete",
];

/// The Lambdas that delete pictures, one of which stores them.
pub(super) const CHANGE_PICTURES: &[&str] = &[
    "me-avatar-delete",
    "me-avatar-put",
    "me-delete",
    "users-avatar-delete",
    "users-delete",
    "users-delete-by-phone",
];

/// Those that anybody can make send texts.
pub(super) const SEND_TEXTS_FOR_STRANGERS: &[&str] =
    &["auth-register", "otp-resend", "otp-send", "password-forgot"];
