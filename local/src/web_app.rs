//! The sign-in page of `examples/web`. It is compiled in, so it needs no separate build step.

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

/// Everything is loaded from this origin, except the pictures of users: their URLs have localhost
/// even if the page was opened at 127.0.0.1. Logos of apps come from anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: http://localhost:* https:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types latchkey";

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../examples/web/", $path)))),*]
    };
}

/// The files and their paths. `latchkey/` is the compiled TypeScript client.
const FILES: [(&str, &str); 50] = files![
    "index.html",
    "tokens.css",
    "controls.css",
    "steps.css",
    "style.css",
    "icon.svg",
    "app.js",
    "account.js",
    "activity.js",
    "api.js",
    "ask.js",
    "branding.js",
    "channels.js",
    "config.js",
    "countries.js",
    "country-picker.js",
    "devices.js",
    "i18n.js",
    "latchkey-sign-in.js",
    "passkeys.js",
    "password.js",
    "phone-field.js",
    "sign-in.js",
    "steps.js",
    "steps-in-history.js",
    "ui.js",
    "ways.js",
    "languages/ar.js",
    "languages/de.js",
    "languages/en.js",
    "languages/es.js",
    "languages/fr.js",
    "languages/id.js",
    "languages/it.js",
    "languages/ja.js",
    "languages/nl.js",
    "languages/pl.js",
    "languages/pt.js",
    "languages/tr.js",
    "languages/zh.js",
    "latchkey/client.js",
    "latchkey/index.js",
    "latchkey/passkeys.js",
    "latchkey/problem.js",
    "latchkey/proof-worker.js",
    "latchkey/proof.js",
    "latchkey/redirect.js",
    "latchkey/storage.js",
    "latchkey/tokens.js",
    "latchkey/typed.js",
];

/// The routes of `/_local/app` and the files that it loads.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        // The page's links are relative, so its path needs the slash.
        .route("/_local/app", get(async || Redirect::permanent("/_local/app/")))
        .route("/_local/app/", get(async || file("index.html")))
        .route("/_local/app/{*path}", get(async |Path(path): Path<String>| file(&path)))
}

fn file(path: &str) -> Response {
    let Some((name, content)) = FILES.iter().find(|(name, _)| *name == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };

    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(name))),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, *content).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Every file below `folder`, by its path from `root`.
    fn files_below(root: &Path, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    files_below(root, &path)
                } else {
                    vec![path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()]
                }
            })
            .collect()
    }

    #[test]
    fn every_file_of_the_example_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/web");
        let mut found = files_below(&root, &root);
        // Browsers load neither the documentation nor the types, which a build of the client makes.
        found.retain(|name| {
            !name.ends_with(".md")
                && !name.ends_with(".d.ts")
                && !name.ends_with("/schema.js")
                && !name.ends_with("/types.js")
        });
        found.sort();

        let mut served: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        served.sort();
        assert_eq!(found, served);
    }

    #[test]
    fn a_file_has_its_type_and_the_policy() {
        for (name, _) in FILES {
            let answer = file(name);
            assert_eq!(answer.status(), StatusCode::OK);
            assert_ne!(
                answer.headers()[header::CONTENT_TYPE],
                "application/octet-stream",
                "{name}"
            );
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.contains("script-src 'self';") && !policy.contains("unsafe"),
                "{policy}"
            );
        }
        assert_eq!(file("../inbox.html").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_page_holds_no_script_and_no_style_of_its_own() {
        let (_, page) = FILES[0];
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick=")
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" src=").count()
        );
    }
}
