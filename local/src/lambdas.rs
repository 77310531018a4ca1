//! Invokes the Lambda that has no path and that operators invoke, as the API of AWS Lambda does.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use functions::keys::root::{Order, answer};
use shared::latchkey::Latchkey;

/// The route of `latchkey keys`.
pub(crate) fn routes(latchkey: Latchkey) -> Router {
    Router::new()
        .route("/_local/lambda/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(latchkey)
}

async fn invoke(
    State(latchkey): State<Latchkey>,
    Path(name): Path<String>,
    headers: HeaderMap,
    order: String,
) -> Response {
    // A page of another site cannot send this header.
    if !headers.contains_key(header::AUTHORIZATION) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !name.ends_with("_keys-root") {
        return StatusCode::NOT_FOUND.into_response();
    }

    let Ok(order) = serde_json::from_str::<Order>(&order) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match answer(&latchkey, &order).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            tracing::error!(%error, "an order about the root failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
