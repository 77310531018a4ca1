//! `POST /oauth2/authorize`: the same as `GET`, with the parameters in a form.

use axum::response::Response;
use shared::{base::Error, http::RawForm, latchkey::Latchkey};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::hosted::by_get;

/// The parameters of `GET /oauth2/authorize`, which are passed on as they are. These are the usual ones.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct AuthorizeForm {
    /// The app.
    client_id: Option<String>,
    /// One of the app's `redirect_uris`.
    redirect_uri: Option<String>,
    /// `code`.
    response_type: Option<String>,
    /// The scopes, separated by spaces.
    scope: Option<String>,
    /// Comes back with the answer.
    state: Option<String>,
}

/// Sign in on the hosted page, by a form
///
/// Sends the browser to `GET /oauth2/authorize` with the parameters of the form. So a browser sends its
/// cookies along, which it does not with a form of another site.
#[utoipa::path(
    post,
    path = "/oauth2/authorize",
    operation_id = "oauth2-authorize-post",
    tag = "OAuth 2.0",
    request_body(content = AuthorizeForm, content_type = "application/x-www-form-urlencoded", description = "The parameters of `GET /oauth2/authorize`"),
    responses((status = 303, description = "To `GET /oauth2/authorize`")),
)]
async fn post(RawForm(form): RawForm) -> Result<Response, Error> {
    by_get("/oauth2/authorize", &form)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(post))
}
