//! `GET /v1/config`: the settings that sign-in pages and apps need.

use axum::{
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use serde::{Deserialize, Serialize};
use shared::{
    apps::{App, Apps, DEFAULT_CLIENT_ID, Links, SignInMethod},
    base::Error,
    http::{CurrentSettings, Query, cached_json},
    identifiers::Channel,
    latchkey::Latchkey,
    limits::Asker,
    messages::Language,
    settings::Settings,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// How long clients may cache the settings. A deployment changes them rarely.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Which app.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConfigQuery {
    /// The app that people sign in to. Default: `default`.
    #[param(example = "default")]
    client_id: Option<String>,
}

/// The settings that a sign-in page needs.
#[derive(Serialize, ToSchema)]
pub struct Config<'a> {
    /// The name of the app.
    #[schema(example = "Corner Shop")]
    app_name: String,
    /// The countries whose phone numbers are accepted (ISO 3166-1 alpha-2), in alphabetical order.
    #[schema(example = json!(["CA", "US"]))]
    countries: Vec<&'a str>,
    /// The country of phone numbers without a country code. `null`: each number needs one.
    #[schema(example = "US")]
    default_region: Option<String>,
    /// How many digits codes usually have. A challenge says how many its code has.
    #[schema(example = 6)]
    code_length: u32,
    /// How codes can be sent. `whatsapp` and `voice` may not be there for every country.
    channels: Vec<Channel>,
    /// How people can sign in.
    sign_in_methods: Vec<SignInMethod>,
    /// Whether people can sign in with passkeys.
    passkeys: bool,
    /// The pages of the app's operator.
    links: Links,
    /// The address of the app's logo.
    #[schema(example = "https://example.com/logo.svg")]
    logo: Option<String>,
    /// The colour of the main button, as `#rrggbb` in lower case.
    #[schema(example = "#0a7d4f")]
    accent: Option<String>,
    /// The languages of messages (BCP 47).
    #[schema(example = json!(["en", "es", "hi", "ar"]))]
    languages: Vec<&'static str>,
}

impl<'a> Config<'a> {
    fn new(app: App, settings: &'a Settings) -> Self {
        let channels = settings.messages.channels(app.text_plan().as_ref());
        let mut sign_in_methods = vec![SignInMethod::PhoneCode];
        if settings.messages.email_from.is_some() {
            sign_in_methods.push(SignInMethod::EmailCode);
        }
        sign_in_methods.push(SignInMethod::Password);
        sign_in_methods.retain(|method| app.branding.offers(*method));

        let challenges = &settings.challenges;
        Self {
            app_name: app.name,
            countries: challenges.allowed_countries.codes(),
            default_region: challenges.default_region.map(|region| region.to_string()),
            code_length: challenges.digits(&Asker::Stranger(String::new())),
            channels,
            sign_in_methods,
            passkeys: settings.passkeys.rp_id.is_some(),
            logo: app.branding.logo,
            accent: app.branding.accent,
            links: app.branding.links,
            languages: Language::ALL.map(Language::tag).to_vec(),
        }
    }
}

/// Get the settings that a sign-in page needs
///
/// A page or an app that reads them here needs no second copy of the deployment's settings. Clients
/// may cache them for 300 seconds. Fields may be added.
#[utoipa::path(
    get,
    path = "/v1/config",
    operation_id = "config",
    tag = "Service",
    params(
        ConfigQuery,
        (
            "if-none-match" = Option<String>,
            Header,
            description = "The `ETag` of the settings that the client has"
        ),
    ),
    responses(
        (status = 200, description = "The settings", body = Config),
        (status = 304, description = "The client has the current settings"),
    ),
    extensions(("x-codes" = json!(["invalid_request", "app_disabled"]))),
)]
async fn config(
    apps: Apps,
    CurrentSettings(settings): CurrentSettings,
    Query(query): Query<ConfigQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let client_id = query.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
    let app = apps.get(client_id).await?.ok_or(Error::UnknownApp)?;
    if !app.active {
        return Err(Error::AppDisabled);
    }
    cached_json(&Config::new(app, &settings), CACHE, &headers)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(config))
}
