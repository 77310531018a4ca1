//! The borders between apps: whose web pages and whose servers get tokens of an app, who changes an
//! app, and what names may look like.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{
        Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
        accounts::{NEW_PASSWORD, PASSWORD},
        apps::{ADMIN_PHONE, Server, basic, encoded},
        bodies::post_raw,
        claims,
        passkeys::PASSKEYS,
        wrong,
    },
};

/// The origin in `ALLOWED_ORIGINS`.
const OURS: &str = "https://app.example.com";
/// The origin of the app `partner`.
const PARTNERS: &str = "https://partner.example";

/// Every operation that leads to tokens, as a web page calls it.
const LEADS_TO_TOKENS: [&str; 12] = [
    "otp-send",
    "otp-resend",
    "otp-verify",
    "auth-register",
    "auth-login",
    "auth-mfa",
    "auth-passkey",
    "auth-refresh",
    "oauth2-token by password",
    "oauth2-token by refresh token",
    "password-forgot",
    "password-reset",
];

/// A request that would succeed if its page were of the app's origins.
struct Prepared {
    path: &'static str,
    content_type: &'static str,
    body: String,
}

impl Prepared {
    fn json(path: &'static str, body: &Value) -> Self {
        Self { path, content_type: "application/json", body: body.to_string() }
    }

    fn form(fields: &[(&str, &str)]) -> Self {
        Self {
            path: "/oauth2/token",
            content_type: "application/x-www-form-urlencoded",
            body: encoded(fields),
        }
    }

    /// Sends it from a page of `origin`, or from no page.
    async fn send(&self, app: &TestApp, origin: Option<&str>) -> Answer {
        let mut headers = vec![("content-type", self.content_type)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        post_raw(app, None, self.path, &headers, self.body.clone()).await
    }
}

/// Does everything that comes before `operation` of a person with this phone, in an app.
async fn prepare(app: &TestApp, operation: &str, client_id: &str, phone: &str) -> Prepared {
    let asked = json!({"phone": phone, "client_id": client_id});
    let login = json!({"phone": phone, "client_id": client_id, "password": PASSWORD});
    let challenge = async || app.post("/v1/otp/send", asked.clone()).await.challenge_id();

    match operation {
        "otp-send" => Prepared::json("/v1/otp/send", &asked),
        "otp-resend" => {
            let id = challenge().await;
            app.advance(30);
            Prepared::json("/v1/otp/resend", &json!({"challenge_id": id}))
        }
        "otp-verify" => {
            let body = json!({"challenge_id": challenge().await, "code": app.code(phone)});
            Prepared::json("/v1/otp/verify", &body)
        }
        "auth-register" => Prepared::json("/v1/auth/register", &asked),
        "auth-login" => {
            app.person(phone).await;
            Prepared::json("/v1/auth/login", &login)
        }
        "auth-mfa" => {
            let (_, authenticator) = app.protected(phone).await;
            let token = app.post("/v1/auth/login", login).await.mfa_token();
            let body =
                json!({"mfa_token": token, "method": "totp", "code": authenticator.code(app)});
            Prepared::json("/v1/auth/mfa", &body)
        }
        "auth-passkey" => {
            let me = app.sign_in(phone).await;
            let (keeper, _) = app.passkey(&me).await;
            let options = app.passkey_challenge(json!({"client_id": client_id})).await;
            let body = json!({"credential": keeper.get(&options), "client_id": client_id});
            Prepared::json("/v1/auth/passkey", &body)
        }
        "auth-refresh" => {
            app.person(phone).await;
            let person = app.login_to(client_id, phone).await;
            Prepared::json("/v1/auth/refresh", &json!({"refresh_token": person.refresh}))
        }
        "oauth2-token by password" => {
            app.person(phone).await;
            Prepared::form(&[
                ("grant_type", "password"),
                ("username", phone),
                ("password", PASSWORD),
                ("client_id", client_id),
            ])
        }
        "oauth2-token by refresh token" => {
            app.person(phone).await;
            let person = app.login_to(client_id, phone).await;
            Prepared::form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", &person.refresh),
                ("client_id", client_id),
            ])
        }
        "password-forgot" => {
            app.person(phone).await;
            app.advance(60);
            Prepared::json("/v1/password/forgot", &json!({"phone": phone}))
        }
        "password-reset" => {
            app.person(phone).await;
            app.advance(60);
            let id = app.forgot(json!({"phone": phone})).await.challenge_id();
            let body =
                json!({"challenge_id": id, "code": app.code(phone), "new_password": NEW_PASSWORD});
            Prepared::json("/v1/password/reset", &body)
        }
        _ => panic!("{operation} is not prepared"),
    }
}

