//! The settings that apps fall back on.

use crate::{
    base::{Reader, Stage, host, list, origin, page_origin},
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

/// The end of an origin that stands for all ports of its host.
const ANY_PORT: &str = ":*";
/// The origins of a developer's own machine, as `ALLOWED_ORIGINS` accepts them outside production.
pub const LAPTOP_ORIGINS: [&str; 2] = ["http://localhost:*", "http://127.0.0.1:*"];

/// The values of apps that do not set their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// `APP_NAME`.
    pub app_name: String,
    /// The `DEFAULT_ROLE` of [`RoleSettings`].
    pub default_role: String,
    /// `ISSUER`: the origin of the service's own pages.
    pub issuer: String,
    /// The origins in `ALLOWED_ORIGINS`.
    pub allowed_origins: Vec<String>,
    /// The `http://localhost` and `http://127.0.0.1` whose pages may use every app, whatever their
    /// port: the entries of `ALLOWED_ORIGINS` that end with `:*`.
    laptop_hosts: Vec<String>,
    /// `ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl_seconds: i64,
    /// `REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl_seconds: i64,
    /// The host of `WEB_OTP_ORIGIN`, for the line that binds a code to it.
    pub web_otp_host: Option<String>,
    stage: Stage,
}

impl AppSettings {
    /// Whether the deployment is in production.
    pub(super) fn is_prod(&self) -> bool {
        self.stage == Stage::Prod
    }

    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>, roles: &RoleSettings, issuer: &str) -> Self {
        let (min_access, min_refresh) = (
            reader.at_least(MIN_ACCESS_TOKEN_TTL_SECONDS),
            reader.at_least(MIN_REFRESH_TOKEN_TTL_SECONDS),
        );
        let web_otp_origin =
            reader.optional("WEB_OTP_ORIGIN", "an origin, like https://app.example.com", origin);
        let may_be_laptop = reader.stage != Stage::Prod;
        let origins: Vec<String> = reader.list(
            "ALLOWED_ORIGINS",
            "origins separated by commas, like https://app.example.com; * is not accepted",
            |text| list(text).map(|text| allowed_origin(text, may_be_laptop)).collect(),
        );
        let (laptop_hosts, allowed_origins): (Vec<_>, Vec<_>) =
            origins.into_iter().partition(|origin| origin.ends_with(ANY_PORT));

        Self {
            issuer: issuer.to_owned(),
            allowed_origins,
            laptop_hosts: laptop_hosts
                .iter()
                .filter_map(|origin| origin.strip_suffix(ANY_PORT).map(str::to_owned))
                .collect(),
            app_name: reader.parsed(
                "APP_NAME",
                "Latchkey",
                "a name of 1 to 30 letters, digits, spaces and . , ' & ! - _ that starts with a \
                 letter or digit",
                app_name,
            ),
            default_role: roles.default_role.clone(),
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

    /// Whether pages of `origin` may call the API, because `ALLOWED_ORIGINS` lists it.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
            || self.is_on_this_laptop(origin)
    }

    /// Whether `origin` is of a developer's own machine, whose pages may use every app.
    pub(super) fn is_on_this_laptop(&self, origin: &str) -> bool {
        self.laptop_hosts.iter().any(|host| {
            origin.strip_prefix(host).is_some_and(|port| {
                port.is_empty()
                    || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
            })
        })
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

/// An entry of `ALLOWED_ORIGINS`. Only outside production, a loopback host may have any port.
fn allowed_origin(text: &str, may_be_laptop: bool) -> Option<String> {
    let is_laptop = LAPTOP_ORIGINS.contains(&text);
    if is_laptop && may_be_laptop { Some(text.to_owned()) } else { page_origin(text) }
}

fn app_name(text: &str) -> Option<String> {
    let fits = text.chars().count() <= 30
        && text.starts_with(char::is_alphanumeric)
        && text.chars().all(|c| c.is_alphanumeric() || " .,'&!-_".contains(c));
    fits.then(|| text.to_owned())
}
