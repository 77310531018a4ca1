//! The settings that apps fall back on.

use crate::{
    base::{Reader, Stage, host, list, origin},
    roles::RoleSettings,
};

/// The maximum and default lifetime of an access token.
const MAX_ACCESS_TOKEN_TTL_SECONDS: i64 = 900;
/// The minimum lifetime of an access token in production.
const MIN_ACCESS_TOKEN_TTL_SECONDS: i64 = 60;
/// The maximum and default lifetime of a session.
const MAX_REFRESH_TOKEN_TTL_SECONDS: i64 = 30 * 24 * 3600;
/// The minimum lifetime of a session in production.
const MIN_REFRESH_TOKEN_TTL_SECONDS: i64 = 900;

/// The values of apps that do not set their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// `APP_NAME`.
    pub app_name: String,
    /// The `DEFAULT_ROLE` of [`RoleSettings`].
    pub default_role: String,
    /// `ALLOWED_ORIGINS`.
    pub allowed_origins: Vec<String>,
    /// `ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl_seconds: i64,
    /// `REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl_seconds: i64,
    /// The host of `WEB_OTP_ORIGIN`, for the line that binds a code to it.
    pub web_otp_host: Option<String>,
    stage: Stage,
}

impl AppSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>, roles: &RoleSettings) -> Self {
        let (min_access, min_refresh) = (
            reader.at_least(MIN_ACCESS_TOKEN_TTL_SECONDS),
            reader.at_least(MIN_REFRESH_TOKEN_TTL_SECONDS),
        );
        let web_otp_origin =
            reader.optional("WEB_OTP_ORIGIN", "an origin, like https://app.example.com", origin);
        Self {
            app_name: reader.parsed(
                "APP_NAME",
                "Latchkey",
                "a name of 1 to 30 letters, digits, spaces and . , ' & ! - _ that starts with a \
                 letter or digit",
                app_name,
            ),
            default_role: roles.default_role.clone(),
            allowed_origins: reader.list(
                "ALLOWED_ORIGINS",
                "origins separated by commas, like https://app.example.com; * is not accepted",
                |text| list(text).map(origin).collect(),
            ),
            access_token_ttl_seconds: reader.number(
                "ACCESS_TOKEN_TTL_SECONDS",
                MAX_ACCESS_TOKEN_TTL_SECONDS,
                min_access,
                MAX_ACCESS_TOKEN_TTL_SECONDS,
            ),
            refresh_token_ttl_seconds: reader.number(
                "REFRESH_TOKEN_TTL_SECONDS",
                MAX_REFRESH_TOKEN_TTL_SECONDS,
                min_refresh,
                MAX_REFRESH_TOKEN_TTL_SECONDS,
            ),
            web_otp_host: web_otp_origin.as_deref().and_then(host).map(str::to_owned),
            stage: reader.stage,
        }
    }

    /// The minimum and maximum lifetime of access tokens, in seconds.
    pub fn access_token_ttl_bounds(&self) -> (i64, i64) {
        (self.stage.at_least(MIN_ACCESS_TOKEN_TTL_SECONDS), MAX_ACCESS_TOKEN_TTL_SECONDS)
    }

    /// The minimum and maximum lifetime of a session, in seconds.
    pub fn refresh_token_ttl_bounds(&self) -> (i64, i64) {
        (self.stage.at_least(MIN_REFRESH_TOKEN_TTL_SECONDS), MAX_REFRESH_TOKEN_TTL_SECONDS)
    }
}

fn app_name(text: &str) -> Option<String> {
    let fits = text.chars().count() <= 30
        && text.starts_with(char::is_alphanumeric)
        && text.chars().all(|c| c.is_alphanumeric() || " .,'&!-_".contains(c));
    fits.then(|| text.to_owned())
}
