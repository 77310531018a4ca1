//! `GET /v1/me/consents`: lists what the signed-in user has allowed the apps of others.

use serde::Serialize;
use shared::{
    http::{Caller, Json},
    latchkey::Latchkey,
    users::ConsentView,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The consents of a user, at most 30.
#[derive(Serialize, ToSchema)]
pub struct Consents {
    /// The consents, by `client_id`.
    items: Vec<ConsentView>,
}

/// List what the signed-in user has allowed other apps
///
/// An app that is not `first_party` asks for a consent on the hosted page. It is remembered until the
/// user takes it back.
#[utoipa::path(
    get,
    path = "/v1/me/consents",
    operation_id = "me-consents",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 200, description = "The consents", body = Consents)),
)]
async fn consents(caller: Caller) -> Json<Consents> {
    Json(Consents { items: ConsentView::all_of(&caller.user) })
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(consents))
}
