//! The personal data in the table and the bucket, while people have an account and after they
//! deleted it.

use std::{fs, net::IpAddr, path::Path};

use axum::http::Method;
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, SignedIn, TestApp,
    accounts::{EMAIL, Item, NEW_PASSWORD, OTHER_EMAIL, PASSWORD, mentions},
    json_request, wrong,
};

const PHONE: &str = "+14155550123";
const SOURCE: &str = "203.0.113.77";
const DEVICE: &str = "Zaphod's phone";
const USERNAME: &str = "trillian.mcmillan";
const NAME: &str = "Tricia Marie McMillan";
/// Texts that identify the person.
const PERSONAL: [&str; 8] =
    ["4155550123", EMAIL, "ann.lee", USERNAME, NAME, SOURCE, DEVICE, "es-Latn-MX"];

/// The keys of the items that mention `needle`.
fn mentioning(items: &[Item], needle: &str) -> Vec<String> {
    let hits = items.iter().filter(|item| item.values().any(|value| mentions(value, needle)));
    hits.map(|item| format!("{:?} {:?}: {needle}", item["pk"], item["sk"])).collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }

    all
}

/// A request from the person's own device.
async fn from_device(
    app: &TestApp,
    token: Option<&str>,
    path: &str,
    body: serde_json::Value,
) -> crate::testing::Answer {
    let mut request = json_request(Method::POST, path, token, &body);
    request.headers_mut().insert("user-agent", DEVICE.parse().unwrap());
    app.send_from(SOURCE.parse::<IpAddr>().unwrap(), request).await
}

/// A user who leaves traces wherever they can: open and ended sessions, open challenges of every
/// purpose, reset links, wrong passwords and codes.
async fn somebody(app: &TestApp) -> SignedIn {
    let body = json!({
        "phone": PHONE, "password": PASSWORD, "username": USERNAME, "name": NAME, "locale": "es-Latn-MX",
    });
    let id = from_device(app, None, "/v1/auth/register", body).await.challenge_id();
    let proof = json!({"challenge_id": id, "code": app.code(PHONE)});
    let first = from_device(app, None, "/v1/otp/verify", proof).await.signed_in();
    let id = from_device(app, Some(&first.access), "/v1/me/email", json!({"email": EMAIL}))
        .await
        .challenge_id();

    app.verify_as(&first.access, &id, &app.code(EMAIL)).await.assert_ok();

    app.advance(60);
    let login = json!({"username": USERNAME, "password": PASSWORD});
    let second = from_device(app, None, "/v1/auth/login", login.clone()).await.signed_in();
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    from_device(app, Some(&second.access), "/v1/password/change", change).await.assert_done();
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");

    from_device(app, None, "/v1/password/forgot", json!({"email": EMAIL})).await.challenge_id();
    let open = from_device(app, None, "/v1/otp/send", json!({"phone": PHONE})).await.challenge_id();
    app.verify(&open, &wrong(&app.code(PHONE))).await.assert_problem(400, "otp_incorrect");

    from_device(app, Some(&second.access), "/v1/me/phone", json!({"phone": "+14155550177"}))
        .await
        .challenge_id();

    second
}

