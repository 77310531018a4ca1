use embedded_aws::faults::{Call, Fault, Refusal};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp,
    faults::{EVERY, Trial},
    hosted::{Browser, Client, hosted_app, hosted_app_with},
};

/// The page that asks for the code of [`PHONE`].
async fn code_page(browser: &mut Browser, path: &str) -> Answer {
    let page = browser.get(path).await;
    browser.submit(&page, &[("identifier", PHONE)]).await
}

/// An app of somebody else, which the page asks about.
async fn asking_app(app: &TestApp) -> Client {
    hosted_app_with(app, "shop", |shop| shop.hosted.first_party = false).await
}

/// The browser, at the instance that meets faults.
fn same_browser(trial: &Trial, browser: Browser) -> Browser {
    let mut same = Browser::new(&trial.faulty);
    same.cookies = browser.cookies;
    same
}

/// Refuses these calls.
fn refuse(trial: &Trial, calls: fn(&Call) -> bool, which: (usize, usize)) {
    trial.faults.inject(calls, which, Fault::Refuse(Refusal::AccessDenied));
}

#[tokio::test]
async fn a_code_that_is_sent_twice_leads_on_if_the_browser_is_signed_in() {
    let app = TestApp::start().await;
    let client = asking_app(&app).await;
    for changes in [
        &[("prompt", "consent")][..],
        &[("prompt", "login consent")],
        &[("prompt", "consent"), ("max_age", "0")],
    ] {
        let mut browser = Browser::new(&app);
        let page = code_page(&mut browser, &client.url(changes)).await;
        let before = browser.clone();
        let code = app.code(PHONE);
        let first = browser.submit(&page, &[("code", &code)]).await;
        assert!(first.text.contains("Allow"), "{changes:?}: {}", first.text);

        let second = browser.submit(&page, &[("code", &code)]).await;
        assert!(second.text.contains("Allow"), "{changes:?}: {}", second.text);
        browser.submit(&second, &[]).await.authorization_code(&client);

        // A code signs in once, so a browser that has no session yet gets none. It may ask for the
        // next code without typing the number again.
        let mut former = before;
        let second = former.submit(&page, &[("code", &code)]).await;
        assert!(second.text.contains("role=\"alert\""), "{changes:?}: {}", second.text);
        assert!(second.text.contains(&format!("value=\"{PHONE}\"")), "{}", second.text);
        assert!(!former.cookies.contains_key("__Host-lk-browser"));
        app.advance(3600);
    }
}

#[tokio::test]
async fn a_code_that_is_sent_twice_enters_nobody_elses_account() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = code_page(&mut browser, &client.url(&[])).await;
    let code = app.code(PHONE);

    // In another tab, somebody else signs in, after the page was shown.
    browser.sign_in(&client.url(&[]), OTHER_PHONE).await.authorization_code(&client);
    let mut other = browser.clone();
    browser.submit(&page, &[("code", &code)]).await.authorization_code(&client);
    let second = other.submit(&page, &[("code", &code)]).await;
    assert!(second.text.contains("role=\"alert\""), "{}", second.text);
    assert!(second.text.contains("name=\"identifier\""), "{}", second.text);
}

#[tokio::test]
async fn an_old_session_is_not_taken_for_the_sign_in_of_a_used_code() {
    let app = TestApp::start().await;
    let client = asking_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&client.url(&[]), PHONE).await;
    browser.submit(&page, &[]).await.authorization_code(&client);
    app.advance(3600);

    let page = code_page(&mut browser, &client.url(&[("prompt", "login")])).await;
    let mut before = browser.clone();
    let code = app.code(PHONE);
    browser.submit(&page, &[("code", &code)]).await;
    let second = before.submit(&page, &[("code", &code)]).await;
    assert!(second.text.contains("name=\"identifier\""), "{}", second.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_not_lost_if_the_session_before_it_cannot_be_ended() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    let before = browser.cookies["__Host-lk-browser"].clone();
    app.advance(3600);

    let trial = Trial::of(app).await;
    let mut browser = same_browser(&trial, browser);
    let ends = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("REMOVE sessions.");
    refuse(&trial, ends, EVERY);
    let answer = browser.sign_in(&client.url(&[("prompt", "login")]), PHONE).await;
    answer.authorization_code(&client);
    assert_ne!(browser.cookies["__Host-lk-browser"], before);
    assert!(trial.faults.calls().iter().any(ends), "it was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_used_up_if_the_session_before_it_cannot_be_read() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    app.advance(3600);

    let trial = Trial::of(app).await;
    let mut browser = same_browser(&trial, browser);
    let page = code_page(&mut browser, &client.url(&[("prompt", "login")])).await;
    let code = trial.app.code(PHONE);
    refuse(&trial, |call| call.is("DYNAMODB", "GetItem") && call.mentions("USER#"), EVERY);
    let failed = browser.submit(&page, &[("code", &code)]).await;
    assert_eq!(failed.status, 503, "{}", failed.text);
    trial.faults.heal();
    browser.submit(&page, &[("code", &code)]).await.authorization_code(&client);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_signed_in_goes_on_after_a_failure_without_another_code() {
    let app = TestApp::start().await;
    let client = asking_app(&app).await;
    let page = Browser::new(&app).sign_in(&client.url(&[]), PHONE).await;
    assert!(page.text.contains("Allow"), "{}", page.text);
    let mut browser = Browser::new(&app);
    app.advance(3600);
    let page = browser.sign_in(&client.url(&[]), PHONE).await;
    browser.submit(&page, &[]).await.authorization_code(&client);
    app.advance(3600);

    // The person has allowed the app, so the sign-in is followed by another write: that of its code.
    let trial = Trial::of(app).await;
    let mut browser = Browser::new(&trial.faulty);
    let page = code_page(&mut browser, &client.url(&[])).await;
    let of_user = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("\"USER#");
    refuse(&trial, of_user, (1, usize::MAX));
    let failed = browser.submit(&page, &[("code", &trial.app.code(PHONE))]).await;
    assert_eq!(failed.status, 503, "{}", failed.text);
    assert_eq!(failed.header("content-type"), "text/html; charset=utf-8");
    assert!(failed.text.contains("Something went wrong on our side."), "{}", failed.text);
    assert!(browser.cookies.contains_key("__Host-lk-browser"));

    trial.faults.heal();
    let page = browser.submit(&failed, &[("action", "again")]).await;
    assert!(page.text.contains("Continue as"), "{}", page.text);
    browser.submit(&page, &[]).await.authorization_code(&client);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_a_page_for_a_browser_and_keeps_what_was_typed() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let trial = Trial::of(app).await;
    let mut browser = Browser::new(&trial.faulty);
    let page = browser.get(&client.url(&[])).await;
    refuse(&trial, |call| call.mentions("IDENTIFIER#"), EVERY);
    let failed = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert_eq!(failed.status, 503, "{}", failed.text);
    let mut program = browser.form(&page, &[("identifier", PHONE)]);
    program.headers_mut().remove("accept");
    let refused = trial.faulty.send(program.map(Into::into)).await;
    refused.assert_problem(503, "unavailable");

    trial.faults.heal();
    let fields = [("action", "again"), ("identifier", PHONE)];
    assert!(failed.text.contains(&format!("name=\"identifier\" value=\"{PHONE}\"")));
    let page = browser.submit(&failed, &fields).await;
    assert!(page.text.contains(&format!("name=\"identifier\" value=\"{PHONE}\"")), "{}", page.text);
    assert!(trial.app.texts(PHONE).is_empty(), "nobody is sent a code by that button");
}
