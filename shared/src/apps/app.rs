//! Applications (OAuth clients) that share the users, and what their users may do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppSecret, StoredSecret};
use crate::{
    apps::AppSettings,
    base::{Error, MicroUsd, epoch_seconds, in_usd},
    roles::{ADMIN_ROLE, role_name},
    spending::AppBudget,
};

/// The app of requests that name none. It exists from the start, is public, and stays: administrators
/// sign in through it.
pub const DEFAULT_CLIENT_ID: &str = "default";
/// The most origins that an app may have.
const MAX_ORIGINS: usize = 20;
/// The longest name, in characters: it is part of every text message.
const MAX_NAME_CHARS: usize = 64;
/// What a name cannot have: it would make a link of it, or bind the code to a foreign host.
const NOT_IN_NAMES: &str = "/:@#<>{}\\";
/// The longest text of a message, in characters; with the code and the origin line it fits two segments.
const MAX_SMS_TEXT_CHARS: usize = 160;
/// What stands for the code in an app's own text.
pub const CODE_PLACEHOLDER: &str = "{code}";

/// Whether an app can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    /// It cannot: it runs in browsers or on phones.
    #[default]
    Public,
    /// It can, and authenticates with one: it runs on a server.
    Confidential,
}

/// Who may have an account through an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignUp {
    /// Whoever proves a phone or an e-mail address.
    #[default]
    Open,
    /// Only who has an account already, through another app or an administrator.
    Closed,
}

/// An app as the store keeps it. `None` means what the deployment's settings say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The public name that requests and tokens carry. It is never given twice.
    pub client_id: String,
    /// What people read in messages.
    pub name: String,
    /// Whether it can keep a secret.
    #[serde(rename = "app_type")]
    pub kind: AppType,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// The role in this app of those who sign in to it for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
    /// The web origins that may call; the first one's host gets codes filled in.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Seconds that access tokens are good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_ttl: Option<i64>,
    /// Seconds that sessions last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_ttl: Option<i64>,
    /// Its own text of a message with a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_text: Option<String>,
    /// The most that its texts may cost in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_budget: Option<MicroUsd>,
    /// The most that its texts may cost in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_daily_budget: Option<MicroUsd>,
    /// Whether it may do anything.
    pub active: bool,
    /// Its secrets: the newest first, the one before while that is still good.
    #[serde(default)]
    pub secrets: Vec<StoredSecret>,
    /// Whether it is gone, and only its client id stays taken.
    #[serde(default)]
    pub deleted: bool,
    /// Counts the writes.
    #[serde(default)]
    pub version: u64,
    /// The mark of the last of them.
    #[serde(default)]
    pub written_by: Uuid,
    /// When it came to be.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When it changed last.
    #[serde(with = "epoch_seconds")]
    pub updated_at: Timestamp,
}

/// The app that a session begins in, and what that gives to it. It travels with the challenge that leads to a
/// session, and stays in the session: a change of the app holds for later ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTerms {
    /// The app.
    pub client_id: String,
    /// Seconds that access tokens are good.
    pub access_token_ttl: i64,
    /// Seconds that the session lasts.
    pub refresh_token_ttl: i64,
    /// The role of those who are new to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
}

/// Who sends a message, and how it is worded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// What people read.
    pub app_name: String,
    /// The app's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_text: Option<String>,
    /// The host that codes are filled in on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_otp_host: Option<String>,
    /// What the app may spend, where it has a budget of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<AppBudget>,
}

/// A change of an app: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct AppChange {
    /// What people read.
    pub name: Option<String>,
    /// Who may sign up.
    pub sign_up: Option<SignUp>,
    /// The role of those who are new.
    pub default_role: Option<Option<String>>,
    /// The web origins.
    pub allowed_origins: Option<Vec<String>>,
    /// Seconds that access tokens are good.
    pub access_token_ttl: Option<Option<i64>>,
    /// Seconds that sessions last.
    pub refresh_token_ttl: Option<Option<i64>>,
    /// The app's own text.
    pub sms_text: Option<Option<String>>,
    /// The most that its texts may cost in a month, in US dollars.
    pub sms_monthly_budget_usd: Option<Option<f64>>,
    /// The most that its texts may cost in a day, in US dollars.
    pub sms_daily_budget_usd: Option<Option<f64>>,
    /// Whether it may do anything.
    pub active: Option<bool>,
}

