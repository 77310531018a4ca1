//! Apps as the API shows them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, AppSettings, AppType, GrantType, IdTokenAlgorithm, Links, Pkce, SignInMethod, SignUp,
};
use crate::base::{api_time, in_usd};

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
    /// The web origins that may call the API. Browsers fill codes in on the host of the first one.
    #[schema(example = json!(["https://shop.example.com"]))]
    allowed_origins: Vec<String>,
    /// Seconds that access tokens are valid.
    #[schema(example = 900)]
    access_token_ttl: i64,
    /// Seconds that sessions last.
    #[schema(example = 2_592_000)]
    refresh_token_ttl: i64,
    /// The app's own text for messages with a sign-in code, with `{code}` in it. Null if the
    /// built-in text is used.
    #[schema(example = "{code} is your Shop code.")]
    sms_text: Option<String>,
    /// The senders of the app's texts. Null: those of the deployment.
    #[schema(example = "US=twilio,sns;*=sns")]
    text_senders: Option<String>,
    /// The budget for the app's texts per month (UTC), within the deployment's budget.
    #[schema(example = 25.0)]
    sms_monthly_budget_usd: Option<f64>,
    /// The budget for the app's texts per day (UTC), within the deployment's budget.
    #[schema(example = 2.0)]
    sms_daily_budget_usd: Option<f64>,
    /// Where the hosted sign-in page may send people. It is off without any.
    #[schema(example = json!(["https://shop.example.com/callback"]))]
    redirect_uris: Vec<String>,
    /// Where people may be sent after signing out.
    #[schema(example = json!(["https://shop.example.com"]))]
    post_logout_redirect_uris: Vec<String>,
    /// Where the app is told that a session of it has ended (OpenID Connect Back-Channel Logout 1.0).
    #[schema(example = "https://shop.example.com/backchannel-logout")]
    backchannel_logout_uri: Option<String>,
    /// Always `true`: a logout token names the session.
    backchannel_logout_session_required: bool,
    /// Whether the app belongs to the deployment, so that nobody is asked for their consent.
    first_party: bool,
    /// Whether the app must use PKCE, if it is confidential. A public app always must.
    pkce: Pkce,
    /// How its ID tokens are signed. `null`: as all tokens are.
    id_token_signed_response_alg: Option<IdTokenAlgorithm>,
    /// The grants that the app may use at `POST /oauth2/token`.
    grant_types: BTreeSet<GrantType>,
    /// The scopes that the app itself can have, with the grant `client_credentials`.
    #[schema(example = json!(["stock:read"]))]
    scopes: BTreeSet<String>,
    /// The names of the members of `app_metadata` that go into the app's tokens.
    #[schema(example = json!(["plan"]))]
    token_claims: BTreeSet<String>,
    /// The address of the logo on the hosted page.
    #[schema(example = "https://shop.example.com/logo.png")]
    logo: Option<String>,
    /// The colour of the main button on the hosted page.
    #[schema(example = "#1d4ed8")]
    accent: Option<String>,
    /// The pages of the app's operator.
    links: Links,
    /// How people can sign in on the hosted page. `null`: in every way that the deployment has.
    sign_in_methods: Option<BTreeSet<SignInMethod>>,
    active: bool,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl AppView {
    /// The view of `app`, with the settings' values for those that it leaves open.
    pub fn new(app: App, settings: &AppSettings) -> Self {
        let (terms, first_party) = (app.session_terms(settings), app.is_first_party());
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
            text_senders: app.text_senders,
            sms_monthly_budget_usd: app.sms_budget.map(in_usd),
            sms_daily_budget_usd: app.sms_daily_budget.map(in_usd),
            first_party,
            pkce: app.hosted.pkce,
            id_token_signed_response_alg: app.hosted.id_token_signed_response_alg,
            grant_types: app.grants.grant_types(),
            scopes: app.grants.scopes,
            token_claims: app.token_claims.names().clone(),
            logo: app.branding.logo,
            accent: app.branding.accent,
            links: app.branding.links,
            sign_in_methods: app.branding.sign_in_methods,
            redirect_uris: app.hosted.redirect_uris,
            post_logout_redirect_uris: app.hosted.post_logout_redirect_uris,
            backchannel_logout_uri: app.hosted.backchannel_logout_uri,
            backchannel_logout_session_required: true,
            active: app.active,
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }
}
