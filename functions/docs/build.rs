//! Makes the page of `GET /docs` when the Lambdas are built, and compresses it and the OpenAPI
//! document. Made in the first request, the page took most of a cold start.

use std::{env, error::Error, fs, io::Write as _, path::PathBuf, sync::Arc};

use data_encoding::BASE64;
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui::Config;

const DOCUMENT: &str = "../docs/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build.rs", "page.js", "page.css", "start.html"] {
        println!("cargo::rerun-if-changed=docs/{file}");
    }
    println!("cargo::rerun-if-changed=../examples/web/tokens.css");
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

/// The styles of what is not a part of Swagger UI, and its repairs.
const STYLE: &str =
    concat!(include_str!("../../examples/web/tokens.css"), include_str!("page.css"));

/// The script and the first part of the page.
const SCRIPT: &str = include_str!("page.js");
const START: &str = include_str!("start.html");

/// The page, with all that it needs in it, and its Content-Security-Policy.
fn page(document: &str) -> Result<(String, String), Box<dyn Error>> {
    let script = in_element(&asset("swagger-ui-bundle.js")?, "script");
    let style = in_element(&asset("swagger-ui.css")?, "style");
    let start = format!("const SPEC = {};\n{SCRIPT}", in_element(document.trim_end(), "script"));
    let policy = format!(
        "default-src 'none'; script-src '{}' '{}'; style-src 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&start)
    );
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Latchkey API</title>\n\
         <style>{style}</style>\n<style>{STYLE}</style>\n</head>\n<body>\n{START}<main>\n<div id=\"ui\"></div>\n\
         <article>{codes}</article>\n</main>\n<script>{script}</script>\n<script>{start}</script>\n</body>\n</html>\n",
        codes = error_codes(document)?
    );
    Ok((page, policy))
}

/// A section for each code in the document's `x-error-codes`. Its id is the code, because the `type`
/// of a problem links to it.
fn error_codes(document: &str) -> Result<String, Box<dyn Error>> {
    let document: Value = serde_json::from_str(document)?;
    // A document without them is refused by a test, not here: the test that writes it needs a build.
    let codes = document.get("x-error-codes").and_then(Value::as_array).into_iter().flatten();
    let mut html = "<h2 id=\"error-codes\">Error codes</h2>\n\
         <p>The <code>type</code> of a problem links to its <code>code</code> in this list.</p>\n"
        .to_owned();
    for explained in codes {
        let text = |name: &str| {
            explained.get(name).and_then(Value::as_str).map(escaped).ok_or("no such text")
        };
        let (code, title, help) = (text("code")?, text("title")?, text("help")?);
        let status = explained.get("status").ok_or("no status")?;
        html += &format!(
            "<section id=\"{code}\"><h3><code>{code}</code> ({status}): {title}</h3><p>{}</p></section>\n",
            with_code(&help)
        );
    }
    Ok(html)
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// HTML with what stands between backticks as code.
fn with_code(html: &str) -> String {
    let marked = |(index, part): (usize, &str)| {
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }
    };
    html.split('`').enumerate().map(marked).collect()
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
