//! `POST /oauth2/logout`: the same as `GET`, with the parameters in a form.

use axum::response::Response;
use shared::{base::Error, http::RawForm, latchkey::Latchkey};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::hosted::by_get;

/// The parameters of `GET /oauth2/logout`, which are passed on as they are. These are the usual ones.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct LogoutForm {
    /// An ID token of the app.
    id_token_hint: Option<String>,
    /// The app, if there is no ID token.
    client_id: Option<String>,
    /// One of the app's `post_logout_redirect_uris`.
    post_logout_redirect_uri: Option<String>,
    /// Comes back with the redirect.
    state: Option<String>,
}

/// Sign out on the hosted page, by a form
///
/// Sends the browser to `GET /oauth2/logout` with the parameters of the form. So a browser sends its
/// cookies along, which it does not with a form of another site.
#[utoipa::path(
    post,
    path = "/oauth2/logout",
    operation_id = "oauth2-logout-post",
    tag = "OAuth 2.0",
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded", description = "The parameters of `GET /oauth2/logout`"),
    responses((status = 303, description = "To `GET /oauth2/logout`")),
)]
async fn post(RawForm(form): RawForm) -> Result<Response, Error> {
    by_get("/oauth2/logout", &form)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(post))
}
