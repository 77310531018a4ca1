mod guessing;
mod idle_phone;
mod locks;
mod meanwhile;

use std::net::IpAddr;

use axum::http::{Method, Request};
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, accounts::PASSWORD, apps::ADMIN_PHONE, bodies, claims,
    json_request, steps::step, wrong,
};

#[tokio::test]
async fn a_code_signs_in() {
    let app = TestApp::start().await;
    let signed_in = app.sign_in(PHONE).await.json;
    assert_eq!(
        signed_in,
        json!({
            "status": "signed_in",
            "device_token": signed_in["device_token"],
            "device_expires_in": 180 * 24 * 3600,
            "access_token": signed_in["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": signed_in["refresh_token"],
            "refresh_expires_in": 14 * 24 * 3600,
            "scope": "",
            "is_new_user": true,
            "user": {
                "id": signed_in["user"]["id"],
                "phone": PHONE,
                "phone_verified": true,
                "email": null,
                "email_verified": false,
                "username": null,
                "name": null,
                "locale": null,
                "avatar_url": null,
                "avatar_thumbnail_url": null,
                "has_password": false,
                "mfa": [],
                "roles": ["User"],
                "status": "active",
                "created_at": "2027-01-15T08:00:00.000Z",
                "updated_at": "2027-01-15T08:00:00.000Z",
                "last_sign_in_at": "2027-01-15T08:00:00.000Z",
            "external_id": null, "metadata": {}, "app_metadata": {},
            },
        })
    );
    assert!(signed_in["refresh_token"].as_str().unwrap().starts_with("lkr_"));

    app.advance(60);
    let again = app.sign_in(PHONE).await.json;
    assert_eq!(again["is_new_user"], false);
    assert_eq!(again["user"]["id"], signed_in["user"]["id"]);
    assert_eq!(again["user"]["last_sign_in_at"], "2027-01-15T08:01:00.000Z");
    assert_eq!(again["user"]["created_at"], "2027-01-15T08:00:00.000Z");
}

#[tokio::test]
async fn the_user_looks_the_same_as_in_the_profile() {
    let app = TestApp::start().await;
    app.advance_millis(123);
    for _ in 0..2 {
        let person = app.sign_in(PHONE).await;
        assert_eq!(&person.json["user"], app.get_as(&person.access, "/v1/me").await.assert_ok());
        app.advance_millis(60_456);
    }
}

#[tokio::test]
async fn an_access_token_says_who_how_and_until_when() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let said = claims(&person.access);
    let session =
        app.get_as(&person.access, "/v1/me/sessions").await.assert_ok()["items"][0]["id"].clone();

    assert_eq!(
        said,
        json!({
            "iss": "https://id.example.com",
            "sub": person.json["user"]["id"],
            "aud": "default",
            "client_id": "default",
            "iat": 1_800_000_000,
            "exp": 1_800_000_900,
            "jti": said["jti"],
            "sid": session,
            "roles": ["User"],
            "scope": "",
            "acr": "aal1", "amr": ["sms"],
            "auth_time": 1_800_000_000,
        })
    );

    let header = data_encoding::BASE64URL_NOPAD
        .decode(person.access.split('.').next().unwrap().as_bytes())
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, crate::testing::tokens::header());

    let again = app.refresh(&person.refresh).await;
    let again = claims(again.assert_ok()["access_token"].as_str().unwrap());
    assert_ne!(said["jti"], again["jti"], "each token has its own id");
}

#[tokio::test]
async fn an_expired_token_matters_only_if_a_token_is_needed() {
    let app = TestApp::with(&[("ACCESS_TOKEN_TTL_SECONDS", "60")]).await;
    let me = app.sign_in(PHONE).await;
    let change =
        app.post_as(&me.access, "/v1/me/phone", json!({"phone": OTHER_PHONE})).await.challenge_id();
    app.advance(60);
    app.verify_as(&me.access, &change, "000000").await.assert_problem(401, "token_expired");

    for token in [me.access.as_str(), "junk"] {
        let id = app.challenge(PHONE).await;
        assert_eq!(app.verify_as(token, &id, &app.code(PHONE)).await.signed_in().id(), me.id());
        app.advance(60);
    }
}

#[tokio::test]
async fn the_user_with_the_admin_phone_becomes_an_administrator() {
    let app = TestApp::with(&[("ADMIN_PHONE", PHONE)]).await;
    let admin = app.sign_in(PHONE).await;
    assert_eq!(admin.json["user"]["roles"], json!(["Admin", "User"]));
    assert_eq!(claims(&admin.access)["roles"], json!(["Admin", "User"]));
    assert_eq!(
        claims(&admin.access)["scope"],
        "apps:read apps:write audit:read roles:assign roles:read roles:write users:import users:read users:write"
    );
    assert_eq!(app.sign_in(OTHER_PHONE).await.json["user"]["roles"], json!(["User"]));
}

