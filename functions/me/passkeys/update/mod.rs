//! `PATCH /v1/me/passkeys/{passkey_id}`: gives a passkey another name.

use serde::Deserialize;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, Json, PathId},
    latchkey::Latchkey,
    passkeys::{PasskeyView, Passkeys, parse_passkey_name},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The new name of a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePasskeyRequest {
    /// 1 to 64 characters.
    #[schema(example = "My laptop")]
    name: String,
}

/// Rename a passkey
#[utoipa::path(
    patch,
    path = "/v1/me/passkeys/{passkey_id}",
    operation_id = "me-passkeys-update",
    tag = "Passkeys",
    security(("access_token" = [])),
    params(("passkey_id" = uuid::Uuid, Path, description = "The passkey's id, a UUID")),
    request_body = UpdatePasskeyRequest,
    responses((status = 200, description = "Renamed", body = PasskeyView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn update(
    caller: Caller,
    passkeys: Passkeys,
    recorder: Recorder,
    PathId(id): PathId,
    Json(request): Json<UpdatePasskeyRequest>,
) -> Result<Json<PasskeyView>, Error> {
    let name = parse_passkey_name(&request.name)?;
    let passkey = passkeys.rename(&caller.user, id, name).await?;
    recorder.record(caller.own_activity(Action::PasskeyRename)).await?;
    Ok(Json(passkey.into()))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
