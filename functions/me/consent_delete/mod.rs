//! `DELETE /v1/me/consents/{client_id}`: takes back what the signed-in user has allowed an app.

use axum::http::StatusCode;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, PathName},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Take back what the signed-in user has allowed an app
///
/// The user's sessions of the app end immediately. At the next sign-in the app asks again.
#[utoipa::path(
    delete,
    path = "/v1/me/consents/{client_id}",
    operation_id = "me-consent-delete",
    tag = "Me",
    security(("access_token" = [])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    responses((status = 204, description = "Taken back")),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn delete(
    caller: Caller,
    accounts: Accounts,
    recorder: Recorder,
    PathName(client_id): PathName,
) -> Result<StatusCode, Error> {
    let event = recorder.event(caller.own_activity(Action::ConsentWithdraw))?;
    accounts.recording(event).withdraw_consent(caller.user.id, &client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