#[tokio::test]
async fn the_admin_phone_makes_an_administrator_however_it_is_proven() {
    let (app, admin) = TestApp::with_admin_and(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000")]).await;
    let roles = async |who: &str| app.user(&admin, who).await.assert_ok()["roles"].clone();

    // The administrator changes to another phone, and a user is created with the first one.
    app.change_phone(&admin, OTHER_PHONE).await;
    let made = app.create_user(&admin, json!({"phone": ADMIN_PHONE, "password": PASSWORD})).await;
    let id = made.assert_created()["id"].as_str().unwrap().to_owned();
    app.login(json!({"phone": ADMIN_PHONE}), PASSWORD).await.assert_ok();
    assert_eq!(roles(&id).await, json!(["User"]), "a password does not prove a phone");

    app.advance(300);
    assert_eq!(app.sign_in(ADMIN_PHONE).await.id(), id);
    assert_eq!(roles(&id).await, json!(["Admin", "User"]));

    app.delete_as(&admin, &format!("/v1/users/{id}")).await.assert_done();
    let me = app.sign_in(PHONE).await;
    assert_eq!(roles(me.id()).await, json!(["User"]));

    app.advance(300);
    app.change_phone(&me, ADMIN_PHONE).await;
    assert_eq!(roles(me.id()).await, json!(["Admin", "User"]));
}

#[tokio::test]
async fn the_settings_determine_the_session() {
    let settings = [
        ("DEFAULT_ROLE", "Guest"),
        ("ACCESS_TOKEN_TTL_SECONDS", "600"),
        ("REFRESH_TOKEN_TTL_SECONDS", "3600"),
        ("ISSUER", "https://auth.shop.example"),
    ];
    let app = TestApp::with(&settings).await;
    let person = app.sign_in(PHONE).await;
    assert_eq!(person.json["user"]["roles"], json!(["Guest"]));
    assert_eq!(
        (&person.json["expires_in"], &person.json["refresh_expires_in"]),
        (&json!(600), &json!(3600))
    );

    let said = claims(&person.access);
    assert_eq!(
        (&said["iss"], &said["exp"]),
        (&json!("https://auth.shop.example"), &json!(1_800_000_600))
    );
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    app.verify(&id, &code).await.assert_ok();
    app.verify(&id, &code).await.assert_problem(410, "otp_expired");
    app.verify(&id, &wrong(&code)).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_code_works_for_five_minutes() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.advance(299);
    app.verify(&id, &app.code(PHONE)).await.assert_ok();
    let id = app.challenge(OTHER_PHONE).await;
    app.advance(300);
    app.verify(&id, &app.code(OTHER_PHONE)).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_code_works_only_for_its_challenge() {
    let app = TestApp::with(&[("OTP_LENGTH", "10")]).await;
    let (mine, theirs) = (app.challenge(PHONE).await, app.challenge(OTHER_PHONE).await);
    app.verify(&theirs, &app.code(PHONE)).await.assert_problem(400, "otp_incorrect");
    app.verify(&mine, &app.code(PHONE)).await.assert_ok();
    let unknown = "01890000-0000-7000-8000-000000000000";
    app.verify(unknown, "123456").await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_disabled_user_is_not_signed_in() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.disable(person.json["user"]["id"].as_str().unwrap()).await;
    app.advance(30);
    let id = app.challenge(PHONE).await;
    app.verify(&id, &app.code(PHONE)).await.assert_problem(403, "user_disabled");
    app.verify(&id, &app.code(PHONE)).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn the_device_is_stored_as_the_gateway_saw_it() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    let mut request = json_request(Method::POST, "/v1/otp/verify", None, &body);
    request.headers_mut().insert("user-agent", "A".repeat(300).parse().unwrap());
    request.headers_mut().insert("x-forwarded-for", "203.0.113.1".parse().unwrap());
    let signed_in = app.send_from("2001:db8::7".parse().unwrap(), request).await;
    let access = signed_in.assert_ok()["access_token"].as_str().unwrap();
    let session = app.get_as(access, "/v1/me/sessions").await.assert_ok()["items"][0].clone();

    assert_eq!(
        (&session["ip"], &session["user_agent"]),
        (&json!("2001:db8::7"), &json!("A".repeat(256)))
    );
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    bodies::assert_strict(&app, None, "/v1/otp/verify", &json!({"challenge_id": id, "code": code}))
        .await;

    for (body, field) in [
        (json!({"code": code}), "challenge_id"),
        (json!({"challenge_id": id}), "code"),
        (json!({"challenge_id": "1", "code": code}), "challenge_id"),
        (json!({"challenge_id": id, "code": 123_456}), "code"),
        (json!({"challenge_id": id, "code": null}), "code"),
        (json!({"challenge_id": id, "code": ""}), "code"),
        (json!({"challenge_id": id, "code": "12345"}), "code"),
        (json!({"challenge_id": id, "code": "12345678901"}), "code"),
        (json!({"challenge_id": id, "code": "12345a"}), "code"),
        (json!({"challenge_id": id, "code": format!("G{code}")}), "code"),
    ] {
        app.post("/v1/otp/verify", body).await.assert_field(field);
    }

    let status = app.get(&format!("/v1/otp/{id}")).await;
    assert_eq!(status.assert_ok()["attempts_left"], 5, "none of these is a try");
}

#[tokio::test]
async fn without_aws_the_client_is_asked_to_come_back() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        let answer = app.cut_off(service).verify(&id, &code).await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{service}");
    }
    app.cut_off("SNS").verify(&id, &code).await.assert_ok();
}

