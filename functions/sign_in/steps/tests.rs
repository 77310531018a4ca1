use shared::apps::SignInMethod;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp,
    hosted::{Browser, CALLBACK, Client, hosted_app, hosted_app_with},
    wrong,
};

/// An app whose page takes codes by text alone.
async fn texts_only(app: &TestApp) -> Client {
    hosted_app_with(app, "shop", |shop| {
        shop.branding.sign_in_methods = Some([SignInMethod::PhoneCode].into());
    })
    .await
}

/// The page that asks for the code of [`PHONE`].
async fn code_page(browser: &mut Browser, client: &Client) -> Answer {
    let page = browser.get(&client.url(&[])).await;
    browser.submit(&page, &[("identifier", PHONE)]).await
}

/// The page that asks for the code of [`PHONE`], after as many wrong ones as it takes.
async fn locked_page(browser: &mut Browser, client: &Client, app: &TestApp) -> Answer {
    let mut page = code_page(browser, client).await;
    let code = wrong(&app.code(PHONE));
    for _ in 0..5 {
        page = browser.submit(&page, &[("code", &code)]).await;
    }
    page
}

#[tokio::test]
async fn a_new_code_can_be_asked_for_when_the_last_one_is_locked_or_has_expired() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    let page = locked_page(&mut browser, &client, &app).await;
    assert!(page.text.contains("Ask for a new code"), "{}", page.text);

    // The limits are those of any code.
    let early = browser.submit(&page, &[("action", "resend")]).await;
    assert!(early.text.contains("name=\"code\""), "{}", early.text);
    assert!(early.text.contains("role=\"alert\""), "{}", early.text);
    assert_eq!(app.texts(PHONE).len(), 1);
    app.advance(30);
    let page = browser.submit(&early, &[("action", "resend")]).await;
    assert!(!page.text.contains("role=\"alert\""), "{}", page.text);
    assert_eq!(app.texts(PHONE).len(), 2);

    // Nobody has typed the second code before it expires.
    app.advance(20 * 60);
    let page = browser.submit(&page, &[("action", "resend")]).await;
    assert_eq!(app.texts(PHONE).len(), 3);
    let answer = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    answer.authorization_code(&client);
}

#[tokio::test]
async fn a_new_code_in_place_of_a_locked_one_is_no_way_around_the_lockout() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    let mut page = code_page(&mut browser, &client).await;
    let mut tries = 0;
    // Codes in a row for one address: strangers get no more of them after some.
    for _ in 0..40 {
        let sent = app.texts(PHONE).len();
        let code = wrong(&app.code(PHONE));
        for _ in 0..5 {
            page = browser.submit(&page, &[("code", &code)]).await;
            tries += 1;
        }
        app.advance(6 * 60);
        page = browser.submit(&page, &[("action", "resend")]).await;
        if app.texts(PHONE).len() == sent {
            break;
        }
    }
    assert!(tries <= 100, "{tries} wrong codes were tried in a row");
    assert!(page.text.contains("role=\"alert\""), "{}", page.text);
}

#[tokio::test]
async fn a_mistyped_number_can_be_corrected_at_the_step_of_its_code() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    let page = code_page(&mut browser, &client).await;
    let page = browser.submit(&page, &[("action", "another")]).await;
    assert!(page.text.contains("name=\"identifier\""), "{}", page.text);

    let page = browser.submit(&page, &[("identifier", OTHER_PHONE)]).await;
    let answer = browser.submit(&page, &[("code", &app.code(OTHER_PHONE))]).await;
    answer.authorization_code(&client);
}

#[tokio::test]
async fn a_question_is_answered_by_its_own_buttons_alone() {
    let app = TestApp::start().await;
    let client = hosted_app_with(&app, "shop", |shop| shop.hosted.first_party = false).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&client.url(&[]), PHONE).await;
    assert!(page.text.contains("Allow"), "{}", page.text);

    for action in ["deny", "", "Continue", "resend", "skip"] {
        let same = browser.submit(&page, &[("action", action)]).await;
        assert_eq!(same.status, 200, "{action}: {}", same.text);
        assert!(same.text.contains("Allow"), "{action}: {}", same.text);
    }
    let denied = browser.submit(&page, &[("action", "cancel")]).await;
    assert_eq!(denied.authorization_error(&client), "access_denied");
    browser.submit(&page, &[("action", "continue")]).await.authorization_code(&client);

    // Signing out is a question, too.
    let page = browser.get("/oauth2/logout?client_id=shop").await;
    for action in ["", "stay"] {
        let same = browser.submit(&page, &[("action", action)]).await;
        assert!(same.text.contains("Sign out?"), "{action}: {}", same.text);
    }
    let answer = browser.get(&client.url(&[("prompt", "none")])).await;
    assert!(!answer.sent_to(CALLBACK)["code"].is_empty(), "the person is still signed in");
}

#[tokio::test]
async fn a_form_that_a_program_fills_in_needs_no_button() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[])).await;
    let page = browser.submit(&page, &[("identifier", PHONE), ("action", "")]).await;
    let code = app.code(PHONE);
    let answer = browser.submit(&page, &[("code", &code), ("action", "")]).await;
    answer.authorization_code(&client);
}

#[tokio::test]
async fn a_number_that_is_sent_twice_leads_to_the_step_of_its_code() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[])).await;
    browser.submit(&page, &[("identifier", PHONE)]).await;
    let second = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert!(!second.text.contains("role=\"alert\""), "{}", second.text);
    assert_eq!(app.texts(PHONE).len(), 1);
    let answer = browser.submit(&second, &[("code", &app.code(PHONE))]).await;
    answer.authorization_code(&client);
}

#[tokio::test]
async fn a_new_code_that_is_asked_for_twice_can_be_typed() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    let page = locked_page(&mut browser, &client, &app).await;
    app.advance(30);
    browser.submit(&page, &[("action", "resend")]).await;
    let second = browser.submit(&page, &[("action", "resend")]).await;
    assert!(!second.text.contains("role=\"alert\""), "{}", second.text);
    assert_eq!(app.texts(PHONE).len(), 2);
    let answer = browser.submit(&second, &[("code", &app.code(PHONE))]).await;
    answer.authorization_code(&client);
}

#[tokio::test]
async fn another_page_is_not_led_to_the_code_of_this_one() {
    let app = TestApp::start().await;
    let client = texts_only(&app).await;
    let mut browser = Browser::new(&app);
    code_page(&mut browser, &client).await;

    // Neither a stranger at the same address nor another tab gets tries of that code.
    for mut other in [Browser::new(&app), browser] {
        let page = code_page(&mut other, &client).await;
        assert!(page.text.contains("name=\"identifier\""), "{}", page.text);
        assert!(page.text.contains("A code was sent a moment ago."), "{}", page.text);
    }
    assert_eq!(app.texts(PHONE).len(), 1);
}