/// The service with an origin in `ALLOWED_ORIGINS`, and an app that has another.
async fn with_partner() -> (TestApp, SignedIn) {
    let (app, admin) = TestApp::with_admin_and(&[("ALLOWED_ORIGINS", OURS), PASSKEYS]).await;
    let grants = ["authorization_code", "refresh_token", "password"];
    let partner = json!({
        "client_id": "partner", "name": "Partner", "allowed_origins": [PARTNERS], "grant_types": grants
    });
    app.create_app(&admin, partner).await.assert_created();
    (app, admin)
}

#[tokio::test]
async fn a_web_page_gets_tokens_only_of_its_own_apps() {
    let (app, _) = with_partner().await;
    let everybody = [OURS, PARTNERS, "https://id.example.com", "https://evil.example", "null", ""];
    let mut number = 100;

    for (client_id, own) in
        [("default", vec![OURS, "https://id.example.com"]), ("partner", vec![PARTNERS])]
    {
        for operation in LEADS_TO_TOKENS {
            if client_id == "partner" && operation.starts_with("password-") {
                // A password is reset through the default app.
                continue;
            }
            app.advance(3600);
            number += 1;
            let phone = format!("+14155550{number}");
            let prepared = prepare(&app, operation, client_id, &phone).await;
            let texts = app.texts(&phone).len();

            // More often than a code has tries: none of them is used.
            for origin in everybody.iter().filter(|origin| !own.contains(origin)).cycle().take(6) {
                let refused = prepared.send(&app, Some(origin)).await;
                if prepared.path.starts_with("/oauth2") {
                    refused.assert_oauth(403, "unauthorized_client");
                } else {
                    refused.assert_problem(403, "forbidden");
                }
                let allowed = refused.header("access-control-allow-origin");
                assert_eq!(allowed, "", "{operation} of {client_id} from {origin}");
            }
            assert_eq!(app.texts(&phone).len(), texts, "{operation} of {client_id}");

            let right = own[number % own.len()];
            let answer = prepared.send(&app, Some(right)).await;
            let told = format!("{operation} of {client_id} from {right}: {}", answer.text);
            assert!(answer.status.is_success(), "{told}");
            if let Some(token) = answer.json["access_token"].as_str() {
                assert_eq!(claims(token)["aud"], client_id, "{operation}");
            }
        }
    }
}

#[test]
fn every_operation_that_issues_tokens_is_tested_from_a_foreign_page() {
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut issuing = BTreeSet::new();
    for (_, item) in document["paths"].as_object().unwrap() {
        for (_, operation) in item.as_object().unwrap() {
            let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            if has_tokens(&document, answer) {
                issuing.insert(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }
    assert!(issuing.contains("otp-verify"), "{issuing:?}");

    for operation in issuing {
        assert!(
            LEADS_TO_TOKENS.iter().any(|tested| tested.split(' ').next() == Some(&operation)),
            "{operation} issues tokens, and no test calls it from a foreign page"
        );
    }
}

/// Whether a schema of the document has a property `access_token`, at any depth.
fn has_tokens(document: &Value, schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(name, value)| match value.as_str() {
            Some(reference) if name == "$ref" => {
                let target = document.pointer(reference.trim_start_matches('#'));
                target.is_some_and(|target| has_tokens(document, target))
            }
            _ => name == "access_token" || has_tokens(document, value),
        }),
        Value::Array(items) => items.iter().any(|item| has_tokens(document, item)),
        _ => false,
    }
}

#[tokio::test]
async fn the_default_app_s_own_list_lets_no_page_in() {
    let (app, admin) = with_partner().await;
    let evil = "https://evil.example";
    app.change_app(&admin, "default", json!({"allowed_origins": [evil]})).await.assert_ok();

    let prepared = prepare(&app, "otp-send", "default", PHONE).await;
    prepared.send(&app, Some(evil)).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn on_a_laptop_its_own_pages_may_use_any_app() {
    let origins = "http://localhost:*,http://127.0.0.1:*,https://app.example.com";
    let (app, admin) = TestApp::with_admin_and(&[("ALLOWED_ORIGINS", origins)]).await;
    app.public_app(&admin, "shop").await;

    for (origin, may) in [
        ("http://localhost:4400", true),
        ("http://127.0.0.1:3000", true),
        ("http://localhost", true),
        ("http://localhost:4400.evil.example", false),
        ("http://localhost.evil.example", false),
        ("http://localhost:99999", false),
        ("https://localhost:4400", false),
    ] {
        for client_id in ["default", "shop"] {
            app.advance(3600);
            let prepared = prepare(&app, "otp-send", client_id, PHONE).await;
            let answer = prepared.send(&app, Some(origin)).await;
            assert_eq!(answer.status, if may { 202 } else { 403 }, "{origin}: {}", answer.text);
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, if may { origin } else { "" });
        }
    }
}

/// Asserts that a request needs the credentials of `server`, and that nothing else uses it up.
async fn assert_needs_secret(app: &TestApp, server: &Server, path: &str, body: &Value) -> Answer {
    let other = app.latchkey.apps().get("other").await.unwrap().unwrap();
    assert_eq!(other.client_id, "other");
    let strangers = [
        None,
        Some(basic(&server.client_id, "wrong")),
        Some(basic("default", "")),
        Some(basic("other", "")),
        Some(basic("nobody", &server.secret)),
    ];

    // More often than a code has tries.
    for credentials in strangers.iter().cycle().take(10) {
        let mut body = body.clone();
        for guess in [body["code"].as_str().map(wrong), body["code"].as_str().map(str::to_owned)] {
            if let Some(guess) = guess {
                body["code"] = json!(guess);
            }
            let answer = match credentials {
                Some(credentials) => app.post_by(credentials, path, body.clone()).await,
                None => app.post(path, body.clone()).await,
            };
            answer.assert_problem(401, "invalid_client");
        }
    }
    app.post_by(&server.basic(), path, body.clone()).await
}

#[tokio::test]
async fn a_sign_in_that_a_confidential_app_began_needs_its_secret() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "other").await;
    let server = app.server(&admin, "server").await;
    let (_, authenticator) = app.protected(PHONE).await;
    app.advance(60);

    let asked = json!({"phone": PHONE});
    let id = app.post_by(&server.basic(), "/v1/otp/send", asked).await.challenge_id();
    app.advance(60);

    let resent = json!({"challenge_id": id});
    let answer = assert_needs_secret(&app, &server, "/v1/otp/resend", &resent).await;
    assert_eq!(answer.status, 202, "{}", answer.text);

    let verified = json!({"challenge_id": id, "code": app.code(PHONE)});
    let answer = assert_needs_secret(&app, &server, "/v1/otp/verify", &verified).await;
    let token = answer.mfa_token();

    let second = json!({"mfa_token": token, "method": "totp", "code": authenticator.code(&app)});
    let answer = assert_needs_secret(&app, &server, "/v1/auth/mfa", &second).await;
    assert_eq!(claims(&answer.signed_in().access)["aud"], "server");
}

