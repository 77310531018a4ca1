use shared::http::Code;

use crate::{
    openapi::DOCUMENT,
    testing::{Answer, TestApp},
};

async fn page() -> Answer {
    let answer = TestApp::start().await.get("/docs").await;
    assert_eq!(answer.status, 200);
    answer
}

/// The contents of all elements `name` without attributes, in order. A script may contain the tag.
fn elements<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let (mut found, mut rest) = (Vec::new(), html);
    while let Some((_, after)) = rest.split_once(&start) {
        let (inside, after) = after.split_once(&end).unwrap();
        found.push(inside);
        rest = after;
    }
    found
}

#[tokio::test]
async fn a_stranger_reads_the_page() {
    let page = page().await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "public, max-age=300");
    assert!(page.text.starts_with("<!doctype html>") && page.text.ends_with("</html>\n"));
    assert!(page.text.contains("<title>Latchkey API</title>"));
}

#[tokio::test]
async fn the_page_shows_the_document() {
    let page = page().await;
    let scripts = elements(&page.text, "script");
    assert_eq!(scripts.len(), 2);
    let spec = scripts[1].split_once("const SPEC = ").unwrap().1.split_once(";\n/**").unwrap().0;
    let shown: serde_json::Value = serde_json::from_str(spec).unwrap();
    assert_eq!(shown, serde_json::from_str::<serde_json::Value>(DOCUMENT).unwrap());
    assert_eq!(shown["info"]["title"], "Latchkey");
}

#[tokio::test]
async fn the_type_of_every_problem_links_to_a_section_that_explains_its_code() {
    let html = page().await.text;
    let [codes] = elements(&html, "article")[..] else { panic!("no list of codes") };

    for code in Code::ALL {
        let name = code.name();
        let start = format!("<section id=\"{name}\">");
        assert_eq!(html.matches(&start).count(), 1, "{name}");
        let (_, section) = codes.split_once(&start).unwrap();
        let (section, _) = section.split_once("</section>").unwrap();

        let text = section.replace("<code>", "`").replace("</code>", "`");
        let status = code.status().as_u16();
        assert!(text.contains(&format!("`{name}` ({status}): {}", code.title())), "{text}");
        assert!(text.contains(code.help()), "{text}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let html = page().await.text;
    let (scripts, styles) = (elements(&html, "script"), elements(&html, "style"));
    let inside: Vec<_> = scripts.into_iter().chain(styles.iter().copied()).collect();
    let outside = inside.iter().fold(html.clone(), |outside, inside| outside.replace(inside, ""));
    // Links to a part of the page.
    let outside = outside.replace("href=\"#", "");
    let [codes] = elements(&outside, "article")[..] else { panic!("no list of codes") };
    let length = outside.len() - codes.len();
    assert!(length < 2_000, "{length} characters outside of scripts, styles and the list of codes");

    for load in ["src=", "href=", "url(", "@import", "http:", "https:", "<link", "<img", "<iframe"]
    {
        assert!(!outside.contains(load), "{load} in {outside}");
    }

    for style in styles {
        assert!(
            !style.contains("@import") && !style.contains("url(http") && !style.contains("url(//")
        );
    }
}

#[tokio::test]
async fn the_policy_allows_only_the_scripts_of_the_page() {
    let page = page().await;
    let policy = page.header("content-security-policy");
    let sources =
        policy.split("; ").find_map(|directive| directive.strip_prefix("script-src ")).unwrap();
    let hashes: Vec<_> = elements(&page.text, "script")
        .into_iter()
        .map(|script| data_encoding::BASE64.encode(&shared::crypto::sha256(script.as_bytes())))
        .map(|hash| format!("'sha256-{hash}'"))
        .collect();
    assert_eq!(sources.split(' ').collect::<Vec<_>>(), hashes);

    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(
            policy.split("; ").any(|there| there == directive),
            "{directive} is not in {policy}"
        );
    }
}
