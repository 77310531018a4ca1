use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL, PASSWORD},
    bodies, wrong,
};

#[tokio::test]
async fn a_sign_up_with_all_fields_creates_the_account_once_the_phone_is_verified() {
    let app = TestApp::with_mail().await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "password": PASSWORD, "username": "Ann.Lee", "name": "Ann Lee",
        "locale": "es-MX", "client_id": "default",
    });
    let sent = app.register(body).await;
    assert_eq!(
        sent.json,
        json!({
            "challenge_id": sent.challenge_id(),
            "channel": "sms",
            "to": "+1•••••••123",
            "code_length": 6,
            "expires_in": 300,
            "resend_in": 30,
            "attempts_left": 5,
        })
    );

    assert!(app.items_like("USER").await.is_empty(), "nothing exists before the code is verified");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert!(app.texts(PHONE)[0].body.contains("es tu clave de Latchkey"), "{:?}", app.texts(PHONE));

    let person = app.verify(&sent.challenge_id(), &app.code(PHONE)).await.signed_in();
    assert_eq!(person.json["is_new_user"], true);
    assert_eq!(
        person.json["user"],
        json!({
            "id": person.id(),
            "phone": PHONE,
            "phone_verified": true,
            "email": EMAIL,
            "email_verified": false,
            "username": "Ann.Lee",
            "name": "Ann Lee",
            "locale": "es-MX",
            "avatar_url": null,
            "avatar_thumbnail_url": null,
            "has_password": true,
            "mfa": [],
            "roles": ["User"],
            "status": "active",
            "created_at": "2027-01-15T08:00:00.000Z",
            "updated_at": "2027-01-15T08:00:00.000Z",
            "last_sign_in_at": "2027-01-15T08:00:00.000Z",
            "external_id": null, "metadata": {}, "app_metadata": {},
        })
    );

    assert_eq!(app.me(&person.access).await, person.json["user"]);
}

#[tokio::test]
async fn a_sign_up_by_e_mail_proves_the_e_mail_address() {
    let app = TestApp::with_mail().await;
    let sent = app.register(json!({"email": "Ann.Lee@Example.ORG", "password": PASSWORD})).await;
    assert_eq!(
        (&sent.json["channel"], &sent.json["to"]),
        (&json!("email"), &json!("a•••@example.org"))
    );

    let user =
        app.verify(&sent.challenge_id(), &app.code(EMAIL)).await.signed_in().json["user"].clone();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(EMAIL), &json!(true)));
    assert_eq!((&user["phone"], &user["phone_verified"]), (&json!(null), &json!(false)));
}

