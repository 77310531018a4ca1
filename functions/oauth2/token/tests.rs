use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use shared::apps::App;

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    apps::{Server, basic, encoded},
    bodies::post_raw,
    claims,
    hosted::{Browser, hosted_app, hosted_app_with},
};

const PATH: &str = "/oauth2/token";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The fields of a password grant.
fn password<'a>(username: &'a str, password: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![("grant_type", "password"), ("username", username), ("password", password)]
}

/// The service, its server app, and a user with a password.
async fn app_with_server() -> (TestApp, Server) {
    let (app, admin) = TestApp::with_admin_and(&[
        ("EMAIL_FROM", "latchkey@example.com"),
        ("LOGIN_MAX_FAILURES", "3"),
    ])
    .await;
    let server = app.server(&admin, "server").await;
    app.public_app(&admin, "shop").await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "Ann"})).await;
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();

    (app, server)
}

#[tokio::test]
async fn a_plus_that_was_sent_as_a_space_is_told_how_to_be_sent() {
    let (app, _) = app_with_server().await;
    let unescaped = password(" 14155550123", PASSWORD);
    let refused = app.form(None, PATH, &unescaped).await;
    refused.assert_oauth(400, "invalid_request");
    assert!(refused.text.contains("%2B"), "{}", refused.text);

    let unknown = password(" nobody", PASSWORD);
    app.form(None, PATH, &unknown).await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_password_gets_tokens_by_phone_e_mail_address_or_username() {
    let (app, _) = app_with_server().await;
    for username in [PHONE, EMAIL, "ann", "ANN"] {
        let answer = app.form(None, PATH, &password(username, PASSWORD)).await;
        let tokens = answer.assert_ok();
        assert_eq!(
            tokens,
            &json!({
                "access_token": tokens["access_token"],
                "token_type": "Bearer",
                "expires_in": 900,
                "refresh_token": tokens["refresh_token"],
                "refresh_expires_in": 14 * 24 * 3600,
                "scope": "",
                "device_token": tokens["device_token"],
                "device_expires_in": 180 * 24 * 3600,
            })
        );
        assert_eq!(
            (answer.header("cache-control"), answer.header("pragma")),
            ("no-store", "no-cache")
        );
        assert_eq!(answer.header("content-type"), "application/json");
        app.get_as(tokens["access_token"].as_str().unwrap(), "/v1/me").await.assert_ok();
    }
}

#[tokio::test]
async fn a_token_is_for_the_app_that_asked_however_it_authenticates() {
    let (app, server) = app_with_server().await;
    let basic = server.basic();
    let post = [("client_id", "server"), ("client_secret", server.secret.as_str())];

    for (authorization, more, client_id) in [
        (None, vec![], "default"),
        (None, vec![("client_id", "default")], "default"),
        (None, vec![("client_id", "")], "default"),
        (None, vec![("client_id", ""), ("client_secret", "")], "default"),
        (Some("Basic Og=="), vec![], "default"),
        (None, vec![("client_id", "shop")], "shop"),
        (None, vec![("client_id", "shop"), ("client_secret", "")], "shop"),
        (Some("Basic Og=="), vec![("client_id", "shop")], "shop"),
        (Some("Basic c2hvcDo="), vec![], "shop"),
        (Some(basic.as_str()), vec![], "server"),
        (Some(basic.as_str()), vec![("client_id", "server")], "server"),
        (None, post.to_vec(), "server"),
    ] {
        let fields = [password(PHONE, PASSWORD), more.clone()].concat();
        let answer = app.form(authorization, PATH, &fields).await;
        let token = claims(answer.assert_ok()["access_token"].as_str().unwrap());
        assert_eq!(
            (&token["client_id"], &token["aud"]),
            (&json!(client_id), &json!(client_id)),
            "{more:?}"
        );
    }
}

#[tokio::test]
async fn an_app_that_does_not_authenticate_is_refused() {
    let (app, server) = app_with_server().await;
    let secret = server.secret.as_str();
    let wrong = format!("{secret}x");

    for (authorization, more) in [
        (None, vec![("client_id", "server")]),
        (None, vec![("client_id", "server"), ("client_secret", "")]),
        (None, vec![("client_id", "server"), ("client_secret", "wrong")]),
        (None, vec![("client_id", "server"), ("client_secret", wrong.as_str())]),
        (None, vec![("client_id", "shop"), ("client_secret", secret)]),
        (None, vec![("client_id", "nobody")]),
        (None, vec![("client_id", "nobody"), ("client_secret", secret)]),
        (Some(basic("server", "wrong")), vec![]),
        (Some(basic("server", "")), vec![]),
        (Some(basic("nobody", secret)), vec![]),
        (Some(basic("shop", secret)), vec![]),
        (Some(basic("default", secret)), vec![]),
        (Some(basic(&"a".repeat(3000), secret)), vec![]),
        (Some(basic("ser%76er%", "%ff")), vec![]),
        (Some("Basic".to_owned() + " "), vec![]),
        (Some("Basic !!".to_owned()), vec![]),
        (Some("Basic c2VydmVy".to_owned()), vec![]),
        (Some(format!("{},{}", server.basic(), server.basic())), vec![]),
    ] {
        let authorization = authorization.as_deref();
        for grant in [
            password(PHONE, PASSWORD),
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
        ] {
            let answer = app.form(authorization, PATH, &[grant, more.clone()].concat()).await;
            answer.assert_oauth(401, "invalid_client");
            assert!(!answer.text.contains("lks_"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn an_app_authenticates_in_one_way_and_as_itself() {
    let (app, server) = app_with_server().await;
    let secret = server.secret.as_str();
    for more in [
        vec![("client_id", "server"), ("client_secret", secret)],
        vec![("client_secret", secret)],
        vec![("client_id", "shop")],
        vec![("client_id", "default")],
    ] {
        let fields = [password(PHONE, PASSWORD), more].concat();
        app.form(Some(&server.basic()), PATH, &fields).await.assert_oauth(400, "invalid_request");
    }

    let fields = [password(PHONE, PASSWORD), vec![("client_secret", secret)]].concat();
    app.form(None, PATH, &fields).await.assert_oauth(400, "invalid_request");
}

#[tokio::test]
async fn credentials_are_form_encoded_within_basic() {
    let (app, server) = app_with_server().await;
    let encoded = basic("%73erver", &server.secret.replace('_', "%5F"));
    app.form(Some(&encoded), PATH, &password(PHONE, PASSWORD)).await.assert_ok();
    let lower = server.basic().replacen("Basic", "bAsIc", 1);
    app.form(Some(&lower), PATH, &password(PHONE, PASSWORD)).await.assert_ok();
}

#[tokio::test]
async fn a_refresh_token_works_only_for_its_app() {
    let (app, server) = app_with_server().await;
    let (default_app, shop, own) = (
        app.login_to("default", PHONE).await,
        app.login_to("shop", PHONE).await,
        app.login_by(&server, PHONE).await,
    );
    let grant = async |authorization: Option<&str>, client_id: &str, token: &str| {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client_id)];
        app.form(authorization, PATH, &fields).await
    };
    let basic = server.basic();

    for (authorization, client_id, others) in [
        (None, "", [&shop, &own]),
        (None, "shop", [&default_app, &own]),
        (Some(basic.as_str()), "", [&default_app, &shop]),
    ] {
        for other in others {
            grant(authorization, client_id, &other.refresh)
                .await
                .assert_oauth(400, "invalid_grant");
        }
    }

    for (authorization, client_id, person, name) in [
        (None, "", &default_app, "default"),
        (None, "shop", &shop, "shop"),
        (Some(basic.as_str()), "", &own, "server"),
    ] {
        let answer = grant(authorization, client_id, &person.refresh).await;
        let pair = answer.assert_ok();
        assert_eq!(claims(pair["access_token"].as_str().unwrap())["aud"], name);
        assert_ne!(pair["refresh_token"], person.refresh);
        let used = pair["refresh_token"].as_str().unwrap();
        let next = grant(authorization, client_id, used).await;
        let replay = grant(authorization, client_id, &person.refresh).await;
        replay.assert_oauth(400, "invalid_grant");
        let live = next.assert_ok()["refresh_token"].as_str().unwrap();
        let ended = grant(authorization, client_id, live).await;
        ended.assert_oauth(400, "invalid_grant");
    }
}

#[tokio::test]
async fn an_invalid_refresh_token_is_refused() {
    let (app, _) = app_with_server().await;
    let person = app.login_to("default", PHONE).await;
    for token in
        ["junk", "lkr_", &person.access, &format!("{}A", person.refresh), &person.refresh[4..]]
    {
        app.grant_refresh("default", token).await.assert_oauth(400, "invalid_grant");
    }

    app.advance(30 * 24 * 3600);
    app.grant_refresh("default", &person.refresh).await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_identical_responses() {
    let (app, _) = app_with_server().await;
    let first = app.form(None, PATH, &password(PHONE, NEW_PASSWORD)).await;
    first.assert_oauth(400, "invalid_grant");
    app.form(None, PATH, &password(PHONE, PASSWORD)).await.assert_ok();

    let long = "x".repeat(257);
    for (username, secret) in [
        (PHONE, "x"),
        (OTHER_PHONE, PASSWORD),
        ("nobody", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("123", PASSWORD),
        ("+1", PASSWORD),
        ("a b", PASSWORD),
        ("@", PASSWORD),
        ("\u{0}", PASSWORD),
        (PHONE, long.as_str()),
    ] {
        let answer = app.form(None, PATH, &password(username, secret)).await;
        assert_eq!((answer.status, &answer.text), (first.status, &first.text), "{username:?}");
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_lock_the_identifier() {
    let (app, _) = app_with_server().await;
    let mut answers = Vec::new();
    for username in [PHONE, "nobody", OTHER_PHONE] {
        for _ in 0..3 {
            app.form(None, PATH, &password(username, "wrong"))
                .await
                .assert_oauth(400, "invalid_grant");
        }
        let refused = app.form(None, PATH, &password(username, PASSWORD)).await;
        refused.assert_oauth(429, "invalid_grant");
        assert_eq!(refused.header("retry-after"), "900");
        answers.push(refused.text);
    }

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    // The failures count together with those of the endpoint of /v1, and for all apps.
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(429, "too_many_attempts");
    let fields = [password(PHONE, PASSWORD), vec![("client_id", "shop")]].concat();
    app.form(None, PATH, &fields).await.assert_oauth(429, "invalid_grant");

    app.advance(15 * 60);
    app.form(None, PATH, &password(PHONE, PASSWORD)).await.assert_ok();
}

#[tokio::test]
async fn a_disabled_user_gets_nothing() {
    let (app, _) = app_with_server().await;
    let person = app.login_to("default", PHONE).await;
    app.disable(person.id()).await;
    app.form(None, PATH, &password(PHONE, PASSWORD)).await.assert_oauth(400, "invalid_grant");
    app.grant_refresh("default", &person.refresh).await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_request_with_a_missing_or_duplicate_field_is_refused() {
    let (app, _) = app_with_server().await;
    let whole = password(PHONE, PASSWORD);
    for index in 0..whole.len() {
        let mut fields = whole.clone();
        let (name, value) = fields.remove(index);
        app.form(None, PATH, &fields).await.assert_oauth(400, "invalid_request");
        fields.push((name, ""));
        app.form(None, PATH, &fields).await.assert_oauth(400, "invalid_request");
        fields.extend([(name, value), (name, value)]);
        app.form(None, PATH, &fields).await.assert_oauth(400, "invalid_request");
    }

    let twice = [whole.clone(), vec![("client_id", "shop"), ("client_id", "shop")]].concat();
    let answer = app.form(None, PATH, &twice).await;
    answer.assert_oauth(400, "invalid_request");
    assert_eq!(answer.json["error_description"], "client_id: duplicate field.");
    app.form(None, PATH, &[("grant_type", "refresh_token")])
        .await
        .assert_oauth(400, "invalid_request");
    app.form(None, PATH, &[]).await.assert_oauth(400, "invalid_request");

    let more = [whole, vec![("scope", "users:read"), ("é", "1"), ("refresh_token", "")]].concat();
    app.form(None, PATH, &more).await.assert_ok();
}

#[tokio::test]
async fn other_grants_are_refused() {
    let (app, _) = app_with_server().await;
    for grant in ["Password", "password ", "\"\\\u{e9}\n", "implicit"] {
        let answer = app.form(None, PATH, &[("grant_type", grant)]).await;
        answer.assert_oauth(400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn only_a_form_is_read() {
    let (app, _) = app_with_server().await;
    let body = encoded(&password(PHONE, PASSWORD));
    let json =
        json!({"grant_type": "password", "username": PHONE, "password": PASSWORD}).to_string();

    for (headers, body) in [
        (vec![("content-type", "application/json")], json.clone()),
        (vec![("content-type", "application/json")], body.clone()),
        (vec![("content-type", "text/plain")], body.clone()),
        (vec![("content-type", "multipart/form-data; boundary=x")], body.clone()),
        (vec![("content-type", "application/x-www-form-urlencoded; charset=latin1")], body.clone()),
        (vec![FORM, ("content-encoding", "gzip")], body.clone()),
        (vec![], body.clone()),
    ] {
        post_raw(&app, None, PATH, &headers, body).await.assert_oauth(415, "invalid_request");
    }

    post_raw(&app, None, PATH, &[FORM], json).await.assert_oauth(400, "invalid_request");
    let large = format!("{body}&x={}", "x".repeat(16 * 1024));
    post_raw(&app, None, PATH, &[FORM], large).await.assert_oauth(413, "invalid_request");

    // Nothing is read from the query.
    let answer = app.form(None, &format!("{PATH}?{body}"), &[]).await;
    answer.assert_oauth(400, "invalid_request");

    let charset = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    post_raw(&app, None, PATH, &charset, body).await.assert_ok();
    app.get(PATH).await.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn an_access_token_has_the_form_of_rfc_9068() {
    let (app, server) = app_with_server().await;
    let answer = app.form(Some(&server.basic()), PATH, &password(PHONE, PASSWORD)).await;
    let token = answer.assert_ok()["access_token"].as_str().unwrap();
    let header = token.split('.').next().unwrap();
    let header: Value =
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(header.as_bytes()).unwrap())
            .unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));

    let token = claims(token);
    for name in
        ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "auth_time", "scope", "roles"]
    {
        assert!(token.get(name).is_some(), "{name}: {token}");
    }

    assert_eq!((&token["aud"], &token["amr"]), (&json!("server"), &json!(["pwd"])));
    for private in [PHONE, EMAIL, "Ann"] {
        assert!(!token.to_string().contains(private), "{token}");
    }
}

#[tokio::test]
async fn without_aws_the_client_is_asked_to_come_back() {
    let (app, server) = app_with_server().await;
    let person = app.login_to("default", PHONE).await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        let cut = app.cut_off(service);
        for answer in [
            cut.form(None, PATH, &password(PHONE, PASSWORD)).await,
            cut.form(Some(&server.basic()), PATH, &password(PHONE, PASSWORD)).await,
            cut.grant_refresh("default", &person.refresh).await,
        ] {
            answer.assert_oauth(503, "temporarily_unavailable");
            assert_eq!(answer.header("retry-after"), "5");
        }
    }

    app.grant_refresh("default", &person.refresh).await.assert_ok();
}

#[tokio::test]
async fn a_machine_gets_a_token_that_opens_no_endpoint_of_a_user() {
    let (app, admin) = TestApp::with_admin().await;
    let body =
        json!({"grant_types": ["client_credentials"], "scopes": ["stock:read", "stock:write"]});
    let server = app.server_with(&admin, "robot", body).await;
    let basic = server.basic();
    let grant = async |more: &[(&str, &str)]| {
        let fields = [&[("grant_type", "client_credentials")], more].concat();
        app.form(Some(&basic), PATH, &fields).await
    };

    let answer = grant(&[("scope", "stock:read")]).await;
    let tokens = answer.assert_ok();
    assert_eq!(
        tokens,
        &json!({
            "access_token": tokens["access_token"], "token_type": "Bearer", "expires_in": 900,
            "scope": "stock:read",
        })
    );
    let access = tokens["access_token"].as_str().unwrap();
    let now = app.latchkey.clock().now().as_second();
    let token = claims(access);
    assert_eq!(
        token,
        json!({
            "iss": "https://id.example.com", "sub": "robot", "aud": "robot", "client_id": "robot",
            "iat": now, "exp": now + 900, "jti": token["jti"], "scope": "stock:read",
        })
    );
    app.get_as(access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.get_as(access, "/oauth2/userinfo").await.assert_problem(401, "token_invalid");
    assert_eq!(grant(&[]).await.assert_ok()["scope"], "stock:read stock:write");
    grant(&[("scope", "users:read")]).await.assert_oauth(400, "invalid_scope");

    // The app itself learns what the token is, and loses it with the scope.
    let known = app.introspect(&server, access).await;
    assert_eq!(
        known.assert_ok(),
        &json!({
            "active": true, "token_type": "Bearer", "client_id": "robot", "aud": "robot",
            "iss": "https://id.example.com", "sub": "robot", "roles": [], "scope": "stock:read",
            "exp": now + 900, "iat": now, "jti": token["jti"],
        })
    );
    app.change_app(&admin, "robot", json!({"scopes": ["stock:write"]})).await.assert_ok();
    app.introspect(&server, access).await.assert_inactive();
}

#[tokio::test]
async fn an_app_uses_only_the_grants_that_it_has() {
    let (app, _) = app_with_server().await;
    let admin = app.sign_in(crate::testing::apps::ADMIN_PHONE).await;
    let own = app.server_with(&admin, "own", json!({"grant_types": ["password"]})).await;
    let new = app.server_with(&admin, "new", json!({})).await;
    for grant in [password(PHONE, PASSWORD), vec![("grant_type", "client_credentials")]] {
        let answer = app.form(Some(&new.basic()), PATH, &grant).await;
        answer.assert_oauth(400, "unauthorized_client");
    }

    // Without the grant there is no refresh token, and none is taken.
    let tokens = app.form(Some(&own.basic()), PATH, &password(PHONE, PASSWORD)).await;
    assert!(tokens.assert_ok().get("refresh_token").is_none(), "{}", tokens.text);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    app.form(Some(&own.basic()), PATH, &refresh).await.assert_oauth(400, "unauthorized_client");

    let public = json!({"name": "Shop", "grant_types": ["client_credentials"]});
    app.create_app(&admin, public).await.assert_problem(400, "invalid_request");
}

#[tokio::test]
async fn nobody_gives_a_machine_what_they_lack() {
    let (app, admin) = TestApp::with_admin().await;
    app.role(&admin, "Apps", &["apps:write"]).await;
    let machine = json!({"grant_types": ["client_credentials"], "scopes": ["stock:read"]});
    app.server_with(&admin, "robot", machine.clone()).await;
    let helper = app.holder(&admin, PHONE, "Apps").await;

    let body = json!({"name": "Robot", "type": "confidential", "scopes": ["stock:read"]});
    app.create_app(&helper, body).await.assert_problem(403, "forbidden");
    let change = json!({"scopes": ["users:read"]});
    app.change_app(&helper, "robot", change).await.assert_problem(403, "forbidden");
    app.rotate(&helper, "robot", 0).await.assert_problem(403, "forbidden");
    app.change_app(&helper, "robot", json!({"scopes": null})).await.assert_ok();
}

#[tokio::test]
async fn a_code_comes_with_the_token_of_the_device_for_no_further_read_or_write() {
    let mut units = Vec::new();
    for days in ["0", "180"] {
        let app = TestApp::with(&[("DEVICE_TOKEN_TTL_DAYS", days)]).await;
        let client = hosted_app(&app).await;
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&client.url(&[]), PHONE).await;
        let code = page.authorization_code(&client);
        let (tokens, used) = app.units(client.exchange(&app, &code)).await;
        units.push(used);
        let device = tokens.assert_ok()["device_token"].as_str().map(str::to_owned);
        assert_eq!(device.is_some(), days == "180");
        let Some(device) = device else { continue };
        assert_eq!(tokens.json["device_expires_in"], 180 * 24 * 3600);

        // Strangers use up the phone, and the device still gets a code.
        for _ in 0..10 {
            app.advance(400);
            app.send_code(PHONE).await;
        }
        app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");
        let known = json!({"phone": PHONE, "device_token": device});
        assert_eq!(app.post("/v1/otp/send", known).await.status, 202);

        // The device keeps its id, and a refresh begins nothing.
        let again = browser.get(&client.url(&[])).await.authorization_code(&client);
        let fields = client.fields(&again);
        let sent = [fields.as_slice(), &[("device_token", device.as_str())]].concat();
        let same = app.form(None, PATH, &sent).await;
        let same = same.assert_ok()["device_token"].as_str().unwrap();
        assert_eq!(id_of_device(same), id_of_device(&device));
        let refreshed = app.grant_refresh("shop", tokens.json["refresh_token"].as_str().unwrap());
        assert!(refreshed.await.assert_ok().get("device_token").is_none());
    }
    assert_eq!(units[0], units[1]);
}

/// The ids of the user and the device in a device token.
fn id_of_device(token: &str) -> Vec<u8> {
    let bytes = BASE64URL_NOPAD.decode(token.strip_prefix("lkd_").unwrap().as_bytes()).unwrap();
    bytes[..32].to_vec()
}

/// A service with the role Buyer, which has two permissions, and an administrator.
async fn app_with_buyers() -> (TestApp, SignedIn) {
    let (app, admin) = TestApp::with_admin().await;
    let buyer = json!({"name": "Buyer", "permissions": ["orders:read", "orders:write"]});
    app.post_as(&admin.access, "/v1/roles", buyer).await.assert_created();
    (app, admin)
}

#[tokio::test]
async fn a_first_party_app_gets_the_permissions_that_it_asks_for_or_all() {
    let (app, _) = app_with_buyers().await;
    let both = "orders:read orders:write";
    let cases = [
        ("openid", format!("openid {both}")),
        ("openid orders:read", "openid orders:read".to_owned()),
        ("orders:write unknown", "orders:write".to_owned()),
        ("openid unknown", "openid".to_owned()),
        ("", both.to_owned()),
    ];
    for (place, (asked, granted)) in cases.into_iter().enumerate() {
        let buyers = |app: &mut App| app.default_role = Some("Buyer".to_owned());
        let client = hosted_app_with(&app, &format!("shop-{place}"), buyers).await;
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&client.url(&[("scope", asked)]), PHONE).await;
        let tokens = client.exchange(&app, &page.authorization_code(&client)).await;
        assert_eq!(tokens.assert_ok()["scope"], granted, "{asked}");
        let access = tokens.json["access_token"].as_str().unwrap();
        assert_eq!(claims(access)["scope"], granted, "{asked}");

        let refresh = tokens.json["refresh_token"].as_str().unwrap();
        let refreshed = app.grant_refresh(&client.client_id, refresh).await;
        assert_eq!(refreshed.assert_ok()["scope"], granted, "{asked}: refreshed");
        app.advance(60);
    }

    let long = hosted_app(&app).await;
    let url = long.url(&[("scope", &format!("openid {}", "p".repeat(513)))]);
    let refused = Browser::new(&app).get(&url).await;
    assert_eq!(refused.authorization_error(&long), "invalid_scope");
}

#[tokio::test]
async fn a_password_asks_for_permissions_too_and_introspection_knows_them() {
    let (app, admin) = app_with_buyers().await;
    let body = json!({"grant_types": ["password", "refresh_token"], "default_role": "Buyer"});
    let server = app.server_with(&admin, "server", body).await;
    app.person(PHONE).await;
    let both = "orders:read orders:write";
    for (asked, granted) in [("orders:read", "orders:read"), ("none", ""), ("", both)] {
        let fields = [password(PHONE, PASSWORD).as_slice(), &[("scope", asked)]].concat();
        let tokens = app.form(Some(&server.basic()), PATH, &fields).await;
        assert_eq!(tokens.assert_ok()["scope"], granted, "{asked}");
        let access = tokens.json["access_token"].as_str().unwrap();
        let seen = app.introspect(&server, access).await;
        assert_eq!(seen.assert_ok()["scope"], granted, "{asked}: introspected");

        let refresh = tokens.json["refresh_token"].as_str().unwrap();
        let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let again = app.form(Some(&server.basic()), PATH, &again).await;
        assert_eq!(again.assert_ok()["scope"], both, "{asked}: refreshed");
        let refresh = again.json["refresh_token"].as_str().unwrap();
        let seen = app.introspect(&server, refresh).await;
        assert_eq!(seen.assert_ok()["scope"], both, "{asked}: the refresh token");

        // A refresh that asks for less is known, too.
        let fewer = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let fewer = [fewer.as_slice(), &[("scope", "orders:write")]].concat();
        let fewer = app.form(Some(&server.basic()), PATH, &fewer).await;
        let access = fewer.assert_ok()["access_token"].as_str().unwrap();
        let seen = app.introspect(&server, access).await;
        assert_eq!(seen.assert_ok()["scope"], "orders:write");
    }
}

#[tokio::test]
async fn only_an_app_that_tried_basic_is_challenged() {
    let (app, server) = app_with_server().await;
    let wrong = basic("server", "lks_wrong");
    let refused = app.form(Some(&wrong), PATH, &password(PHONE, PASSWORD)).await;
    refused.assert_oauth(401, "invalid_client");
    let challenge = r#"Basic realm="latchkey", charset="UTF-8""#;
    assert_eq!(refused.header("www-authenticate"), challenge);

    let in_form = [("client_id", server.client_id.as_str()), ("client_secret", "lks_wrong")];
    let fields = [password(PHONE, PASSWORD).as_slice(), &in_form].concat();
    for path in [PATH, "/oauth2/introspect", "/oauth2/revoke", "/oauth2/par"] {
        let fields = [fields.as_slice(), &[("token", "x")]].concat();
        let refused = app.form(None, path, &fields).await;
        refused.assert_oauth(401, "invalid_client");
        assert!(!refused.headers.contains_key("www-authenticate"), "{path}");
    }
}
