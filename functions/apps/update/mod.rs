//! `PATCH /v1/apps/{client_id}`: changes an app.

use std::collections::BTreeSet;

use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::{
        AppChange, AppView, Apps, BrandingChange, GrantType, GrantsChange, HostedChange,
        IdTokenAlgorithm, Links, Pkce, SignInMethod, SignUp,
    },
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, PathName, given, sent},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    roles::Roles,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The fields to change. A field that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAppRequest {
    /// The name that people read in messages: 1 to 64 visible characters, without spaces around
    /// them and without any of `/:@#<>{}\`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    name: Option<String>,
    /// Whether people without an account can sign up through the app.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = SignUp)]
    sign_up: Option<SignUp>,
    /// The role that people get in this app when they first sign in to it: the name of a role,
    /// except `Admin`. `null` gives no role.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    default_role: Option<Option<String>>,
    /// Up to 20 web origins that may call the API. Browsers fill codes in on the host of the first
    /// one. `null` removes all.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_origins: Option<Option<Vec<String>>>,
    /// The lifetime of access tokens in seconds: 60 to 900. `null` resets it to the deployment's.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<i64>)]
    access_token_ttl: Option<Option<i64>>,
    /// The longest time that a session lasts, in seconds: 900 to 2592000 (30 days). `null` resets
    /// it to the deployment's.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<i64>)]
    refresh_token_ttl: Option<Option<i64>>,
    /// The app's own text for messages with a sign-in code: one line of up to 160 characters that
    /// contains `{code}` once, without links, host names and IP addresses. `null` resets it to
    /// the built-in texts.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    sms_text: Option<Option<String>>,
    /// The senders of the app's texts: countries and one or two senders for each, in the form of the
    /// setting `TEXT_SENDERS` and of up to 512 characters. `null` resets them to the deployment's.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    text_senders: Option<Option<String>>,
    /// The budget for the app's texts per month (UTC) in US dollars: 0 to 1000000, with up to 6
    /// decimals. `null` removes it, so only the deployment's budget applies.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<f64>)]
    sms_monthly_budget_usd: Option<Option<f64>>,
    /// The budget for the app's texts per day (UTC) in US dollars: 0 to 1000000, with up to 6
    /// decimals. `null` removes it, so only the deployment's budget applies.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<f64>)]
    sms_daily_budget_usd: Option<Option<f64>>,
    /// Up to 20 addresses to which the hosted sign-in page may send people, each compared byte for
    /// byte: https, http for a loopback host, or a private scheme with a dot. `null` removes all,
    /// which switches the page off.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Vec<String>>)]
    redirect_uris: Option<Option<Vec<String>>>,
    /// Up to 20 addresses to which people may be sent after signing out. `null` removes all.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Vec<String>>)]
    post_logout_redirect_uris: Option<Option<Vec<String>>>,
    /// Where the app is told that a session of it has ended: an https address of the public internet, up
    /// to 512 characters. `null` removes it.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    backchannel_logout_uri: Option<Option<String>>,
    /// Whether the app belongs to the deployment, so that nobody is asked for their consent. The
    /// default app always does.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    first_party: Option<bool>,
    /// Whether a confidential app must use PKCE or send a nonce. A public app must always use PKCE.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Pkce)]
    pkce: Option<Pkce>,
    /// How the app's ID tokens are signed, from the next sign-ins on, if the deployment's tokens are not
    /// RS256 and the app verifies nothing else. `null` resets it: as all tokens are.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<IdTokenAlgorithm>)]
    id_token_signed_response_alg: Option<Option<IdTokenAlgorithm>>,
    /// The grants that the app may use at `POST /oauth2/token`. `client_credentials` is only for
    /// confidential apps. `null` resets them to `authorization_code` and `refresh_token`.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<BTreeSet<GrantType>>)]
    grant_types: Option<Option<BTreeSet<GrantType>>>,
    /// Up to 50 scopes that the app itself can have, with the grant `client_credentials`. You can give
    /// only permissions that you have. `null` removes all.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    scopes: Option<Option<BTreeSet<String>>>,
    /// Up to 20 members of the users' `app_metadata` that go into the app's tokens as claims, of up to
    /// 512 bytes together. None of them can be a registered claim. `null` removes all.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    token_claims: Option<Option<BTreeSet<String>>>,
    /// The address of the logo on the hosted page: https, up to 512 characters. `null` removes it.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    logo: Option<Option<String>>,
    /// The colour of the main button on the hosted page, like `#1d4ed8`. `null` resets it.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    accent: Option<Option<String>>,
    /// The pages of the app's operator, each an https address. They replace all previous ones. `null`
    /// removes them.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Links>)]
    links: Option<Option<Links>>,
    /// How people can sign in on the hosted page. `null` resets it to every way that the deployment
    /// has.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<BTreeSet<SignInMethod>>)]
    sign_in_methods: Option<Option<BTreeSet<SignInMethod>>>,
    /// Whether the app is switched on. An app that is off refuses every request immediately.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    active: Option<bool>,
}