#[tokio::test]
async fn a_server_names_its_end_user_s_address_wherever_a_sign_in_goes_on() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    let (_, authenticator) = app.protected(PHONE).await;
    let basic = server.basic();
    let call = async |path: &str, body: Value| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", basic.as_str()),
            ("latchkey-client-ip", "203.0.113.7"),
        ];
        post_raw(&app, None, path, &headers, body.to_string()).await
    };

    app.advance(60);
    let id = call("/v1/otp/send", json!({"phone": PHONE})).await.challenge_id();
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    let token = call("/v1/otp/verify", body).await.mfa_token();
    let body = json!({"mfa_token": token, "method": "totp", "code": authenticator.code(&app)});
    let person = call("/v1/auth/mfa", body).await.signed_in();

    let sessions = app.get_as(&person.access, "/v1/me/sessions").await.assert_ok().clone();
    let current = sessions["items"].as_array().unwrap().iter().find(|item| item["current"] == true);
    assert_eq!(current.unwrap()["ip"], "203.0.113.7", "{sessions}");
}

/// The service, its administrator, and a person whose role lets them change apps and nothing else.
async fn with_app_keeper() -> (TestApp, SignedIn, SignedIn) {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Keeper", &["apps:read", "apps:write"]).await;
    let person = app.person(PHONE).await;
    app.give(&admin, person.id(), &["Keeper"]).await.assert_ok();
    (app, admin, person)
}

