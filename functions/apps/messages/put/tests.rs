mod refusals;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL, PASSWORD, RESET_PAGE},
    apps::ADMIN_PHONE,
};

const ORIGIN: &str = "https://shop.example.com";

/// The service with mail, its administrator, and the app `shop`.
async fn with_shop(settings: &[(&str, &str)]) -> (TestApp, SignedIn) {
    let settings = [&[("ADMIN_PHONE", ADMIN_PHONE)], settings].concat();
    let app = TestApp::with_mail_and(&settings).await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    let shop = json!({
        "client_id": "shop",
        "name": "A&B's",
        "allowed_origins": [ORIGIN],
        "redirect_uris": ["https://go.example.net/cb", "com.example.shop:/cb"],
        "logo": "https://cdn.example.com/logo.svg",
        "links": {"support": "https://help.example.org/shop"},
    });
    app.create_app(&admin, shop).await.assert_created();
    (app, admin)
}

async fn put(app: &TestApp, admin: &SignedIn, name: &str, words: Value) -> Answer {
    app.json_as(admin, Method::PUT, &format!("/v1/apps/{name}"), words).await
}

/// Asks an app for a code by mail, and returns the body and the HTML of the e-mail.
async fn mailed(app: &TestApp, client_id: &str, email: &str, locale: &str) -> (String, String) {
    let body = json!({"client_id": client_id, "email": email, "locale": locale});
    app.post("/v1/otp/send", body).await.challenge_id();
    let mail = app.texts(email).pop().unwrap();
    (mail.body, mail.html.unwrap_or_default())
}

#[tokio::test]
async fn people_get_the_words_of_the_app_with_values_that_are_escaped() {
    let (app, admin) = with_shop(&[]).await;
    let words = json!({
        "subject": "{app}: your code",
        "text": "Hello!\r\n{code} opens {app} for {minutes} min: https://shop.example.com/c?code={code}",
        "html": "<!doctype html><html><head><title>{app}</title><style>.c{color:red}</style></head>\
                 <body><p class='c'>{code} opens {app}</p><a href='https://shop.example.com/c?code={code}'>\
                 Open</a><img src='https://cdn.example.com/mail.png' alt='Logo'></body></html>",
    });
    let stored = put(&app, &admin, "shop/messages/sign_in/en", words.clone()).await;
    assert_eq!(stored.assert_ok()["html"], words["html"]);
    assert_eq!(stored.json["updated_at"], app.now());

    let (text, html) = mailed(&app, "shop", EMAIL, "en").await;
    let mail = app.texts(EMAIL).pop().unwrap();
    let code = app.code(EMAIL);
    assert_eq!(mail.subject.as_deref(), Some("A&B's: your code"));
    let expected =
        format!("Hello!\n{code} opens A&B's for 5 min: https://shop.example.com/c?code={code}");
    assert_eq!(text, expected);
    assert!(html.contains(&format!("<p class='c'>{code} opens A&amp;B&#39;s</p>")), "{html}");
    assert!(html.contains("<title>A&amp;B&#39;s</title>") && html.contains(".c{color:red}"));
    assert!(html.contains(&format!("href='https://shop.example.com/c?code={code}'")), "{html}");
}

#[tokio::test]
async fn only_the_app_itself_uses_its_templates() {
    let (app, admin) = with_shop(&[]).await;
    app.public_app(&admin, "other").await;
    put(&app, &admin, "shop/messages/sign_in/en", json!({"text": "Shop: {code}"}))
        .await
        .assert_ok();
    put(&app, &admin, "default/messages/sign_in/en", json!({"text": "Default: {code}"}))
        .await
        .assert_ok();

    let (text, html) = mailed(&app, "shop", EMAIL, "en").await;
    assert_eq!((text, html), (format!("Shop: {}", app.code(EMAIL)), String::new()));
    app.advance(60);
    assert!(mailed(&app, "default", OTHER_EMAIL, "en").await.0.starts_with("Default: "));
    let (text, html) = mailed(&app, "other", "cy@example.com", "en").await;
    assert!(text.contains("is your other code") && html.contains("other"), "{text}");

    put(&app, &admin, "shop/messages/new_address/en", json!({"text": "New: {code}"}))
        .await
        .assert_ok();
    let (text, _) = mailed(&app, "shop", "dee@example.com", "en").await;
    assert!(text.starts_with("Shop: "), "another kind changes nothing: {text}");
}

