//! `POST /v1/apps`: registers an app.

use std::collections::BTreeSet;

use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use shared::{
    apps::{
        App, AppChange, AppType, AppView, Apps, BrandingChange, GrantType, GrantsChange,
        HostedChange, IdTokenAlgorithm, Links, NewApp, Pkce, SignInMethod, SignUp,
    },
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, sent},
    latchkey::Latchkey,
    roles::Roles,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new app. A field that is left out takes the default that is described with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAppRequest {
    /// The app's public identifier in requests and tokens: a letter or digit, followed by up to 63
    /// letters, digits, `.`, `_` or `-`, but no UUID, also without hyphens. If it is left out, a random one that begins with `app_`
    /// is drawn. It is never given to another app, even after this one is deleted.
    #[schema(example = "shop")]
    client_id: Option<String>,
    /// The name that people read in messages: 1 to 64 visible characters, without spaces around
    /// them and without any of `/:@#<>{}\`.
    #[schema(example = "Shop")]
    name: String,
    /// Whether the app can keep a secret. It cannot be changed later. Default: `public`.
    #[serde(rename = "type", default)]
    kind: AppType,
    /// Whether people without an account can sign up through the app. Default: `open`.
    sign_up: Option<SignUp>,
    /// The role that people get in this app when they first sign in to it: the name of a role,
    /// except `Admin`. `null` gives no role. Default: the deployment's default role.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    default_role: Option<Option<String>>,
    /// Up to 20 web origins that may call the API. Browsers fill codes in on the host of the first
    /// one. Default: none.
    #[schema(example = json!(["https://shop.example.com"]))]
    allowed_origins: Option<Vec<String>>,
    /// The lifetime of access tokens in seconds: 60 to 900. Default: the deployment's.
    access_token_ttl: Option<i64>,
    /// The longest time that a session lasts, in seconds: 900 to 2592000 (30 days). Default:
    /// the deployment's.
    refresh_token_ttl: Option<i64>,
    /// The app's own text for messages with a sign-in code: one line of up to 160 characters that
    /// contains `{code}` once, without links, host names and IP addresses. If it is left out,
    /// the built-in texts are used.
    #[schema(example = "{code} is your Shop code.")]
    sms_text: Option<String>,
    /// The senders of the app's texts: countries and one or two senders for each, in the form of the
    /// setting `TEXT_SENDERS` and of up to 512 characters. The deployment's are used for countries that it leaves
    /// out. Default: the deployment's for all.
    #[schema(example = "US=twilio,sns")]
    text_senders: Option<String>,
    /// The budget for the app's texts per month (UTC) in US dollars: 0 to 1000000, with up to 6
    /// decimals. If it is left out, only the deployment's budget applies.
    #[schema(example = 25.0)]
    sms_monthly_budget_usd: Option<f64>,
    /// The budget for the app's texts per day (UTC) in US dollars: 0 to 1000000, with up to 6
    /// decimals. If it is left out, only the deployment's budget applies.
    #[schema(example = 2.0)]
    sms_daily_budget_usd: Option<f64>,
    /// Up to 20 addresses to which the hosted sign-in page may send people, each compared byte for
    /// byte: https, http for a loopback host, or a private scheme with a dot. A loopback address
    /// without a port accepts every port. Default: none, and the page is off for this app.
    #[schema(example = json!(["https://shop.example.com/callback"]))]
    redirect_uris: Option<Vec<String>>,
    /// Up to 20 addresses to which people may be sent after signing out. Default: none.
    #[schema(example = json!(["https://shop.example.com"]))]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Where the app is told that a session of it has ended: an https address of the public internet, up
    /// to 512 characters. Default: none.
    #[schema(example = "https://shop.example.com/backchannel-logout")]
    backchannel_logout_uri: Option<String>,
    /// Whether the app belongs to the deployment, so that nobody is asked for their consent.
    /// Default: `false`.
    first_party: Option<bool>,
    /// Whether a confidential app must use PKCE or send a nonce. A public app must always use PKCE.
    /// Default: `required`.
    pkce: Option<Pkce>,
    /// How the app's ID tokens are signed, if the deployment's tokens are not RS256 and the app verifies
    /// nothing else. Default: as all tokens are.
    id_token_signed_response_alg: Option<IdTokenAlgorithm>,
    /// The grants that the app may use at `POST /oauth2/token`. `client_credentials` is only for
    /// confidential apps. Default: `authorization_code` and `refresh_token`.
    grant_types: Option<BTreeSet<GrantType>>,
    /// Up to 50 scopes that the app itself can have, with the grant `client_credentials`. You can give
    /// only permissions that you have. Default: none.
    #[schema(example = json!(["stock:read"]))]
    scopes: Option<BTreeSet<String>>,
    /// Up to 20 members of the users' `app_metadata` that go into the app's tokens as claims, of up to
    /// 512 bytes together. None of them can be a registered claim.
    token_claims: Option<BTreeSet<String>>,
    /// The address of the logo on the hosted page: https, up to 512 characters. Default: none.
    #[schema(example = "https://shop.example.com/logo.png")]
    logo: Option<String>,
    /// The colour of the main button on the hosted page. Default: blue.
    #[schema(example = "#1d4ed8")]
    accent: Option<String>,
    /// The pages of the app's operator, each an https address. Default: none.
    links: Option<Links>,
    /// How people can sign in on the hosted page. Default: in every way that the deployment has.
    sign_in_methods: Option<BTreeSet<SignInMethod>>,
    /// Whether the app is switched on. Default: `true`.
    active: Option<bool>,
}