#[tokio::test]
async fn no_response_reveals_a_code_and_no_token_reveals_a_phone() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    let wrong = app.verify(&id, &wrong(&code)).await;
    let status = app
        .send(Request::get(format!("/v1/otp/{id}")).body(axum::body::Body::empty()).unwrap())
        .await;
    let signed_in = app.verify(&id, &code).await;

    for text in [wrong.text, status.text] {
        assert!(!text.contains(&code) && !text.contains(&PHONE[1..]), "{text}");
    }

    let said = claims(signed_in.assert_ok()["access_token"].as_str().unwrap()).to_string();
    assert!(!said.contains(&PHONE[1..]), "{said}");
}

#[tokio::test]
async fn a_sign_in_takes_three_writes_and_a_read() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.advance(2 * 3600);

    // Roles are read once in five minutes, for all users.
    app.sign_in(OTHER_PHONE).await;
    let id = app.challenge(PHONE).await;
    let (answer, units) = app.units(app.verify(&id, &app.code(PHONE))).await;
    answer.assert_ok();

    // The writes: the try, the user with the session, and the event.
    assert_eq!(units, step("otp-verify").units(), "reads, writes");
}

/// A usual browser, of 117 characters.
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/126.0.0.0 Safari/537.36";

#[tokio::test]
async fn the_fifth_device_of_a_person_is_written_for_no_more_than_the_first() {
    let app = TestApp::start().await;
    for device in 1..=5 {
        app.advance(2 * 3600);
        app.sign_in(OTHER_PHONE).await;
        let id = app.challenge(PHONE).await;
        let body = json!({"challenge_id": id, "code": app.code(PHONE)});
        let mut request = json_request(Method::POST, "/v1/otp/verify", None, &body);
        request.headers_mut().insert("user-agent", BROWSER.parse().unwrap());
        let home = IpAddr::from([198, 51, 100, 200 + device]);
        let (answer, (_, writes)) = app.units(app.send_from(home, request)).await;
        answer.assert_ok();
        if device > 1 {
            assert_eq!(writes, 3.0, "device {device}");
        }
    }
}

#[tokio::test]
async fn a_person_with_twenty_browsers_is_read_for_one_unit() {
    let app = TestApp::start().await;
    let (home, mut last) = (IpAddr::from([198, 51, 100, 7]), String::new());
    for _ in 0..20 {
        app.advance(3600);
        let id = app.challenge(PHONE).await;
        let body = json!({"challenge_id": id, "code": app.code(PHONE)});
        let mut request = json_request(Method::POST, "/v1/otp/verify", None, &body);
        request.headers_mut().insert("user-agent", BROWSER.parse().unwrap());
        let answer = app.send_from(home, request).await;
        last = answer.assert_ok()["access_token"].as_str().unwrap().to_owned();
    }
    // The first request reads the keys.
    let sessions = app.get_as(&last, "/v1/me/sessions").await;
    let devices = sessions.assert_ok()["items"].as_array().unwrap();
    assert_eq!(devices.len(), 20);
    assert_eq!(devices[0]["user_agent"], "Chrome 126 on Windows");
    let (_, units) = app.units(app.get_as(&last, "/v1/me")).await;
    assert_eq!(units, (1.0, 0.0), "reads, writes");
}