impl App {
    /// A new app, with what the deployment's settings say.
    pub fn new(
        client_id: String,
        name: String,
        kind: AppType,
        settings: &AppSettings,
        now: Timestamp,
    ) -> Self {
        Self {
            client_id,
            name,
            kind,
            sign_up: SignUp::Open,
            default_role: Some(settings.default_role.clone()),
            allowed_origins: Vec::new(),
            access_token_ttl: None,
            refresh_token_ttl: None,
            sms_text: None,
            sms_budget: None,
            sms_daily_budget: None,
            active: true,
            secrets: Vec::new(),
            deleted: false,
            version: 0,
            written_by: Uuid::nil(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The default app, before anybody changed it.
    pub fn default_app(settings: &AppSettings) -> Self {
        let name = settings.app_name.clone();
        Self::new(
            DEFAULT_CLIENT_ID.to_owned(),
            name,
            AppType::Public,
            settings,
            Timestamp::UNIX_EPOCH,
        )
    }

    /// Whether it is the app of requests that name none.
    pub fn is_default(&self) -> bool {
        self.client_id == DEFAULT_CLIENT_ID
    }

    /// Whether `secret` is one of its own that is good at `now`.
    pub fn has_secret(&self, secret: &AppSecret, now: Timestamp) -> bool {
        self.secrets.iter().any(|stored| stored.matches(secret, now))
    }

    /// What it gives to a session that begins now.
    pub fn session_terms(&self, settings: &AppSettings) -> SessionTerms {
        SessionTerms {
            client_id: self.client_id.clone(),
            access_token_ttl: self.access_token_ttl.unwrap_or(settings.access_token_ttl_seconds),
            refresh_token_ttl: self.refresh_token_ttl.unwrap_or(settings.refresh_token_ttl_seconds),
            default_role: self.default_role.clone().filter(|_| self.sign_up == SignUp::Open),
        }
    }

    /// How its messages are worded.
    pub fn sender(&self, settings: &AppSettings) -> Sender {
        let host = self
            .allowed_origins
            .first()
            .and_then(|origin| crate::base::host(origin))
            .map(str::to_owned);
        Sender {
            app_name: self.name.clone(),
            sms_text: self.sms_text.clone(),
            web_otp_host: host.or_else(|| settings.web_otp_host.clone()),
            budget: self.sms_budget.or(self.sms_daily_budget).map(|_| AppBudget {
                client_id: self.client_id.clone(),
                month: self.sms_budget,
                day: self.sms_daily_budget,
            }),
        }
    }

    /// Changes what `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a value out of bounds, and for switching the default app off.
    pub fn apply(&mut self, change: AppChange, settings: &AppSettings) -> Result<(), Error> {
        if let Some(name) = change.name {
            self.name = parse_name(name)?;
        }
        if let Some(sign_up) = change.sign_up {
            self.sign_up = sign_up;
        }
        if let Some(role) = change.default_role {
            self.default_role = role.map(parse_default_role).transpose()?;
        }
        if let Some(origins) = change.allowed_origins {
            self.allowed_origins = parse_origins(&origins)?;
        }
        if let Some(ttl) = change.access_token_ttl {
            let bounds = settings.access_token_ttl_bounds();
            self.access_token_ttl =
                ttl.map(|ttl| within("access_token_ttl", ttl, bounds)).transpose()?;
        }
        if let Some(ttl) = change.refresh_token_ttl {
            let bounds = settings.refresh_token_ttl_bounds();
            self.refresh_token_ttl =
                ttl.map(|ttl| within("refresh_token_ttl", ttl, bounds)).transpose()?;
        }
        if let Some(text) = change.sms_text {
            self.sms_text = text.map(parse_sms_text).transpose()?;
        }
        if let Some(budget) = change.sms_monthly_budget_usd {
            self.sms_budget =
                budget.map(|usd| parse_budget("sms_monthly_budget_usd", usd)).transpose()?;
        }
        if let Some(budget) = change.sms_daily_budget_usd {
            self.sms_daily_budget =
                budget.map(|usd| parse_budget("sms_daily_budget_usd", usd)).transpose()?;
        }
        if let Some(active) = change.active {
            if self.is_default() && !active {
                return Err(Error::conflict(
                    "active",
                    "the default app stays on: administrators sign in through it",
                ));
            }
            self.active = active;
        }
        Ok(())
    }
}

/// Whether an app may be called so: what cannot be is looked up nowhere.
pub fn is_client_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Reads the `client_id` of a new app: a letter or digit, then up to 63 letters, digits, `.`, `_` and `-`.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub fn parse_client_id(input: String) -> Result<String, Error> {
    if is_client_id(&input) {
        Ok(input)
    } else {
        Err(Error::field(
            "client_id",
            "must be a letter or digit and then up to 63 letters, digits, '.', '_' or '-'",
        ))
    }
}

/// Reads the name of an app: 1 to 64 characters, no control characters, no spaces around it.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub fn parse_name(input: String) -> Result<String, Error> {
    let fits = (1..=MAX_NAME_CHARS).contains(&input.chars().count())
        && input.trim() == input
        && !input.chars().any(|c| c.is_control() || is_invisible(c) || NOT_IN_NAMES.contains(c));
    let expected =
        format!("must be 1 to {MAX_NAME_CHARS} visible characters without any of {NOT_IN_NAMES}");
    if fits { Ok(input) } else { Err(Error::field("name", expected)) }
}

/// What formats text and is not seen: joiners apart, which some scripts need.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn parse_default_role(input: String) -> Result<String, Error> {
    if input.eq_ignore_ascii_case(ADMIN_ROLE) {
        return Err(Error::field("default_role", "cannot be the administrators' role"));
    }
    role_name(&input).ok_or_else(|| Error::field("default_role", "is not a role's name"))
}

fn parse_origins(inputs: &[String]) -> Result<Vec<String>, Error> {
    if inputs.len() > MAX_ORIGINS {
        return Err(Error::field("allowed_origins", format!("may be at most {MAX_ORIGINS}")));
    }
    let mut seen = BTreeSet::new();
    let mut origins = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        // Browsers send hosts in lower case (RFC 6454 §4).
        let origin = crate::base::origin(&input.to_ascii_lowercase()).ok_or_else(|| {
            Error::field(
                format!("allowed_origins[{index}]"),
                "must be an origin, as https://app.example.com",
            )
        })?;
        if seen.insert(origin.clone()) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

fn parse_sms_text(input: String) -> Result<String, Error> {
    let refuse = |message: String| Err(Error::field("sms_text", message));
    if input.matches(CODE_PLACEHOLDER).count() != 1 {
        return refuse(format!("must have {CODE_PLACEHOLDER} in it, once"));
    }
    if input.chars().count() > MAX_SMS_TEXT_CHARS
        || input.chars().any(char::is_control)
        || input.trim() != input
    {
        return refuse(format!("must be one line of up to {MAX_SMS_TEXT_CHARS} characters"));
    }
    if input.starts_with('@') {
        return refuse("cannot begin as the line does that binds a code to a host".to_owned());
    }
    Ok(input)
}

fn parse_budget(field: &str, usd: f64) -> Result<MicroUsd, Error> {
    // A JSON number is written with as many digits as it needs.
    crate::base::usd(&usd.to_string())
        .ok_or_else(|| Error::field(field, "must be from 0 to 1000000, with up to 6 decimals"))
}

fn within(field: &str, number: i64, (min, max): (i64, i64)) -> Result<i64, Error> {
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Error::field(field, format!("must be from {min} to {max} seconds")))
    }
}

