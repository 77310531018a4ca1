//! Applications (OAuth clients) that share the users, and what their users may do.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    AppSecret, Branding, BrandingChange, Grants, GrantsChange, HostedChange, HostedSignIn,
    StoredSecret, TextPlan, TokenClaims, sms_text,
};
use crate::{
    apps::AppSettings,
    audit::Fields,
    base::{Error, MicroUsd, Random, epoch_seconds},
    identifiers::parse_name,
    roles::{ADMIN_ROLE, role_name},
};

/// The app of requests that name none. It exists from the start, is public, and cannot be deleted:
/// administrators sign in through it.
pub const DEFAULT_CLIENT_ID: &str = "default";
/// The forms of origin that an app may list.
const ORIGIN_TEXT: &str = "must be an origin, like https://app.example.com: https with a host in ASCII, http for localhost, \
     or capacitor, ionic or tauri for the web view of an app";
/// The maximum number of origins of an app.
const MAX_ORIGINS: usize = 20;
/// The maximum length of the senders of an app's texts, in characters.
const MAX_TEXT_SENDERS: usize = 512;
/// Whether an app can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    /// It cannot, since it runs in browsers or on phones.
    #[default]
    Public,
    /// It can, since it runs on a server. It authenticates with a client secret.
    Confidential,
}

/// Whether people can sign up through an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignUp {
    /// Anyone who proves a phone or an e-mail address gets an account.
    #[default]
    Open,
    /// Only people who already have an account, through another app or an administrator, can sign
    /// in.
    Closed,
}

/// An app as the store keeps it. `None` stands for the value in the deployment's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The public identifier in requests and tokens. It is never given to another app.
    pub client_id: String,
    /// The name that people read in messages.
    pub name: String,
    /// Whether the app can keep a secret.
    #[serde(rename = "app_type")]
    pub kind: AppType,
    /// Whether people can sign up.
    pub sign_up: SignUp,
    /// The role that people get in this app when they first sign in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
    /// The web origins that may call the API. Browsers fill codes in on the host of the first one.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Seconds that access tokens are valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_ttl: Option<i64>,
    /// Seconds that sessions last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_ttl: Option<i64>,
    /// The app's own text for messages with a sign-in code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_text: Option<String>,
    /// The senders of its texts: countries and senders, as in the setting `TEXT_SENDERS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_senders: Option<String>,
    /// The budget for its texts per month (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_budget: Option<MicroUsd>,
    /// The budget for its texts per day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_daily_budget: Option<MicroUsd>,
    /// The names of the members of `app_metadata` that go into its tokens.
    #[serde(default, skip_serializing_if = "TokenClaims::is_empty")]
    pub token_claims: TokenClaims,
    /// The names of its templates of e-mails, with the times at which they were written (epoch
    /// seconds). The words of each are a separate item.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mail_templates: BTreeMap<String, i64>,
    /// Sign-in on the hosted page.
    #[serde(flatten)]
    pub hosted: HostedSignIn,
    /// The grants that it may use at the token endpoint.
    #[serde(flatten)]
    pub grants: Grants,
    /// The look of the hosted page.
    #[serde(flatten)]
    pub branding: Branding,
    /// Whether the app is switched on.
    pub active: bool,
    /// The client secrets: the newest first, then the previous one while it is still valid.
    #[serde(default)]
    pub secrets: Vec<StoredSecret>,
    /// Whether the app is deleted. Only its client id stays taken.
    #[serde(default)]
    pub deleted: bool,
    /// The number of writes, for optimistic locking.
    #[serde(default)]
    pub version: u64,
    /// The mark of the last write, by which a write is recognised if its response was lost.
    #[serde(default)]
    pub written_by: Uuid,
    /// When the app was created.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When the app was last changed.
    #[serde(with = "epoch_seconds")]
    pub updated_at: Timestamp,
}