#[tokio::test]
async fn a_sign_up_with_a_known_address_gets_the_same_response_and_changes_nothing() {
    for (address, body) in [(PHONE, json!({"phone": PHONE})), (EMAIL, json!({"email": EMAIL}))] {
        let app = TestApp::with_mail().await;
        let mut mine = body.clone();
        mine["password"] = json!(PASSWORD);
        let unknown = app.register(mine).await;
        let me = app.verify(&unknown.challenge_id(), &app.code(address)).await.signed_in();
        app.advance(3600);
        let mut theirs = body.clone();
        theirs["password"] = json!(NEW_PASSWORD);
        theirs["username"] = json!("mallory");
        theirs["name"] = json!("Mallory");
        theirs["locale"] = json!("en-US");
        let known = app.register(theirs).await;
        assert_eq!(known.without_ids(), unknown.without_ids());
        let message = app.texts(address).pop().unwrap().body;
        assert!(message.contains("You have an account: this code signs you in"), "{message}");

        let again = app.verify(&known.challenge_id(), &app.code(address)).await.signed_in();
        assert_eq!((again.id(), &again.json["is_new_user"]), (me.id(), &json!(false)));
        for field in ["username", "name", "locale", "updated_at"] {
            assert_eq!(again.json["user"][field], me.json["user"][field], "{field}");
        }
        app.login(body.clone(), PASSWORD).await.assert_ok();
        app.login(body, NEW_PASSWORD).await.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn an_earlier_sign_up_with_an_address_gets_nothing_after_its_owner_proves_it() {
    for (address, body) in [(PHONE, json!({"phone": PHONE})), (EMAIL, json!({"email": EMAIL}))] {
        for by_code_alone in [true, false] {
            let app = TestApp::with_mail().await;
            let mut theirs = body.clone();
            theirs["password"] = json!("nobody knows this one");
            theirs["username"] = json!("mallory");
            let their_challenge = app.register(theirs).await.challenge_id();
            let their_code = app.code(address);
            app.advance(30);
            let path = if by_code_alone { "/v1/otp/send" } else { "/v1/auth/register" };
            let my_challenge = app.post(path, body.clone()).await.challenge_id();
            let my_code = app.code(address);
            if my_code != their_code {
                app.verify(&their_challenge, &my_code).await.assert_problem(400, "otp_incorrect");
            }
            let me = app.verify(&my_challenge, &my_code).await.signed_in();
            assert_eq!(me.json["is_new_user"], true);
            assert_eq!(
                (&me.json["user"]["username"], &me.json["user"]["has_password"]),
                (&json!(null), &json!(false))
            );
            app.verify(&their_challenge, &their_code).await.assert_problem(410, "otp_expired");
            app.login(body.clone(), "nobody knows this one")
                .await
                .assert_problem(401, "invalid_credentials");
            app.login(json!({"username": "mallory"}), "nobody knows this one")
                .await
                .assert_problem(401, "invalid_credentials");
        }
    }
}

#[tokio::test]
async fn an_unverified_e_mail_address_belongs_to_nobody() {
    let app = TestApp::with_mail().await;
    let squatter = app.sign_up(json!({"phone": PHONE, "email": EMAIL, "password": PASSWORD})).await;
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.forgot(json!({"email": EMAIL})).await.challenge_id();
    assert!(app.texts(EMAIL).is_empty(), "an unverified address resets nothing");

    app.advance(30);
    let owner = app.sign_up(json!({"email": EMAIL, "password": NEW_PASSWORD})).await;
    assert_eq!(owner.json["is_new_user"], true);
    assert_ne!(owner.id(), squatter.id());
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert_eq!(app.me(&squatter.access).await["email_verified"], false);
}

#[tokio::test]
async fn a_username_that_is_taken_is_refused_at_once_without_regard_to_case() {
    let app = TestApp::start().await;
    app.sign_up(json!({"phone": PHONE, "username": "Ann"})).await;
    for username in ["Ann", "ann", "ANN"] {
        app.register(json!({"phone": OTHER_PHONE, "username": username}))
            .await
            .assert_taken("username");
    }

    assert!(app.texts(OTHER_PHONE).is_empty(), "nothing was sent");
    app.register(json!({"phone": OTHER_PHONE, "username": "ann.2"})).await.challenge_id();
}

#[tokio::test]
async fn the_first_of_two_pending_sign_ups_to_be_verified_gets_the_username() {
    let app = TestApp::start().await;
    let first = app.register(json!({"phone": PHONE, "username": "ann"})).await.challenge_id();
    let second = app
        .register(json!({"phone": OTHER_PHONE, "username": "ANN", "name": "B"}))
        .await
        .challenge_id();
    let holder = app.verify(&second, &app.code(OTHER_PHONE)).await.signed_in();
    let other = app.verify(&first, &app.code(PHONE)).await.signed_in();

    assert_eq!(
        (&holder.json["user"]["username"], &holder.json["user"]["name"]),
        (&json!("ANN"), &json!("B"))
    );
    assert_eq!(
        (&other.json["user"]["username"], &other.json["is_new_user"]),
        (&json!(null), &json!(true))
    );
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_with_the_reason() {
    let app = TestApp::with_mail().await;
    let own = "your name, username, phone or e-mail address";
    for (password, reason) in [
        ("seven77", "at least 8 characters"),
        ("ｓｅｖｅｎ77", "at least 8 characters"),
        ("password123", "most common"),
        ("PASSWORD123", "most common"),
        ("aaaaaaaaaaaa", "single repeated character"),
        ("my Latchkey password", own),
        ("14155550123", own),
        ("4155550123", own),
        (PHONE, own),
        ("Barbara-2027", own),
        ("barb.lee!!", own),
        ("babs.smith", own),
        ("xx babs.smith@example.com", own),
    ] {
        let body = json!({
            "phone": PHONE, "email": "babs.smith@example.com", "username": "barb.lee", "name": "Barbara Lee", "password": password,
        });
        app.register(body).await.assert_weak("password", reason);
    }

    let by_mail = json!({"email": "ann@example.com", "password": "ann@example.com"});
    app.register(by_mail).await.assert_weak("password", own);
    assert!(app.aws.inbox.messages(None).is_empty() && app.challenges().await.is_empty());

    let longer = TestApp::with(&[("PASSWORD_MIN_LENGTH", "15")]).await;
    let body = json!({"phone": PHONE, "password": "fourteen chars"});
    longer.register(body).await.assert_weak("password", "at least 15 characters");
}

#[tokio::test]
async fn a_password_has_at_most_256_characters_and_none_is_cut_off() {
    let app = TestApp::start().await;
    let longest = format!("{}é", "a🔑".repeat(127)) + "z";
    assert_eq!(longest.chars().count(), 256);
    app.register(json!({"phone": PHONE, "password": format!("{longest}z")}))
        .await
        .assert_field("password");
    app.register(json!({"phone": PHONE, "password": ""})).await.assert_field("password");
    app.sign_up(json!({"phone": PHONE, "password": longest})).await;

    let cut = longest.strip_suffix('z').unwrap();
    app.login(json!({"phone": PHONE}), cut).await.assert_problem(401, "invalid_credentials");
    app.login(json!({"phone": PHONE}), &format!("{cut}y"))
        .await
        .assert_problem(401, "invalid_credentials");
    app.login(json!({"phone": PHONE}), &longest).await.assert_ok();
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let app = TestApp::with_mail_and(&[("ALLOWED_COUNTRIES", "US")]).await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "password": PASSWORD, "username": "ann", "name": "Ann", "locale": "en-US", "client_id": "default",
    });
    bodies::assert_strict(&app, None, "/v1/auth/register", &body).await;

    let long_name = "n".repeat(65);
    for (field, value) in [
        ("username", json!("an")),
        ("username", json!("1ann")),
        ("username", json!("ann lee")),
        ("username", json!("änn")),
        ("username", json!("a".repeat(65))),
        ("name", json!("")),
        ("name", json!("Ann\nLee")),
        ("name", json!(long_name)),
        ("locale", json!(1)),
        ("client_id", json!("unknown-app")),
    ] {
        let mut body = json!({"phone": PHONE});
        body[field] = value;
        app.register(body).await.assert_field(field);
    }

    app.register(json!({"password": PASSWORD})).await.assert_field("phone");
    app.register(json!({"phone": "+1415555"})).await.assert_problem(400, "invalid_phone");
    app.register(json!({"phone": OTHER_PHONE})).await.assert_problem(400, "country_not_allowed");
    app.register(json!({"email": "ann@localhost"})).await.assert_problem(400, "invalid_email");
    app.register(json!({"phone": PHONE, "email": "ann"}))
        .await
        .assert_problem(400, "invalid_email");
    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn sign_ups_share_the_rate_limits_of_sign_in_codes() {
    let app = TestApp::with_mail_and(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await;
    app.send_code(PHONE).await.challenge_id();
    assert_eq!(app.register(json!({"phone": PHONE})).await.assert_wait(429, "resend_too_soon"), 30);
    app.register(json!({"email": EMAIL})).await.challenge_id();
    assert_eq!(
        app.register(json!({"email": OTHER_EMAIL})).await.assert_wait(429, "sms_limit_reached"),
        3600
    );
}

#[tokio::test]
async fn wrong_codes_are_counted_like_those_of_a_sign_in() {
    let app = TestApp::start().await;
    let id = app.register(json!({"phone": PHONE, "password": PASSWORD})).await.challenge_id();
    let code = app.code(PHONE);
    for left in (0..5).rev() {
        let answer = app.verify(&id, &wrong(&code)).await;
        answer.assert_problem(400, "otp_incorrect");
        assert_eq!(answer.json["attempts_left"], left);
    }

    app.verify(&id, &code).await.assert_problem(429, "otp_locked");
    assert!(app.items_like("USER").await.is_empty());
}

#[tokio::test]
async fn a_code_that_cannot_be_sent_leaves_nothing_half_created() {
    let app = TestApp::with_mail().await;
    for (address, body) in [
        (PHONE, json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})),
        (EMAIL, json!({"email": EMAIL, "password": PASSWORD, "username": "ann"})),
    ] {
        let challenges = app.challenges().await.len();
        app.aws.inbox.refuse(true);
        assert_eq!(app.register(body.clone()).await.assert_wait(503, "unavailable"), 5);
        assert_eq!(app.challenges().await.len(), challenges, "{address}: no challenge stays");
        app.aws.inbox.refuse(false);
        assert_eq!(
            app.register(body).await.json["resend_in"],
            30,
            "{address}: the failed message does not count"
        );
    }

    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        let answer = app
            .cut_off(service)
            .register(json!({"phone": OTHER_PHONE, "password": PASSWORD}))
            .await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{service}");
    }
}

#[tokio::test]
async fn e_mail_addresses_are_refused_if_no_sender_is_set() {
    let app = TestApp::start().await;
    app.register(json!({"email": EMAIL})).await.assert_field("email");
    app.register(json!({"phone": PHONE, "email": EMAIL})).await.assert_field("email");
    app.register(json!({"phone": PHONE})).await.challenge_id();
}