/// An app as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub struct AppView {
    #[schema(example = "5f0c3e2ab9d14c0e8d8f2f6a7c1b4e90")]
    client_id: String,
    #[schema(example = "Shop")]
    name: String,
    #[serde(rename = "type")]
    kind: AppType,
    sign_up: SignUp,
    #[schema(example = "User")]
    default_role: Option<String>,
    /// The web origins that may call the API; codes are filled in on the first one's host.
    #[schema(example = json!(["https://shop.example.com"]))]
    allowed_origins: Vec<String>,
    /// Seconds that access tokens are good.
    #[schema(example = 900)]
    access_token_ttl: i64,
    /// Seconds that sessions last.
    #[schema(example = 2_592_000)]
    refresh_token_ttl: i64,
    /// The app's own text of a message with a code, `{code}` in it; nothing where the built-in ones are used.
    #[schema(example = "{code} is your Shop code.")]
    sms_text: Option<String>,
    /// The most that the app's texts may cost in a month (UTC), within the budget of the deployment.
    #[schema(example = 25.0)]
    sms_monthly_budget_usd: Option<f64>,
    /// The same in a day (UTC).
    #[schema(example = 2.0)]
    sms_daily_budget_usd: Option<f64>,
    active: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl AppView {
    /// What administrators see of `app`.
    pub fn new(app: App, settings: &AppSettings) -> Self {
        let terms = app.session_terms(settings);
        Self {
            client_id: app.client_id,
            name: app.name,
            kind: app.kind,
            sign_up: app.sign_up,
            default_role: app.default_role,
            allowed_origins: app.allowed_origins,
            access_token_ttl: terms.access_token_ttl,
            refresh_token_ttl: terms.refresh_token_ttl,
            sms_text: app.sms_text,
            sms_monthly_budget_usd: app.sms_budget.map(in_usd),
            sms_daily_budget_usd: app.sms_daily_budget.map(in_usd),
            active: app.active,
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }
}