/// The fields of an app in the audit trail: no text, no secret, no name.
pub(super) const APP_FIELDS: Fields = Fields {
    shown: &[
        "app_type",
        "sign_up",
        "default_role",
        "allowed_origins",
        "access_token_ttl",
        "refresh_token_ttl",
        "text_senders",
        "sms_budget",
        "sms_daily_budget",
        "token_claims",
        "mail_templates",
        "redirect_uris",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
        "first_party",
        "pkce",
        "id_token_signed_response_alg",
        "grant_types",
        "scopes",
        "logo",
        "accent",
        "links",
        "sign_in_methods",
        "active",
        "deleted",
    ],
    ignored: &["client_id", "version", "written_by", "created_at", "updated_at"],
};

/// A change of an app: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct AppChange {
    /// The name that people read in messages.
    pub name: Option<String>,
    /// Whether people can sign up.
    pub sign_up: Option<SignUp>,
    /// The role of people who are new to the app.
    pub default_role: Option<Option<String>>,
    /// The web origins that may call the API.
    pub allowed_origins: Option<Vec<String>>,
    /// Seconds that access tokens are valid.
    pub access_token_ttl: Option<Option<i64>>,
    /// Seconds that sessions last.
    pub refresh_token_ttl: Option<Option<i64>>,
    /// The app's own text for messages with a sign-in code.
    pub sms_text: Option<Option<String>>,
    /// The senders of its texts.
    pub text_senders: Option<Option<String>>,
    /// The budget for its texts per month (UTC), in US dollars.
    pub sms_monthly_budget_usd: Option<Option<f64>>,
    /// The budget for its texts per day (UTC), in US dollars.
    pub sms_daily_budget_usd: Option<Option<f64>>,
    /// The members of `app_metadata` that go into its tokens.
    pub token_claims: Option<BTreeSet<String>>,
    /// Sign-in on the hosted page.
    pub hosted: HostedChange,
    /// The grants that it may use at the token endpoint.
    pub grants: GrantsChange,
    /// The look of the hosted page.
    pub branding: BrandingChange,
    /// Whether the app is switched on.
    pub active: Option<bool>,
}

