//! Every word that a template may not have. A draft is checked as a template is.

use axum::http::Method;
use serde_json::{Value, json};

use super::{put, with_shop};
use crate::testing::{Answer, SignedIn, TestApp};

async fn draft(app: &TestApp, admin: &SignedIn, words: Value) -> Answer {
    let path = "/v1/apps/shop/messages/sign_in/en/preview";
    app.json_as(admin, Method::POST, path, json!({"draft": words})).await
}

/// Asserts that a draft is refused for `field`, with a reason that has `why`.
async fn refused(app: &TestApp, admin: &SignedIn, words: Value, field: &str, why: &str) {
    let shown: String = words.to_string().chars().take(200).collect();
    let answer = draft(app, admin, words).await;
    assert_eq!(answer.status, 400, "{shown}: {}", answer.text);
    answer.assert_field(&format!("draft.{field}"));
    let message = answer.json["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains(why), "{shown}: {message}");
}

#[tokio::test]
async fn kinds_and_languages_that_an_app_cannot_have_are_refused_with_those_that_it_can() {
    let (app, admin) = with_shop(&[]).await;
    let words = json!({"text": "{code} {link}"});
    for (name, field, accepted) in [
        (
            "shop/messages/nothing/en",
            "kind",
            "sign_in, account_exists, password_reset, new_address",
        ),
        ("shop/messages/SIGN_IN/en", "kind", "sign_in"),
        ("shop/messages/password_changed/en", "kind", "notices belong to the default app"),
        ("default/messages/app_changed/en", "kind", "account_erasure"),
        ("shop/messages/sign_in/fr", "language", "en, es, hi, ar"),
        ("shop/messages/sign_in/en-US", "language", "en, es, hi, ar"),
    ] {
        let answer = put(&app, &admin, name, words.clone()).await;
        answer.assert_field(field);
        assert!(answer.text.contains(accepted), "{}", answer.text);
    }
    let nobody = put(&app, &admin, "nothing/messages/sign_in/en", json!({"text": "{code}"})).await;
    nobody.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_refused_template_changes_nothing() {
    let (app, admin) = with_shop(&[]).await;
    put(&app, &admin, "shop/messages/sign_in/en", json!({"text": "Old {code}"})).await.assert_ok();
    for words in [
        json!({"text": "no code"}),
        json!({"text": "{code}", "html": "<p>no code</p>"}),
        json!({"text": "{code}", "surprise": 1}),
        json!({"html": "<p>{code}</p>"}),
    ] {
        put(&app, &admin, "shop/messages/sign_in/en", words)
            .await
            .assert_problem(400, "invalid_request");
    }
    let listed = app.get_as(&admin.access, "/v1/apps/shop/messages").await;
    assert_eq!(listed.assert_ok()["items"][0]["text"], "Old {code}");
}

#[tokio::test]
async fn sizes_are_bounded() {
    let (app, admin) = with_shop(&[]).await;
    let fits = json!({
        "subject": "é".repeat(150),
        "text": format!("{{code}}{}", " é".repeat(1_363)),
        "html": format!("{{code}}{}", " a".repeat(16_381)),
    });
    draft(&app, &admin, fits).await.assert_ok();
    let escaped = format!(
        r#"{{"draft": {{"text": "{{code}}", "html": "{{code}}{}"}}}}"#,
        r"\u0627".repeat(16_380)
    );
    let path = "/v1/apps/shop/messages/sign_in/en/preview";
    let request = crate::testing::bodies::post_raw(
        &app,
        Some(&admin.access),
        path,
        &[("content-type", "application/json")],
        escaped,
    );
    request.await.assert_ok();

    let long = |field: &str, text: String| json!({"text": "{code}", field: text});
    let line = "one line of 1 to 150 characters";
    for subject in ["é".repeat(151), String::new(), " a".into(), "a ".into()] {
        refused(&app, &admin, long("subject", subject), "subject", line).await;
    }
}

#[tokio::test]
async fn a_line_cannot_add_a_header() {
    let (app, admin) = with_shop(&[]).await;
    for line in ["a\r\nBcc: eve@example.com", "a\nb", "a\u{0}b", "a\u{2028}b", "a\u{202e}b"] {
        let words = json!({"text": "{code}", "subject": line});
        refused(&app, &admin, words, "subject", "one line").await;
    }
}

#[tokio::test]
async fn an_unknown_placeholder_is_named() {
    let (app, admin) = with_shop(&[]).await;
    for (words, field, why) in [
        (json!({"text": "{code} {name}"}), "text", "{name}"),
        (json!({"text": "{code} {Code}"}), "text", "{Code}"),
        (json!({"text": "{code} {link}"}), "text", "{link}"),
        (json!({"text": "{code} {minutes"}), "text", "{code}, {minutes}, {app}"),
        (json!({"text": "{code} { minutes }"}), "text", "a brace"),
        (json!({"text": "{{code}}"}), "text", "a brace"),
        (json!({"text": "{code}", "subject": "{link}"}), "subject", "{link}"),
        (json!({"text": "{code}", "subject": "a } b"}), "subject", "a brace"),
        (json!({"text": "{code}", "html": "{code} {date}"}), "html", "{date}"),
        (json!({"text": "{code}", "html": "<title>{x}</title>{code}"}), "html", "{x}"),
    ] {
        refused(&app, &admin, words, field, why).await;
    }
}

#[tokio::test]
async fn words_lead_only_to_the_app() {
    let (app, admin) = with_shop(&[]).await;
    for text in [
        "https://evil.example",
        "http://shop.example.com",
        "https://shop.example.com.evil.example",
        "https://shop.example.com@evil.example",
        "https://shop.example.com:444/",
        "https://shop.example.com\\@evil.example/",
        "https://evil.example/https://shop.example.com/",
        "https://shop.example.com/#https://evil.example",
        "https://{app}.example.com",
        "evil.example",
        "evil.example/shop.example.com",
        "www.evil",
        "eve@shop.example.com",
        "shop.example.com@evil.example",
        "192.0.2.1",
        "com.example.shop:/cb",
        "javascript://x",
    ] {
        let words = json!({"text": format!("{{code}} {text} ")});
        refused(&app, &admin, words, "text", "must not contain a link").await;
        let words = json!({"text": "{code}", "html": format!("<p>{{code}} {text} </p>")});
        refused(&app, &admin, words, "html", "").await;
    }
    for line in ["evil.example", "https://evil.example"] {
        let words = json!({"text": "{code}", "subject": line});
        refused(&app, &admin, words, "subject", "must not contain a link").await;
    }

    for text in [
        "https://shop.example.com",
        "(https://shop.example.com/a?b=c&d={code}#e).",
        "HTTPS://SHOP.example.com/a",
        "https://go.example.net/, or https://help.example.org/x!",
        "shop.example.com and shop.example.com/help.",
        "e.g. now: 12:30, 4.50",
    ] {
        let words = json!({"text": format!("{{code}} {text}"), "subject": "Hello"});
        draft(&app, &admin, words).await.assert_ok();
    }
}

#[tokio::test]
async fn html_runs_nothing_sends_nothing_and_loads_nothing() {
    let (app, admin) = with_shop(&[]).await;
    for (html, why) in [
        ("<script>alert(1)</script>", "script"),
        ("<form action='https://shop.example.com'><input></form>", "form"),
        ("<iframe src='https://shop.example.com'></iframe>", "iframe"),
        ("<svg><script>1</script></svg>", "svg"),
        ("<math></math>", "math"),
        ("<base href='https://evil.example'>", "base"),
        ("<link rel='stylesheet' href='https://shop.example.com/a.css'>", "link"),
        ("<object data='x'></object>", "object"),
        ("<button>a</button>", "button"),
        ("<textarea>a</textarea>", "textarea"),
        ("<noscript>a</noscript>", "noscript"),
        ("<o:p>a</o:p>", "o:p"),
        ("<meta http-equiv='refresh' content='0;url=https://evil.example'>", "http-equiv"),
        ("<p onclick='alert(1)'>a</p>", "onclick"),
        ("<table background='https://evil.example/a.png'></table>", "background"),
        ("<img srcset='https://evil.example/a.png 2x'>", "srcset"),
        ("<p href='https://shop.example.com'>a</p>", "href"),
        ("<!-- a -->", "comment"),
        ("<!--[if mso]><a href='https://evil.example'>a</a><![endif]-->", "comment"),
        ("<![CDATA[ a ]]>", "not well-formed"),
        ("<?php ?>", "not well-formed"),
        ("<p id=a id=b>", "not well-formed"),
        ("<p title='", "not well-formed"),
        ("<style>a", "close <style>"),
        ("<style>a{background:url(https://evil.example)}</style>", "url("),
        ("<style>@import 'https://evil.example';</style>", "@import"),
        ("<style>a{background:\\75rl(x)}</style>", "in a style"),
        ("<style>a{b:{app}}</style>", "placeholder in a style"),
        ("<p style='background:URL(x)'>", "url("),
        ("<p style='background:u&#114;l(x)'>", "url("),
        ("<p style='background:image-set(\"x\" 1x)'>", "image"),
        ("<p style='width:{minutes}'>", "placeholder in a style"),
        ("<p class='{app}'>", "brace in an attribute"),
        ("<p {app}>", "attribute"),
        ("</p {app}>", "not well-formed"),
        ("<img alt='{app}' src='https://cdn.example.com/a.png'>", "brace in an attribute"),
        ("&#123;code}", "brace in an attribute"),
        ("<img src='https://evil.example/a.png'>", "image"),
        ("<img src='https://shop.example.com/a.png'>", "image"),
        ("<img src='http://cdn.example.com/a.png'>", "image"),
        ("<img src='https://cdn.example.com/{code}.png'>", "image"),
        ("<img src='data:image/png;base64,AAAA'>", "image"),
        ("<a href='https://evil.example'>a</a>", "link"),
        ("<a href='javascript:alert(1)'>a</a>", "link"),
        ("<a href='java&#10;script:alert(1)'>a</a>", "link"),
        ("<a href=' https://shop.example.com'>a</a>", "link"),
        ("<a href='//shop.example.com'>a</a>", "link"),
        ("<a href='/a'>a</a>", "link"),
        ("<a href='mailto:eve@evil.example'>a</a>", "link"),
        ("<a href='https://shop.example.com/{app}'>a</a>", "link"),
        ("<a href='https://{app}.example.com/'>a</a>", "link"),
        ("<a href='https://shop.example.com/'>evil.example</a>", "must not contain a link"),
        ("<b>evil.</b>example", "must not contain a link"),
        ("<img alt='evil.example'>", "must not contain a link"),
        ("<title>evil.example</title>", "must not contain a link"),
        ("a\u{0}b", "control characters"),
        ("a\u{202e}b", "control characters"),
    ] {
        let words = json!({"text": "{code}", "html": format!("{{code}} {html}")});
        refused(&app, &admin, words, "html", why).await;
    }

    for html in [
        "<a href='https://shop.example.com/?a=1&amp;b=2'>a</a>",
        "<a href=https://go.example.net/{code} target=_blank rel=noopener>a</a>",
        "<table role=presentation width='100%' style='max-width: 480px; color: #17211e'>\
         <tr><td bgcolor='#fff'>a.</td><td>b</td></tr></table>",
        "<style>@media (max-width: 480px) { .card { padding: 24px !important } }</style>",
        "<img src='https://cdn.example.com/a.png' alt=Shop width=96 height=32>",
        "<p dir=rtl lang=ar>\u{200f}\u{627}\u{644}\u{631}\u{645}\u{632} &amp; &lt;b&gt;</p><br/><hr>",
        "<meta name=viewport content='width=device-width'><meta charset=utf-8>",
        "Hello.<p>Next",
    ] {
        let words = json!({"text": "{code}", "html": format!("<!DOCTYPE html>{{code}} {html}")});
        draft(&app, &admin, words).await.assert_ok();
    }
}

#[tokio::test]
async fn the_code_is_in_the_words_that_people_read() {
    let (app, admin) = with_shop(&[]).await;
    for html in [
        "<p>no code</p>",
        "<title>{code}</title><p>a</p>",
        "<a href='https://shop.example.com/{code}'>a</a>",
    ] {
        let words = json!({"text": "{code}", "html": html});
        refused(&app, &admin, words, "html", "must contain {code}").await;
    }
    let words = json!({"text": "a", "html": "{code}"});
    refused(&app, &admin, words, "text", "must contain {code}").await;
    for text in ["", " \n", "{code}\u{7}"] {
        refused(&app, &admin, json!({"text": text}), "text", "1 to 4096 bytes").await;
    }
    let long = json!({"text": format!("{{code}}{}", " a".repeat(2_046))});
    refused(&app, &admin, long, "text", "1 to 4096 bytes").await;
    let long = json!({"text": "{code}", "html": format!("{{code}}{}", " é".repeat(10_921))});
    refused(&app, &admin, long, "html", "1 to 32768 bytes").await;
}
