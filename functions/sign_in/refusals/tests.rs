use shared::apps::SignInMethod;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp,
    hosted::{Browser, hosted_app, hosted_app_with},
};

/// The page after its first step was sent with this text.
async fn typed(browser: &mut Browser, path: &str, text: &str) -> Answer {
    let page = browser.get(path).await;
    browser.submit(&page, &[("identifier", text)]).await
}

#[tokio::test]
async fn a_number_of_a_country_that_is_not_allowed_is_refused_as_that() {
    let app = TestApp::with(&[("ALLOWED_COUNTRIES", "US")]).await;
    let client = hosted_app(&app).await;
    let page = typed(&mut Browser::new(&app), &client.url(&[]), "+447400123456").await;
    assert!(page.text.contains("Numbers of this country cannot be used here."), "{}", page.text);
    assert!(page.text.contains("value=\"+447400123456\""), "{}", page.text);
}

#[tokio::test]
async fn the_page_names_only_what_the_app_takes_and_keeps_what_was_typed() {
    use SignInMethod::{EmailCode, Password, PhoneCode};
    let with_mail = TestApp::with_mail_and(&[]).await;
    let without = TestApp::with(&[("EMAIL_FROM", "")]).await;
    let (phone, email) = ("Phone number<", "E-mail address<");
    let (bad_phone, bad_email) =
        ("Enter a phone number with its country code.", "Enter a complete e-mail address.");
    let both = "Enter a phone number with its country code, or an e-mail address.";
    let name = "Enter a phone number with its country code, or a username.";
    let any = "Enter a phone number with its country code, an e-mail address or a username.";

    for (place, (app, methods, label, refusal)) in [
        (&with_mail, &[PhoneCode][..], phone, bad_phone),
        (&with_mail, &[EmailCode], email, bad_email),
        (&with_mail, &[PhoneCode, EmailCode], "Phone or e-mail address<", both),
        (&with_mail, &[PhoneCode, Password], "Phone, e-mail or username<", any),
        (&without, &[PhoneCode, EmailCode], phone, bad_phone),
        (&without, &[PhoneCode, Password], "Phone or username<", name),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("app-{place}");
        let client = hosted_app_with(app, &id, |app| {
            app.branding.sign_in_methods = Some(methods.iter().copied().collect());
        });
        let client = client.await;
        let mut browser = Browser::new(app);
        let page = typed(&mut browser, &client.url(&[]), "1\"><b>@").await;
        assert!(page.text.contains(label), "{methods:?}: {}", page.text);
        assert!(page.text.contains(&format!("<p role=\"alert\">{refusal}</p>")), "{}", page.text);
        assert!(page.text.contains("value=\"1&quot;&gt;&lt;b&gt;@\""), "{}", page.text);
    }
}

#[tokio::test]
async fn a_wait_is_said_in_units_that_people_use() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = typed(&mut browser, &client.url(&[]), PHONE).await;
    app.advance(29);
    let early = browser.submit(&page, &[("action", "resend")]).await;
    assert!(early.text.contains("Wait 1 second before you ask"), "{}", early.text);

    for _ in 0..5 {
        app.advance(300);
        browser.submit(&page, &[("action", "resend")]).await;
    }
    let capped = browser.submit(&page, &[("action", "resend")]).await;
    assert!(capped.text.contains(" minutes"), "{}", capped.text);
    assert!(!capped.text.contains(" seconds"), "{}", capped.text);
}

#[tokio::test]
async fn a_code_signs_in_after_too_many_wrong_passwords() {
    let app = TestApp::start().await;
    app.person(PHONE).await;
    app.advance(3600);
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = typed(&mut browser, &client.url(&[]), PHONE).await;
    let mut page = browser.submit(&page, &[("action", "password")]).await;
    for _ in 0..20 {
        page = browser.submit(&page, &[("password", "not the password")]).await;
        if page.text.contains("Too many wrong passwords.") {
            break;
        }
    }
    assert!(page.text.contains("or sign in with a code."), "{}", page.text);
    app.advance(30);
    let page = browser.submit(&page, &[("action", "code")]).await;
    let answer = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    answer.authorization_code(&client);

    // An app that takes no codes names none.
    let closed = hosted_app_with(&app, "closed", |app| {
        app.branding.sign_in_methods = Some([SignInMethod::Password].into());
    });
    let closed = closed.await;
    let mut stranger = Browser::new(&app);
    let mut page = typed(&mut stranger, &closed.url(&[]), OTHER_PHONE).await;
    for _ in 0..20 {
        page = stranger.submit(&page, &[("password", "not the password")]).await;
    }
    assert!(page.text.contains("Too many wrong passwords. Wait "), "{}", page.text);
    assert!(!page.text.contains("sign in with a code"), "{}", page.text);
    assert!(!page.text.contains("value=\"code\""), "{}", page.text);
    let page = stranger.submit(&page, &[("action", "code")]).await;
    assert!(page.text.contains("role=\"alert\""), "{}", page.text);
    assert!(app.texts(OTHER_PHONE).is_empty());
}

#[tokio::test]
async fn phones_and_codes_stay_from_left_to_right_in_arabic() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[("ui_locales", "ar")])).await;
    assert!(page.text.contains("dir=\"rtl\""), "{}", page.text);
    let field = |page: &Answer, name: &str| {
        let rest = page.text.split(&format!("<input name=\"{name}\"")).nth(1).unwrap().to_owned();
        rest.split('>').next().unwrap().to_owned()
    };
    assert!(field(&page, "identifier").contains("dir=\"ltr\""), "{}", page.text);

    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert!(page.text.contains("\u{2068}+1•"), "{}", page.text);
    assert!(field(&page, "code").contains("dir=\"ltr\""), "{}", page.text);
    let page = browser.submit(&page, &[("action", "password")]).await;
    assert!(page.text.contains(&format!("\u{2068}{PHONE}\u{2069}")), "{}", page.text);
}

#[tokio::test]
async fn an_idle_account_that_a_text_does_not_open_is_refused_as_that() {
    let (app, admin) = TestApp::with_admin().await;
    let phone = admin.json["user"]["phone"].as_str().unwrap().to_owned();
    let client = hosted_app(&app).await;
    app.advance(365 * 24 * 3600);
    let page = Browser::new(&app).sign_in(&client.url(&[]), &phone).await;
    assert!(page.text.contains("so a text alone does not open it."), "{}", page.text);
    assert!(page.text.contains("ask Shop for help"), "{}", page.text);
}
