use axum::{
    body::Body,
    http::{Method, Request},
};

use crate::testing::{Answer, PHONE, TestApp};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn browse(app: &TestApp, method: Method, path: &str, accept: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("accept", accept);
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn browsers_get_pages_and_programs_get_problems() {
    let app = TestApp::with(&[("APP_NAME", "Bits & Bobs")]).await;
    for (path, title) in [
        ("/stop/old", "This link no longer works"),
        ("/undo/old", "This link no longer works"),
        ("/nothing", "There is no page here"),
    ] {
        let page = browse(&app, Method::GET, path, BROWSER).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (404, "text/html; charset=utf-8")
        );
        assert!(page.text.contains(&format!("<title>{title} · Bits &amp; Bobs</title>")));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));

        for accept in ["*/*", "application/json", "application/json,text/html;q=0.9"] {
            browse(&app, Method::GET, path, accept).await.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_browser_that_opens_a_sign_in_by_its_address_is_told_that_it_goes_on_elsewhere() {
    let app = TestApp::start().await;
    let page = browse(&app, Method::GET, "/sign-in", BROWSER).await;
    assert_eq!((page.status.as_u16(), page.header("allow")), (405, "POST"));
    assert!(page.text.contains("This sign-in cannot go on here"), "{}", page.text);
    let refused = browse(&app, Method::GET, "/sign-in", "*/*").await;
    refused.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_stranger_stops_texts_and_takes_it_back() {
    let app = TestApp::with(&[("APP_NAME", "Corner Shop")]).await;
    app.challenge(PHONE).await;
    app.advance(30);
    app.challenge(PHONE).await;
    let text = app.texts(PHONE).pop().unwrap().body;
    let path = text[text.find("/stop/").unwrap()..].split_whitespace().next().unwrap();

    let question = browse(&app, Method::GET, path, BROWSER).await;
    assert!(question.text.contains("Someone asked \u{2068}Corner Shop\u{2069} for a code"));
    let stopped = browse(&app, Method::POST, path, BROWSER).await;
    assert!(stopped.text.contains("action=\"?resume=true\""), "{}", stopped.text);
    app.advance(60);
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");

    let resume = format!("{path}?resume=true");
    let resumed = browse(&app, Method::POST, &resume, BROWSER).await;
    assert!(resumed.text.contains("You get codes again"), "{}", resumed.text);
    app.challenge(PHONE).await;
}

#[tokio::test]
async fn a_link_that_fails_on_our_side_leads_to_the_same_page_again() {
    let app = TestApp::start().await;
    let broken = app.cut_off("SECRETSMANAGER");
    for path in ["/device", "/oauth2/authorize?client_id=shop"] {
        let page = browse(&broken, Method::GET, path, BROWSER).await;
        assert_eq!(page.status, 503, "{path}: {}", page.text);
        assert!(page.text.contains("<a href=\"\">Try again</a>"), "{path}: {}", page.text);
        browse(&broken, Method::GET, path, "*/*").await.assert_problem(503, "unavailable");
    }
}