#[tokio::test]
async fn a_language_without_words_uses_english_and_then_the_built_in_mail() {
    let (app, admin) = with_shop(&[]).await;
    put(&app, &admin, "shop/messages/sign_in/es", json!({"text": "Tienda: {code}"}))
        .await
        .assert_ok();
    assert!(mailed(&app, "shop", "a@example.com", "es-MX").await.0.starts_with("Tienda: "));
    assert!(mailed(&app, "shop", "b@example.com", "en").await.0.contains("is your A&B's code"));
    let (hindi, _) = mailed(&app, "shop", "c@example.com", "hi").await;
    assert!(hindi.contains("A&B's") && !hindi.contains("is your"), "{hindi}");

    put(&app, &admin, "shop/messages/sign_in/en", json!({"text": "Shop: {code}"}))
        .await
        .assert_ok();
    assert!(mailed(&app, "shop", "d@example.com", "es").await.0.starts_with("Tienda: "));
    assert!(mailed(&app, "shop", "e@example.com", "hi").await.0.starts_with("Shop: "));
}

#[tokio::test]
async fn a_resend_has_the_new_words_and_the_link_to_stop_mails() {
    let (app, admin) = with_shop(&[]).await;
    let words =
        |text: &str| json!({"text": text, "html": format!("<body><p>{text}</p></BODY></html>")});
    put(&app, &admin, "shop/messages/sign_in/en", words("First {code}")).await.assert_ok();
    let body = json!({"client_id": "shop", "email": EMAIL});
    let id = app.post("/v1/otp/send", body).await.challenge_id();
    assert_eq!(app.texts(EMAIL).pop().unwrap().body, format!("First {}", app.code(EMAIL)));

    put(&app, &admin, "shop/messages/sign_in/en", words("Second {code}")).await.assert_ok();
    app.advance(60);
    app.resend(&id).await.challenge_id();
    let mail = app.texts(EMAIL).pop().unwrap();
    let (code, html) = (app.code(EMAIL), mail.html.unwrap());
    let start =
        format!("Second {code}\n\nNot you? Stop these e-mails: https://id.example.com/stop/");
    assert!(mail.body.starts_with(&start), "{}", mail.body);
    let (page, end) =
        html.split_once("<p style=\"font-size: 14px\"><a href=\"https://id.exam").unwrap();
    assert_eq!(page, format!("<body><p>Second {code}</p>"));
    assert!(end.ends_with("e-mails</a></p></BODY></html>"), "{html}");
    app.verify(&id, &code).await.signed_in();

    // A template that is deleted while its code waits leaves the built-in e-mail.
    app.advance(3600);
    let body = json!({"client_id": "shop", "email": OTHER_EMAIL});
    let id = app.post("/v1/otp/send", body).await.challenge_id();
    let admin = app.sign_in(ADMIN_PHONE).await;
    app.delete_as(&admin, "/v1/apps/shop/messages/sign_in/en").await.assert_done();
    app.advance(60);
    app.resend(&id).await.challenge_id();
    assert!(app.texts(OTHER_EMAIL).pop().unwrap().body.contains("is your A&B's code"));
}

