//! Serves the avatars, as CloudFront does in a deployment.

use std::path::PathBuf;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// The path under which they are served.
pub(crate) const PATH: &str = "/_local/avatars";

/// The headers that the bucket and the distribution in template.yaml set.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
];

/// The routes that serve the pictures in the folder of a bucket.
pub(crate) fn routes(bucket: PathBuf) -> Router {
    Router::new().route(&format!("{PATH}/{{key}}/{{file}}"), get(picture)).with_state(bucket)
}

async fn picture(
    State(bucket): State<PathBuf>,
    Path((key, file)): Path<(String, String)>,
) -> Response {
    let is_key = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_key || !["512.jpg", "96.jpg"].contains(&file.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }

    match tokio::fs::read(bucket.join(key).join(file)).await {
        Ok(jpeg) => (HEADERS, jpeg).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
