//! The rights that no endpoint gets by accident. A `lambda.yaml` says what its Lambda may touch.
//! The most sensitive rights have to be listed here as well, where a reviewer looks. The tests of
//! the template and of coverage keep the two in agreement.

/// The operations that anybody may call, with the reason why each cannot require an access token.
pub(super) const PUBLIC: &[&str] = &[
    // With these, a person without a token gets one, or a new one.
    "otp-send",
    "otp-resend",
    "otp-status",
    "stop-page",
    "stop-confirm",
    // The link in a notice is the proof.
    "undo-page",
    "undo-confirm",
    "otp-verify",
    "auth-register",
    "auth-login",
    "auth-mfa",
    "auth-passkey-options",
    "auth-passkey",
    "auth-refresh",
    "password-forgot",
    "password-reset",
    // Here the app authenticates, if it is confidential, or presents the token that it asks about.
    "oauth2-token",
    // People without a session sign in here, and a browser has no access token.
    "oauth2-authorize",
    "oauth2-authorize-post",
    "oauth2-par",
    // A device without a browser has no token yet, and the browser of its person has none at all.
    "oauth2-device",
    "device",
    "sign-in",
    "oauth2-logout",
    "oauth2-logout-post",
    "oauth2-introspect",
    "oauth2-revoke",
    // The sender of the text has signed the report, and its account's token confirms the address.
    "reports-confirm",
    "reports-create",
    // These reveal nothing about anybody.
    "config",
    "health",
    "openapi",
    "docs",
    "jwks",
    "discovery",
    "oauth-metadata",
    "webauthn",
    "asset-links",
    "apple-app-site",
];

/// The Lambdas that may read the signing keys: those that sign tokens, and the one that makes the
/// keys.
pub(super) const READ_SIGNING_KEYS: &[&str] = &[
    "auth-login",
    "auth-mfa",
    "auth-passkey",
    "auth-refresh",
    "back-channel-notify",
    "keys-rotate",
    "oauth2-token",
    "otp-verify",
];

/// The Lambdas that send texts, which cost money.
pub(super) const SEND_TEXTS: &[&str] = &[
    "apps-messages-put",
    "apps-secret-rotate",
    "apps-update",
    "auth-register",
    "me-delete",
    "me-email",
    "me-passkeys-create",
    "me-phone",
    "me-totp-confirm",
    "me-totp-delete",
    "otp-resend",
    "otp-send",
    "otp-verify",
    "password-change",
    "password-forgot",
    "password-reset",
    "sign-in",
    "users-mfa-delete",
    "users-phone-put",
];

/// The Lambdas that may read the credentials of senders beside those that send texts: the ones that
/// check their reports.
pub(super) const READ_SENDERS_CREDENTIALS: &[&str] = &["reports-confirm", "reports-create"];

/// The Lambdas that may delete pictures. `me-avatar-put` also stores them.
pub(super) const CHANGE_PICTURES: &[&str] = &[
    "erasures",
    "me-avatar-delete",
    "me-avatar-put",
    "me-delete",
    "users-avatar-delete",
    "users-delete",
    "users-delete-by-phone",
];

/// The Lambdas that anybody can make send texts.
pub(super) const SEND_TEXTS_FOR_STRANGERS: &[&str] =
    &["auth-register", "otp-resend", "otp-send", "password-forgot", "sign-in"];