#[tokio::test]
async fn only_administrators_change_the_default_app() {
    let (app, admin, keeper) = with_app_keeper().await;

    for change in [
        json!({"allowed_origins": ["https://evil.example"]}),
        json!({"sms_text": "{code}, please"}),
        json!({"name": "Mine"}),
        json!({}),
    ] {
        let refused = app.change_app(&keeper, "default", change.clone()).await;
        refused.assert_problem(403, "forbidden");
        assert_eq!(refused.json["detail"], "This needs the role Admin.");
        app.change_app(&keeper, "shop", change.clone()).await.assert_ok();
        app.change_app(&admin, "default", change).await.assert_ok();
    }
    app.rotate(&keeper, "default", 0).await.assert_problem(403, "forbidden");
    app.delete_app(&keeper, "default").await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn administrators_are_told_of_changed_origins_texts_and_secrets() {
    let (app, admin, keeper) = with_app_keeper().await;
    let server = app.server(&admin, "server").await;
    let told = || {
        let texts = app.texts(ADMIN_PHONE);
        texts.iter().filter(|text| text.body.starts_with("An app of Latchkey was changed")).count()
    };

    let origins = json!({"allowed_origins": ["https://shop.example"]});
    app.change_app(&keeper, "shop", origins.clone()).await.assert_ok();
    assert_eq!(told(), 1);
    app.change_app(&keeper, "shop", origins).await.assert_ok();
    app.change_app(&keeper, "shop", json!({"access_token_ttl": 300})).await.assert_ok();
    assert_eq!(told(), 1, "nothing of it has changed");

    app.change_app(&keeper, "shop", json!({"sms_text": "{code}, please"})).await.assert_ok();
    assert_eq!(told(), 2);
    app.rotate(&keeper, &server.client_id, 0).await.assert_ok();
    assert_eq!(told(), 3);

    // If nobody can be told, the change stands.
    let cut = app.cut_off("SNS");
    cut.change_app(&keeper, "shop", json!({"sms_text": null})).await.assert_ok();
    let shop = app.get_as(&admin.access, "/v1/apps/shop").await;
    assert_eq!(shop.assert_ok()["sms_text"], Value::Null);
}

#[tokio::test]
async fn a_text_of_an_app_leads_nowhere() {
    let (app, admin) = with_partner().await;
    for text in ["{code} https://evil.example", "{code} at partner.example", "{code} @partner"] {
        for client_id in ["partner", "default"] {
            let refused = app.change_app(&admin, client_id, json!({"sms_text": text})).await;
            refused.assert_field("sms_text");
        }
        let new = json!({"name": "New", "sms_text": text});
        app.create_app(&admin, new).await.assert_field("sms_text");
    }
    let text = json!({"sms_text": "{code} is your code, e.g. for 5 min. No.1!"});
    app.change_app(&admin, "partner", text).await.assert_ok();
}

#[tokio::test]
async fn a_caller_who_gives_roles_sees_roles_and_no_profile() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Giver", &["roles:assign"]).await;
    app.role(&admin, "Reader", &["roles:assign", "users:read"]).await;
    app.person(PHONE).await;
    let stranger = app.sign_in(OTHER_PHONE).await;
    let giver = app.login_to("default", PHONE).await;

    let roles_alone = json!({"id": stranger.id(), "roles": []});
    app.give(&admin, giver.id(), &["Giver"]).await.assert_ok();
    let answer = app.give(&giver, stranger.id(), &[]).await;
    assert_eq!(answer.assert_ok(), &roles_alone);
    assert!(!answer.header("etag").is_empty());

    // In another app, users:read does not count.
    app.give_in(&admin, "shop", giver.id(), &["Reader"]).await.assert_ok();
    let in_shop = app.login_to("shop", PHONE).await;
    let given = app.give_in(&in_shop, "shop", stranger.id(), &[]).await;
    assert_eq!(given.assert_ok(), &roles_alone);

    app.give(&admin, giver.id(), &["Reader"]).await.assert_ok();
    let answer = app.give(&giver, stranger.id(), &[]).await;
    assert_eq!(answer.assert_ok()["phone"], OTHER_PHONE);
}

#[tokio::test]
async fn names_that_mislead_are_refused_wherever_they_are_set() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;

    for name in ["\u{200b}", "\u{200d}", "Ann\u{202e}eeL", "Ann\u{2028}Lee", "\u{2066}Ann"] {
        app.patch_me(&me.access, json!({"name": name})).await.assert_field("name");
        let body = json!({"phone": OTHER_PHONE, "name": name});
        app.register(body.clone()).await.assert_field("name");
        app.create_user(&admin, body).await.assert_field("name");
        let path = format!("/v1/users/{}", me.id());
        app.patch_as(&admin, &path, json!({"name": name})).await.assert_field("name");
        app.create_app(&admin, json!({"name": name})).await.assert_field("name");
    }

    let named = app.patch_me(&me.access, json!({"name": "Zoe\u{308}"})).await;
    assert_eq!(named.assert_ok()["name"], "Zo\u{eb}");
}

#[tokio::test]
async fn nobody_takes_a_reserved_username_and_administrators_may_give_one() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;

    for username in ["admin", "ADMIN", "Support", "root", "latchkey", "Latch-Key"] {
        let refused = app.patch_me(&me.access, json!({"username": username})).await;
        refused.assert_field("username");
        assert_eq!(refused.json["errors"][0]["message"], "is reserved");
        let body = json!({"phone": OTHER_PHONE, "username": username});
        app.register(body).await.assert_field("username");
    }

    let path = format!("/v1/users/{}", me.id());
    app.patch_as(&admin, &path, json!({"username": "support"})).await.assert_ok();
    let kept = app.patch_me(&me.access, json!({"username": "Support", "name": "Ann"})).await;
    assert_eq!(kept.assert_ok()["username"], "Support");
}
