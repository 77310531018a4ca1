//! Makes the page of `GET /docs` when the Lambdas are built, and compresses what is long: built in the first request,
//! the page took most of a cold start.

use std::{env, error::Error, fs, io::Write as _, path::PathBuf, sync::Arc};

use data_encoding::BASE64;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui::Config;

const DOCUMENT: &str = "../docs/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=docs/build.rs");
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let document = fs::read_to_string(DOCUMENT)?;
    let (page, policy) = page(&document)?;
    fs::write(out.join("openapi.json.gz"), compressed(&document)?)?;
    fs::write(out.join("docs.html.gz"), compressed(&page)?)?;
    fs::write(out.join("docs.html"), page)?;
    fs::write(out.join("docs.policy"), policy)?;
    Ok(())
}

/// The page, with all that it needs in it, and its Content-Security-Policy.
fn page(document: &str) -> Result<(String, String), Box<dyn Error>> {
    let script = in_element(&asset("swagger-ui-bundle.js")?, "script");
    let style = in_element(&asset("swagger-ui.css")?, "style");
    let start = format!(
        "window.ui = SwaggerUIBundle({{spec: {}, dom_id: '#ui', deepLinking: true, tryItOutEnabled: true, \
         persistAuthorization: true, displayRequestDuration: true, validatorUrl: null}});",
        in_element(document, "script")
    );
    let policy = format!(
        "default-src 'none'; script-src '{}' '{}'; style-src 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&start)
    );
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Latchkey API</title>\n\
         <style>{style}</style>\n<style>body {{ margin: 0 }}</style>\n</head>\n<body>\n<div id=\"ui\"></div>\n\
         <script>{script}</script>\n<script>{start}</script>\n</body>\n</html>\n"
    );
    Ok((page, policy))
}

fn asset(name: &str) -> Result<String, Box<dyn Error>> {
    let file =
        utoipa_swagger_ui::serve(name, Arc::new(Config::from("/openapi.json")))?.ok_or(name)?;
    Ok(String::from_utf8(file.bytes.into_owned())?)
}

/// Text that does not end the element it is put into.
fn in_element(text: &str, element: &str) -> String {
    text.replace(&format!("</{element}"), &format!("<\\/{element}"))
}

/// The source expression that allows exactly this script (CSP Level 3 §2.3.1).
fn hash(script: &str) -> String {
    format!("sha256-{}", BASE64.encode(&Sha256::digest(script)))
}

fn compressed(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}