/// Change an app
///
/// New lifetimes and a new default role apply to sign-ins that start after the change. Everything
/// else applies immediately. The default app cannot be switched off, and only those who have the role
/// `Admin` in it may change it. A change of `allowed_origins`, of `sms_text`, of
/// `text_senders`, of `grant_types`, of `scopes` or of the fields of the hosted sign-in page is told to the administrators.
#[utoipa::path(
    patch,
    path = "/v1/apps/{client_id}",
    operation_id = "apps-update",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    request_body = UpdateAppRequest,
    responses((status = 200, description = "The changed app", body = AppView)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn update(
    admin: Admin<AppsWrite>,
    (apps, roles): (Apps, Roles),
    accounts: Accounts,
    messenger: Messenger,
    recorder: Recorder,
    PathName(client_id): PathName,
    Json(request): Json<UpdateAppRequest>,
) -> Result<Json<AppView>, Error> {
    Apps::check_may_change(&client_id, &admin.permissions)?;
    if let Some(role) = newcomers_role(&apps, &client_id, &request).await? {
        roles.check_default(&role, &admin.permissions).await?;
    }

    let scopes = request.scopes.as_ref().and_then(Option::as_ref);
    Apps::check_may_grant(scopes, &admin.permissions)?;

    let change = AppChange {
        name: request.name,
        sign_up: request.sign_up,
        default_role: request.default_role,
        allowed_origins: request.allowed_origins.map(Option::unwrap_or_default),
        access_token_ttl: request.access_token_ttl,
        refresh_token_ttl: request.refresh_token_ttl,
        sms_text: request.sms_text,
        text_senders: request.text_senders,
        sms_monthly_budget_usd: request.sms_monthly_budget_usd,
        sms_daily_budget_usd: request.sms_daily_budget_usd,
        hosted: HostedChange {
            redirect_uris: request.redirect_uris.map(Option::unwrap_or_default),
            post_logout_redirect_uris: request
                .post_logout_redirect_uris
                .map(Option::unwrap_or_default),
            backchannel_logout_uri: request.backchannel_logout_uri,
            first_party: request.first_party,
            pkce: request.pkce,
            id_token_signed_response_alg: request.id_token_signed_response_alg,
        },
        grants: GrantsChange {
            grant_types: request.grant_types,
            scopes: request.scopes.map(Option::unwrap_or_default),
        },
        branding: BrandingChange {
            logo: request.logo,
            accent: request.accent,
            links: request.links.map(Option::unwrap_or_default),
            sign_in_methods: request.sign_in_methods,
        },
        token_claims: request.token_claims.map(Option::unwrap_or_default),
        active: request.active,
    };

    let event =
        recorder.event(admin.caller.activity(Action::AppUpdate, format!("app:{client_id}")))?;
    let (app, is_told) = apps.recording(event).change(&client_id, &change).await?;
    if is_told {
        accounts.tell_administrators(Subject::AppChanged, &messenger).await;
    }
    Ok(Json(AppView::new(app, apps.settings())))
}

/// The role that people who are new to the app get because of this change, and did not get before
/// it. It is `None` if there is no such role. Opening the sign-up and switching the app on count
/// too: they give its role to people who could not sign up before.
async fn newcomers_role(
    apps: &Apps,
    client_id: &str,
    request: &UpdateAppRequest,
) -> Result<Option<String>, Error> {
    match &request.default_role {
        Some(role) => Ok(role.clone()),
        None if request.sign_up == Some(SignUp::Open) || request.active == Some(true) => {
            let app = apps
                .get(client_id)
                .await?
                .filter(|app| app.sign_up == SignUp::Closed || !app.active);
            Ok(app.and_then(|app| app.default_role))
        }
        None => Ok(None),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
