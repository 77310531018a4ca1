use data_encoding::BASE64;
use shared::{apps::SignInMethod, crypto::sha256, limits::ProofChallenge};

use crate::testing::{
    Answer, PHONE, TestApp,
    hosted::{Browser, Client, hosted_app, hosted_app_with},
};

/// Numbers of two other countries.
const ABROAD: [&str; 2] = ["+447400123456", "+34612345678"];

/// A deployment that suspects texts from one source to a second country.
async fn strict() -> TestApp {
    TestApp::with(&[("FRAUD_MODE", "challenge"), ("FRAUD_COUNTRIES_PER_IP", "1")]).await
}

/// As [`strict`], after a text from the source of the browser.
async fn suspicious() -> TestApp {
    let app = strict().await;
    app.challenge(PHONE).await;
    app
}

/// The page after a browser has sent this address.
async fn after(browser: &mut Browser, client: &Client, phone: &str) -> Answer {
    let page = browser.get(&client.url(&[])).await;
    browser.submit(&page, &[("identifier", phone)]).await
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start}: {text}")).1;
    rest.split(end).next().unwrap()
}

/// The solved challenge of a page.
fn solved(page: &Answer) -> String {
    let challenge = between(&page.text, "data-challenge=\"", "\"").replace("&quot;", "\"");
    serde_json::from_str::<ProofChallenge>(&challenge).unwrap().solve().unwrap()
}

#[tokio::test]
async fn a_suspected_text_is_sent_once_the_browser_has_solved_a_proof_of_work() {
    let app = suspicious().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = after(&mut browser, &client, ABROAD[0]).await;
    assert_eq!((page.status.as_u16(), app.texts(ABROAD[0]).len()), (200, 0));

    // The policy lets this script run, and no other.
    let script = between(&page.text, "<script>", "</script>");
    let hash = BASE64.encode(&sha256(script.as_bytes()));
    let policy = page.header("content-security-policy");
    assert!(policy.contains(&format!("; script-src 'sha256-{hash}';")), "{policy}");

    // A browser without JavaScript brings no proof, and is told what to do.
    let same = browser.submit(&page, &[]).await;
    assert!(same.text.contains("Switch on JavaScript"), "{}", same.text);
    assert_eq!(app.texts(ABROAD[0]).len(), 0);

    let proof = solved(&same);
    let page = browser.submit(&same, &[("proof", &proof)]).await;
    let code = app.code(ABROAD[0]);
    browser.submit(&page, &[("code", &code)]).await.authorization_code(&client);
}

#[tokio::test]
async fn a_proof_on_the_page_counts_once_and_for_its_address() {
    let app = suspicious().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let first = after(&mut browser, &client, ABROAD[0]).await;
    let other = after(&mut browser, &client, ABROAD[1]).await;
    let proof = solved(&first);

    for wrong in [proof.as_str(), "e30=", "%"] {
        let refused = browser.submit(&other, &[("proof", wrong)]).await;
        assert!(refused.text.contains("role=\"alert\""), "{wrong}: {}", refused.text);
        assert!(refused.text.contains("name=\"identifier\""), "no loop: {}", refused.text);
    }
    assert_eq!(app.texts(ABROAD[1]).len(), 0);

    browser.submit(&first, &[("proof", &proof)]).await;
    app.advance(60);
    let again = browser.submit(&first, &[("proof", &proof)]).await;
    assert!(again.text.contains("name=\"identifier\""), "{}", again.text);
    assert_eq!(app.texts(ABROAD[0]).len(), 1);
}

#[tokio::test]
async fn the_proof_of_work_does_not_tell_who_has_an_account() {
    let app = strict().await;
    let client = hosted_app(&app).await;
    app.sign_in(ABROAD[0]).await;
    app.advance(3600);
    app.challenge(PHONE).await;
    let mut browser = Browser::new(&app);

    let mut pages = Vec::new();
    for phone in ABROAD {
        let page = after(&mut browser, &client, phone).await;
        let flow = between(&page.text, "name=\"flow\" value=\"", "\"");
        let challenge = between(&page.text, "data-challenge=\"", "\"");
        let text = page.text.replace(flow, "").replace(challenge, "");
        pages.push((page.status, text, challenge.len()));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn a_password_needs_no_proof_of_work() {
    let app = suspicious().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = after(&mut browser, &client, ABROAD[0]).await;
    let page = browser.submit(&page, &[("action", "password")]).await;
    assert!(page.text.contains("name=\"password\""), "{}", page.text);

    let codes = hosted_app_with(&app, "codes", |app| {
        app.branding.sign_in_methods = Some([SignInMethod::PhoneCode].into());
    });
    let codes = codes.await;
    let page = after(&mut browser, &codes, ABROAD[0]).await;
    assert!(page.text.contains("data-challenge"), "{}", page.text);
    assert!(!page.text.contains("value=\"password\""), "{}", page.text);
}
