//! `GET /docs`: a page to read and try the API.

use std::sync::{Arc, LazyLock};

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use shared::{error::Error, parts::Parts};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::Config;

use crate::openapi::DOCUMENT;

#[cfg(test)]
mod tests;

/// A page to read and try the API.
///
/// Swagger UI with everything it needs in the one page.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "Service",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)),
)]
async fn docs() -> Result<Response, Error> {
    static PAGE: LazyLock<Option<Page>> = LazyLock::new(Page::build);
    let page = PAGE.as_ref().ok_or_else(|| Error::Internal("Swagger UI's files are missing".into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::CONTENT_SECURITY_POLICY, page.policy.clone()),
    ];
    Ok((headers, page.html.as_str()).into_response())
}

struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    fn build() -> Option<Self> {
        let script = in_element(&asset("swagger-ui-bundle.js")?, "script");
        let style = in_element(&asset("swagger-ui.css")?, "style");
        let start = format!(
            "window.ui = SwaggerUIBundle({{spec: {}, dom_id: '#ui', deepLinking: true, tryItOutEnabled: true, \
             persistAuthorization: true, displayRequestDuration: true, validatorUrl: null}});",
            in_element(DOCUMENT, "script")
        );
        let policy = format!(
            "default-src 'none'; script-src '{}' '{}'; style-src 'unsafe-inline'; img-src 'self' data:; \
             connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            hash(&script),
            hash(&start)
        );
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Latchkey API</title>\n\
             <style>{style}</style>\n<style>body {{ margin: 0 }}</style>\n</head>\n<body>\n<div id=\"ui\"></div>\n\
             <script>{script}</script>\n<script>{start}</script>\n</body>\n</html>\n"
        );
        Some(Self { html, policy: HeaderValue::from_str(&policy).ok()? })
    }
}

fn asset(name: &str) -> Option<String> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::from("/openapi.json"))).ok()??;
    String::from_utf8(file.bytes.into_owned()).ok()
}

/// Text that does not end the element it is put into.
fn in_element(text: &str, element: &str) -> String {
    text.replace(&format!("</{element}"), &format!("<\\/{element}"))
}

/// The source expression that allows exactly this script (CSP Level 3 §2.3.1).
fn hash(script: &str) -> String {
    let digest = shared::hash_keys::sha256(script.as_bytes());
    format!("sha256-{}", data_encoding::BASE64.encode(&digest))
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(docs))
}