/// The new app, with its secret if it is confidential.
#[derive(Serialize, ToSchema)]
pub struct CreatedApp {
    /// The app.
    #[serde(flatten)]
    app: AppView,
    /// The secret of a confidential app. It is shown only this once. A public app has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lks_…")]
    client_secret: Option<String>,
}

/// Register an app
///
/// A public app runs in browsers or on phones and has no secret. A confidential app runs on a
/// server and authenticates by HTTP Basic in every request that names its `client_id`.
#[utoipa::path(
    post,
    path = "/v1/apps",
    operation_id = "apps-create",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    request_body = CreateAppRequest,
    responses((
        status = 201,
        description = "Registered",
        body = CreatedApp,
        headers(("Location" = String, description = "The path of the app"))
    )),
    extensions(("x-codes" = json!(["conflict"]))),
)]
async fn create(
    admin: Admin<AppsWrite>,
    apps: Apps,
    roles: Roles,
    recorder: Recorder,
    Json(request): Json<CreateAppRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<CreatedApp>), Error> {
    if let Some(Some(role)) = &request.default_role {
        roles.check_default(role, &admin.permissions).await?;
    }

    Apps::check_may_grant(request.scopes.as_ref(), &admin.permissions)?;

    let settings = AppChange {
        name: None,
        sign_up: request.sign_up,
        default_role: request.default_role,
        allowed_origins: request.allowed_origins,
        access_token_ttl: request.access_token_ttl.map(Some),
        refresh_token_ttl: request.refresh_token_ttl.map(Some),
        sms_text: request.sms_text.map(Some),
        text_senders: request.text_senders.map(Some),
        sms_monthly_budget_usd: request.sms_monthly_budget_usd.map(Some),
        sms_daily_budget_usd: request.sms_daily_budget_usd.map(Some),
        hosted: HostedChange {
            redirect_uris: request.redirect_uris,
            post_logout_redirect_uris: request.post_logout_redirect_uris,
            backchannel_logout_uri: request.backchannel_logout_uri.map(Some),
            first_party: request.first_party,
            pkce: request.pkce,
            id_token_signed_response_alg: request.id_token_signed_response_alg.map(Some),
        },
        grants: GrantsChange { grant_types: request.grant_types.map(Some), scopes: request.scopes },
        branding: BrandingChange {
            logo: request.logo.map(Some),
            accent: request.accent.map(Some),
            links: request.links,
            sign_in_methods: request.sign_in_methods.map(Some),
        },
        token_claims: request.token_claims,
        active: request.active,
    };

    let new =
        NewApp { client_id: request.client_id, name: request.name, kind: request.kind, settings };
    let created = |app: &App| {
        recorder.event(admin.caller.activity(Action::AppCreate, format!("app:{}", app.client_id)))
    };
    let (app, secret) = apps.create(new, created).await?;

    let location = format!("/v1/apps/{}", app.client_id);
    let client_secret = secret.map(|secret| secret.reveal());
    let created = CreatedApp { app: AppView::new(app, apps.settings()), client_secret };
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(created)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