#[tokio::test]
async fn a_deleted_user_leaves_no_personal_data() {
    let app = TestApp::with_mail().await;
    let other = app.sign_up(json!({"phone": OTHER_PHONE, "username": "bob", "name": "Bob"})).await;
    let me = somebody(&app).await;
    let before = app.items().await;

    for needle in PERSONAL {
        assert!(
            !mentioning(&before, needle).is_empty(),
            "the search does not find {needle}, which is stored"
        );
    }

    app.delete_me(&me.access).await.assert_done();
    let mut after = app.items().await;

    // Until an audit event expires, it keeps the IP address and the user agent. Of the user it
    // keeps only an id.
    for event in after.iter_mut().filter(|item| item["pk"].as_s().unwrap().starts_with("AUDIT#")) {
        event.remove("ip");
        event.remove("user_agent");
    }

    let found: Vec<_> = PERSONAL.iter().flat_map(|needle| mentioning(&after, needle)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(app.items_of(me.id()).await.is_empty());

    for (name, bytes) in files(app.aws.buckets()) {
        let text = format!("{name} {}", String::from_utf8_lossy(&bytes));
        assert!(!PERSONAL.iter().chain(&[me.id()]).any(|needle| text.contains(needle)), "{name}");
    }

    assert!(!mentioning(&after, OTHER_PHONE).is_empty(), "the other user's data is gone");
    app.get_as(&other.access, "/v1/me").await.assert_ok();

    // Everything that was still open fails, or leads to a new account.
    app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&me.refresh).await.assert_problem(401, "token_invalid");
    app.reset_by_link(&app.link_token(EMAIL), PASSWORD).await.assert_problem(401, "token_invalid");

    app.advance(3600);
    let again = app.sign_in(PHONE).await;
    assert_eq!(again.json["is_new_user"], true);
    assert_ne!(again.id(), me.id());
    assert_eq!(
        (&again.json["user"]["name"], &again.json["user"]["email"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn a_request_for_a_code_stores_nothing_that_identifies_a_person() {
    let app = TestApp::with_mail().await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "password": PASSWORD, "username": USERNAME, "name": NAME, "locale": "es-Latn-MX",
    });
    from_device(&app, None, "/v1/auth/register", body).await.challenge_id();

    for body in [json!({"phone": "+14155550177"}), json!({"email": OTHER_EMAIL})] {
        from_device(&app, None, "/v1/otp/send", body.clone()).await.challenge_id();
        from_device(&app, None, "/v1/password/forgot", body).await.challenge_id();
    }

    app.login(json!({"username": "trillian.mcmillan"}), PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");

    let items = app.items().await;
    assert!(items.len() >= 6, "challenges and counters are stored: {}", items.len());
    for needle in PERSONAL.iter().chain(&["4155550177", OTHER_EMAIL, PASSWORD]) {
        let found = mentioning(&items, needle);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[tokio::test]
async fn passwords_codes_and_tokens_are_nowhere_in_the_table() {
    let app = TestApp::with_mail().await;
    let me = somebody(&app).await;
    let items = app.items().await;
    let (code, link) = (app.code(PHONE), app.link_token(EMAIL));
    let jwt_signature = me.access.rsplit('.').next().unwrap();
    for needle in [PASSWORD, NEW_PASSWORD, &link, &me.refresh, jwt_signature] {
        assert!(mentioning(&items, needle).is_empty(), "{needle}");
    }

    // Six digits may occur in an id by chance. In the other attributes of a challenge they may not.
    let challenges = app.challenges().await;
    assert!(!challenges.is_empty());

    for mut challenge in challenges {
        challenge
            .retain(|name, _| !["id", "user_id", "used_by", "expires_at"].contains(&name.as_str()));
        assert!(!challenge.values().any(|value| mentions(value, &code)), "{challenge:?}");
    }
}

/// Whether a code is sent to a stranger who asks for one in a block of numbers, or a domain, whose limit
/// is reached but for one message, after somebody else asked for a password reset there.
async fn is_sent_beside(reset: &str, has_account: bool) -> u16 {
    let (kind, others) = match reset.contains('@') {
        true => ("email", ["x1@example.org", "x2@example.org", "x3@example.org"]),
        false => ("phone", ["+14155550301", "+14155550505", "+14155550707"]),
    };
    let app = TestApp::with_mail_and(&[
        ("OTP_SENDS_PER_PREFIX_PER_HOUR", "4"),
        ("EMAIL_SENDS_PER_DOMAIN_PER_HOUR", "4"),
    ])
    .await;
    if has_account {
        app.sign_up(json!({kind: reset, "password": PASSWORD})).await;
        app.advance(3 * 3600);
    }
    for other in others {
        app.post("/v1/otp/send", json!({kind: other})).await.challenge_id();
    }
    app.forgot(json!({kind: reset})).await.challenge_id();
    let last = match kind {
        "email" => "x4@example.org",
        _ => "+14155550909",
    };
    app.post("/v1/otp/send", json!({kind: last})).await.status.as_u16()
}

#[tokio::test]
async fn no_counter_of_others_tells_that_a_password_reset_was_sent() {
    for address in [PHONE, EMAIL] {
        for has_account in [true, false] {
            assert_eq!(is_sent_beside(address, has_account).await, 202, "{address} {has_account}");
        }
    }
}

#[tokio::test]
async fn a_password_reset_is_no_part_of_a_sequence_of_numbers() {
    for has_account in [true, false] {
        let app = TestApp::with(&[("FRAUD_MODE", "deny")]).await;
        if has_account {
            app.sign_up(json!({"phone": "+14155550125", "password": PASSWORD})).await;
            app.advance(3 * 3600);
        }
        for (number, source) in [(122, 1), (123, 2), (124, 3), (126, 4)] {
            let body = json!({"phone": format!("+14155550{number}")});
            let request = json_request(Method::POST, "/v1/otp/send", None, &body);
            let source: IpAddr = format!("198.51.100.{source}").parse().unwrap();
            app.send_from(source, request).await.challenge_id();
        }
        app.forgot(json!({"phone": "+14155550125"})).await.challenge_id();
        assert_eq!(app.send_code("+14155550127").await.status, 202, "{has_account}");
    }
}