impl App {
    /// A new app, with the values in the deployment's settings.
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
            text_senders: None,
            sms_budget: None,
            sms_daily_budget: None,
            token_claims: TokenClaims::default(),
            mail_templates: BTreeMap::new(),
            hosted: HostedSignIn::default(),
            grants: Grants::of_new_app(),
            branding: Branding::default(),
            active: true,
            secrets: Vec::new(),
            deleted: false,
            version: 0,
            written_by: Uuid::nil(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The default app before its first change.
    pub fn default_app(settings: &AppSettings) -> Self {
        let (id, name) = (DEFAULT_CLIENT_ID.to_owned(), settings.app_name.clone());
        let app = Self::new(id, name, AppType::Public, settings, Timestamp::UNIX_EPOCH);
        Self { grants: Grants::default().of_default_app(), ..app }
    }

    /// Whether this is the app of requests that name none.
    pub fn is_default(&self) -> bool {
        self.client_id == DEFAULT_CLIENT_ID
    }

    /// Whether the app belongs to the deployment. The default app always does.
    pub fn is_first_party(&self) -> bool {
        self.hosted.first_party || self.is_default()
    }

    /// Whether `secret` is one of the app's secrets and valid at `now`.
    pub fn has_secret(&self, secret: &AppSecret, now: Timestamp) -> bool {
        self.secrets.iter().any(|stored| stored.matches(secret, now))
    }

    /// Changes the fields that `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a value out of bounds; [`Error::Conflict`] for switching the
    /// default app off.
    pub fn apply(&mut self, change: AppChange, settings: &AppSettings) -> Result<(), Error> {
        if let Some(name) = change.name {
            self.name = parse_name(&name)?;
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
            self.sms_text = text.map(sms_text::parse).transpose()?;
        }
        if let Some(plan) = change.text_senders {
            self.text_senders = plan.map(text_senders).transpose()?;
        }
        if let Some(budget) = change.sms_monthly_budget_usd {
            self.sms_budget =
                budget.map(|usd| parse_budget("sms_monthly_budget_usd", usd)).transpose()?;
        }
        if let Some(budget) = change.sms_daily_budget_usd {
            self.sms_daily_budget =
                budget.map(|usd| parse_budget("sms_daily_budget_usd", usd)).transpose()?;
        }
        if let Some(names) = change.token_claims {
            self.token_claims = TokenClaims::parse(names)?;
        }
        self.hosted.apply(change.hosted, settings.is_prod())?;
        self.grants.apply(change.grants, self.kind)?;
        self.branding.apply(change.branding)?;
        if let Some(active) = change.active {
            if self.is_default() && !active {
                return Err(Error::conflict(
                    "active",
                    "must stay true for the default app: administrators sign in through it",
                ));
            }
            self.active = active;
        }
        Ok(())
    }
}

/// Whether `text` has the form of a client id. Anything else need not be looked up.
pub fn is_client_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A new `client_id`: `app_` and 16 random bytes in base32, in lower case. In hexadecimal they would be a
/// UUID without hyphens.
///
/// # Errors
/// [`Error::Internal`].
pub(super) fn draw_client_id(random: &Random) -> Result<String, Error> {
    let drawn = BASE32_NOPAD.encode(&random.bytes::<16>()?);
    Ok(format!("app_{}", drawn.to_ascii_lowercase()))
}

/// Reads the `client_id` of a new app: a letter or digit, then up to 63 letters, digits, `.`, `_`
/// and `-`. It may not look like the id of a user, since both can be the `sub` of a token (RFC 9700
/// §4.15).
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub fn parse_client_id(input: String) -> Result<String, Error> {
    if Uuid::try_parse(&input).is_ok() {
        return Err(Error::field("client_id", "must not look like a UUID, as ids of users do"));
    }
    if is_client_id(&input) {
        Ok(input)
    } else {
        Err(Error::field(
            "client_id",
            "must be a letter or digit, followed by up to 63 letters, digits, '.', '_' or '-'",
        ))
    }
}

fn parse_default_role(input: String) -> Result<String, Error> {
    if input.eq_ignore_ascii_case(ADMIN_ROLE) {
        return Err(Error::field("default_role", "must not be the administrators' role"));
    }
    role_name(&input).ok_or_else(|| {
        Error::field(
            "default_role",
            "must be a role's name: a letter, followed by up to 63 letters, digits, '_' or '-'",
        )
    })
}

fn parse_origins(inputs: &[String]) -> Result<Vec<String>, Error> {
    if inputs.len() > MAX_ORIGINS {
        return Err(Error::field(
            "allowed_origins",
            format!("must be at most {MAX_ORIGINS} origins"),
        ));
    }

    let mut seen = BTreeSet::new();
    let mut origins = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let origin = crate::base::page_origin(input)
            .ok_or_else(|| Error::field(format!("allowed_origins[{index}]"), ORIGIN_TEXT))?;
        if seen.insert(origin.clone()) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

fn parse_budget(field: &str, usd: f64) -> Result<MicroUsd, Error> {
    // The shortest text of the number, which has the same decimals as in the request.
    crate::base::usd(&usd.to_string()).ok_or_else(|| {
        Error::field(field, "must be from 0 to 1000000 US dollars, with up to 6 decimals")
    })
}

/// Checks the senders of an app's texts.
///
/// # Errors
/// [`Error::InvalidRequest`] unless they have the form of `TEXT_SENDERS`.
fn text_senders(text: String) -> Result<String, Error> {
    let is_plan = text.len() <= MAX_TEXT_SENDERS && TextPlan::parse(&text).is_some();
    is_plan.then_some(text).ok_or_else(|| {
        let form = TextPlan::FORM;
        Error::field("text_senders", format!("must be up to {MAX_TEXT_SENDERS} characters: {form}"))
    })
}

fn within(field: &str, number: i64, (min, max): (i64, i64)) -> Result<i64, Error> {
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Error::field(field, format!("must be from {min} to {max} seconds")))
    }
}