#[tokio::test]
async fn a_reset_has_its_link_if_the_deployment_has_a_page_for_it() {
    let (app, admin) = with_shop(&[]).await;
    app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    app.advance(3600);
    let admin_again = app.sign_in(ADMIN_PHONE).await;
    assert_eq!(admin.id(), admin_again.id());
    let words = json!({"text": "{code} or {link}", "html": "<a href=\"{link}\">New</a> {code}"});
    put(&app, &admin_again, "default/messages/password_reset/en", words).await.assert_ok();

    app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let mail = app.texts(EMAIL).pop().unwrap();
    assert!(mail.body.contains(&format!(" or {RESET_PAGE}#")), "{}", mail.body);
    assert!(mail.html.unwrap().starts_with(&format!("<a href=\"{RESET_PAGE}#")));
    let token = app.link_token(EMAIL);
    app.reset_by_link(token.split_whitespace().next().unwrap(), NEW_PASSWORD).await.assert_done();

    app.advance(3600);
    let without_page = app.restarted(&[("PASSWORD_RESET_URL", "")]);
    without_page.forgot(json!({"email": EMAIL})).await.challenge_id();
    let mail = app.texts(EMAIL).pop().unwrap();
    assert!(mail.body.contains("to set a new password"), "the built-in one: {}", mail.body);
}

#[tokio::test]
async fn notices_have_the_words_of_the_default_app_and_undo_the_change() {
    let (app, admin) = with_shop(&[]).await;
    let words = json!({"text": "Changed. {link}", "html": "<a href='{link}'>Undo</a> at {app}"});
    put(&app, &admin, "default/messages/password_changed/en", words).await.assert_ok();
    let person = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&person.access, "/v1/password/change", change).await.assert_done();

    let mail = app.texts(EMAIL).pop().unwrap();
    assert!(mail.body.starts_with("Changed. https://id.example.com/undo/"), "{}", mail.body);
    assert!(mail.html.unwrap().starts_with("<a href='https://id.example.com/undo/"));
    assert_eq!(mail.subject.as_deref(), Some("Your Latchkey password was changed"));
}

#[tokio::test]
async fn a_mail_without_a_template_costs_no_read_and_one_with_it_costs_one() {
    let (app, admin) = with_shop(&[]).await;
    app.public_app(&admin, "plain").await;
    let send = |client_id: &'static str, email: &'static str| {
        app.post("/v1/otp/send", json!({"client_id": client_id, "email": email}))
    };
    send("plain", "a@example.com").await.challenge_id();
    let (_, plain) = app.units(send("plain", "b@example.com")).await;
    put(&app, &admin, "shop/messages/sign_in/en", json!({"text": "{code}"})).await.assert_ok();
    let (_, own) = app.units(send("shop", "c@example.com")).await;
    assert_eq!(own, (plain.0 + 1.0, plain.1));

    // A text costs nothing more.
    let text = |client_id, phone| {
        app.post("/v1/otp/send", json!({"client_id": client_id, "phone": phone}))
    };
    let (_, plain) = app.units(text("plain", PHONE)).await;
    let (_, own) = app.units(text("shop", OTHER_PHONE)).await;
    assert_eq!(own.0, plain.0);
}

#[tokio::test]
async fn administrators_are_told_and_only_they_change_the_default_app() {
    let (app, admin) = with_shop(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000")]).await;
    let writers = app.staff(&admin, PHONE, "Writer", &["apps:write"]).await;
    put(&app, &writers, "default/messages/sign_in/en", json!({"text": "{code}"}))
        .await
        .assert_problem(403, "forbidden");
    app.delete_as(&writers, "/v1/apps/default/messages/sign_in/en")
        .await
        .assert_problem(403, "forbidden");

    let told = app.texts(ADMIN_PHONE).len();
    put(&app, &writers, "shop/messages/sign_in/en", json!({"text": "{code}"})).await.assert_ok();
    assert_eq!(app.texts(ADMIN_PHONE).len(), told + 1);
    let notice = app.texts(ADMIN_PHONE).pop().unwrap().body;
    assert!(notice.contains("An app of Latchkey was changed"), "{notice}");
}

#[tokio::test]
async fn the_trail_shows_which_template_was_changed_but_not_its_words() {
    let (app, admin) = with_shop(&[]).await;
    put(&app, &admin, "shop/messages/sign_in/en", json!({"text": "Secretive {code}"}))
        .await
        .assert_ok();
    let events = app.all(&admin, "/v1/audit?action=app_message_change", 100).await;
    let changes = &events[0]["changes"];
    assert!(changes["mail_templates"]["after"]["sign_in/en"].is_i64(), "{changes}");
    assert!(!changes.to_string().contains("Secretive"));
}
