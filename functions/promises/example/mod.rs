//! `GET /v1/me/roles`: my roles.

use serde::Serialize;
use shared::{
    http::{Caller, Json},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// My roles in the app of the token.
#[derive(Serialize, ToSchema)]
pub struct MyRoles {
    #[schema(example = json!(["User"]))]
    roles: Vec<String>,
}

/// My roles.
#[utoipa::path(
    get,
    path = "/v1/me/roles",
    operation_id = "me-roles",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 200, description = "My roles", body = MyRoles)),
)]
async fn get(caller: Caller) -> Json<MyRoles> {
    Json(MyRoles { roles: caller.user.roles_in(&caller.claims.client_id) })
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
