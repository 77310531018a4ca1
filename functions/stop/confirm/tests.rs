use axum::http::{Method, Request};

use crate::testing::{Answer, OTHER_PHONE, PHONE, TestApp};

/// The path of the stop link in the last text to a phone, if it contains one.
fn link(app: &TestApp, phone: &str) -> Option<String> {
    let text = app.texts(phone).pop().unwrap().body;
    let start = text.find("/stop/")?;
    Some(text[start..].split_whitespace().next().unwrap().to_owned())
}

async fn call(app: &TestApp, method: Method, path: &str) -> Answer {
    app.send(Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn the_holder_of_a_phone_stops_texts_for_a_day() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    assert_eq!(link(&app, PHONE), None, "the first text has no link");

    app.advance(30);
    let id = app.challenge(PHONE).await;
    let path = link(&app, PHONE).unwrap();

    // Programs open links, so opening one changes nothing.
    let page = call(&app, Method::GET, &path).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(page.text.contains("<form method=\"post\">"), "{}", page.text);

    app.advance(60);
    app.challenge(PHONE).await;
    let stopped = call(&app, Method::POST, &path).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text);

    for _ in 0..2 {
        app.advance(12 * 3600 - 1);
        let wait = app.send_code(PHONE).await.assert_wait(429, "sms_limit_reached");
        assert!(wait <= 12 * 3600 + 1, "{wait}");
    }

    app.challenge(OTHER_PHONE).await;
    app.verify(&id, "000000").await.assert_problem(410, "otp_expired");

    app.advance(2);
    app.sign_in(PHONE).await;
    assert!(link(&app, PHONE).is_none(), "a day later it counts as a first text again");
}

#[tokio::test]
async fn the_pages_are_in_the_language_of_the_browser() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    app.advance(30);
    app.challenge(PHONE).await;
    let path = link(&app, PHONE).unwrap();

    for (accepted, start) in [
        ("", "<html lang=\"en\" dir=\"ltr\">"),
        ("fr,es;q=0.8", "<html lang=\"es\" dir=\"ltr\">"),
        ("hi-IN", "<html lang=\"hi\" dir=\"ltr\">"),
        ("ar-EG,ar;q=0.9", "<html lang=\"ar\" dir=\"rtl\">"),
    ] {
        for (method, forms) in [(Method::GET, 1), (Method::POST, 0)] {
            let request =
                Request::builder().method(method).uri(&path).header("accept-language", accepted);
            let page = app.send(request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(page.status, 200, "{}", page.text);
            assert!(page.text.contains(start), "{accepted}: {}", page.text);
            assert_eq!(page.text.matches("<form method=\"post\">").count(), forms);
        }
    }
}

#[tokio::test]
async fn a_code_that_was_already_sent_works_and_ends_a_stop() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    app.advance(30);
    let id = app.challenge(PHONE).await;
    assert_eq!(call(&app, Method::POST, &link(&app, PHONE).unwrap()).await.status, 200);

    app.advance(60);
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");
    app.verify(&id, &app.code(PHONE)).await.assert_ok();

    app.challenge(PHONE).await;
}

#[tokio::test]
async fn using_a_link_again_does_not_prolong_a_stop() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    app.advance(30);
    app.challenge(PHONE).await;
    let path = link(&app, PHONE).unwrap();

    for _ in 0..2 {
        assert_eq!(call(&app, Method::POST, &path).await.status, 200);
        app.advance(12 * 3600);
    }

    call(&app, Method::POST, &path).await.assert_problem(404, "not_found");
    app.challenge(PHONE).await;
}

#[tokio::test]
async fn a_registered_template_has_no_link() {
    let app = TestApp::with(&[("SMS_TEMPLATE_ID", "1107160000000000000")]).await;
    app.challenge(PHONE).await;
    app.advance(30);
    app.challenge(PHONE).await;
    assert_eq!(link(&app, PHONE), None);
}

#[tokio::test]
async fn a_link_works_only_for_its_phone_and_expires() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    app.advance(30);
    app.challenge(PHONE).await;
    let path = link(&app, PHONE).unwrap();
    let swapped =
        format!("{}{}", &path[..path.len() - 1], if path.ends_with('A') { 'B' } else { 'A' });

    for (method, path) in
        [(Method::GET, "/stop/x"), (Method::POST, "/stop/x"), (Method::POST, swapped.as_str())]
    {
        call(&app, method, path).await.assert_problem(404, "not_found");
    }

    app.advance(2 * 24 * 3600);
    call(&app, Method::POST, &path).await.assert_problem(404, "not_found");
    app.challenge(PHONE).await;
}

#[tokio::test]
async fn a_resent_text_carries_the_link_too() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.advance(30);
    assert_eq!(app.resend(&id).await.status, 202);
    assert!(link(&app, PHONE).is_some());
}
