use std::{net::IpAddr, sync::Arc};

use axum::http::Method;
use embedded_aws::faults::{Call, Fault};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL, PASSWORD},
    bodies, claims,
    faults::Trial,
    json_request,
};

/// A service that locks out after three failures, and a user with three identifiers.
async fn app_with_ann() -> (TestApp, [Value; 3]) {
    let app = TestApp::with_mail_and(&[("LOGIN_MAX_FAILURES", "3")]).await;
    let ann = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "Ann"})).await;
    let id = app.post_as(&ann.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&ann.access, &id, &app.code(EMAIL)).await.assert_ok();
    (app, [json!({"phone": PHONE}), json!({"email": EMAIL}), json!({"username": "ann"})])
}

#[tokio::test]
async fn a_password_signs_in_by_phone_e_mail_address_or_username() {
    let (app, names) = app_with_ann().await;
    let upper = [json!({"email": "ANN.LEE@example.org"}), json!({"username": "ANN"})];
    for who in names.into_iter().chain(upper) {
        app.advance(60);
        let person = app.login(who.clone(), PASSWORD).await.signed_in();
        let now = app.now();
        assert_eq!(
            person.json,
            json!({
                "status": "signed_in",
                "device_token": person.json["device_token"],
                "device_expires_in": 180 * 24 * 3600,
                "access_token": person.access,
                "token_type": "Bearer",
                "expires_in": 900,
                "refresh_token": person.refresh,
                "refresh_expires_in": 14 * 24 * 3600,
                "scope": "",
                "is_new_user": false,
                "user": person.json["user"],
            }),
            "{who}"
        );
        let user = &person.json["user"];
        assert_eq!(
            (&user["phone"], &user["email"], &user["username"]),
            (&json!(PHONE), &json!(EMAIL), &json!("Ann"))
        );
        assert_eq!(user["last_sign_in_at"], now);
        assert_eq!(claims(&person.access)["amr"], json!(["pwd"]));
        assert_eq!(app.me(&person.access).await, *user);
        app.refresh(&person.refresh).await.assert_ok();
    }
}

#[tokio::test]
async fn the_device_is_remembered() {
    let (app, _) = app_with_ann().await;
    app.advance(1);
    let body = json!({"phone": PHONE, "password": PASSWORD, "client_id": "default"});
    let mut request = json_request(Method::POST, "/v1/auth/login", None, &body);
    request.headers_mut().insert("user-agent", "a browser".parse().unwrap());

    let source: IpAddr = "203.0.113.9".parse().unwrap();
    let access = app.send_from(source, request).await.signed_in().access;
    let session = app.get_as(&access, "/v1/me/sessions").await.assert_ok()["items"][0].clone();
    assert_eq!(
        (&session["ip"], &session["user_agent"]),
        (&json!("203.0.113.9"), &json!("a browser"))
    );
    assert_eq!(session["current"], true);
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_get_the_same_answer() {
    let (app, names) = app_with_ann().await;
    app.advance(30);
    let no_password = app.sign_in(OTHER_PHONE).await;
    assert_eq!(no_password.json["user"]["has_password"], false);

    let strangers = [
        json!({"phone": "+14155550199"}),
        json!({"email": OTHER_EMAIL}),
        json!({"username": "nobody"}),
        json!({"phone": OTHER_PHONE}),
    ];
    let first = app.login(names[0].clone(), NEW_PASSWORD).await;
    first.assert_problem(401, "invalid_credentials");
    assert_eq!(first.header("www-authenticate"), r#"Bearer realm="latchkey""#);
    app.login(names[0].clone(), PASSWORD).await.assert_ok();

    for who in names.iter().chain(&strangers) {
        for password in [NEW_PASSWORD, "x", &PASSWORD.to_uppercase(), &format!("{PASSWORD} ")] {
            let answer = app.login(who.clone(), password).await;
            assert_eq!(answer.without_ids(), first.without_ids(), "{who} {password}");
            app.advance(15 * 60);
        }
    }
}

#[tokio::test]
async fn the_first_right_password_replaces_the_hash_of_another_service() {
    let app = TestApp::start().await;
    let ann = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    // Better Auth's hash of `correct horse`, which takes 32 MiB.
    let hash = "36687bb1e23a81c4a8f7d78a764dd69b:5f4daf62228e08dbeac7f49b105c58c363ca51724e131a156033d0423c430956f38ed28e69826f2cb2689f8d2c4d10944934382fed125bf0cba6ee3c820bc960";
    app.keep_foreign(ann.id(), hash).await;
    let before = app.stored_user(ann.id()).await;
    assert!(before.password.as_ref().unwrap().is_foreign());

    let login = async |password| app.login(json!({"phone": PHONE}), password).await;
    for wrong in [PASSWORD, "correct horse ", hash] {
        login(wrong).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(app.stored_user(ann.id()).await.password, before.password);

    let two = tokio::join!(login("correct horse"), login("correct horse"));
    assert_eq!([two.0.signed_in().id(), two.1.signed_in().id()], [ann.id(); 2]);
    let after = app.stored_user(ann.id()).await;
    assert!(!after.password.as_ref().unwrap().is_foreign());
    assert_eq!(after.password_count, before.password_count, "reset links stay good");

    login("correct horse").await.assert_ok();
    assert_eq!(app.stored_user(ann.id()).await.password, after.password, "it is renewed once");
    login("correct horses").await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn after_too_many_failures_even_the_right_password_is_refused() {
    let (app, [phone, email, username]) = app_with_ann().await;
    for who in [&phone, &email, &username] {
        for password in ["wrong 1", "wrong 2", "wrong 3"] {
            app.login(who.clone(), password).await.assert_problem(401, "invalid_credentials");
        }
        for password in ["wrong 4", PASSWORD] {
            assert_eq!(
                app.login(who.clone(), password).await.assert_wait(429, "too_many_attempts"),
                15 * 60,
                "{who}"
            );
        }
    }

    app.advance(15 * 60 - 1);
    assert_eq!(app.login(phone.clone(), PASSWORD).await.assert_wait(429, "too_many_attempts"), 1);
    app.advance(1);
    app.login(phone.clone(), PASSWORD).await.assert_ok();

    // The success reset the count.
    for _ in 0..2 {
        app.login(phone.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    }

    app.login(phone.clone(), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn an_unknown_user_is_locked_out_in_the_same_way() {
    let (app, [known, ..]) = app_with_ann().await;
    let strangers = [
        json!({"phone": "+14155550199"}),
        json!({"email": OTHER_EMAIL}),
        json!({"username": "nobody"}),
    ];
    let mut answers = Vec::new();
    for who in [known].iter().chain(&strangers) {
        for _ in 0..3 {
            app.login(who.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
        }
        let refused = app.login(who.clone(), "wrong").await;
        refused.assert_problem(429, "too_many_attempts");
        answers.push(refused.without_ids());
    }

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_lockout_does_not_reveal_who_has_an_identifier() {
    let (app, [phone, known, username]) = app_with_ann().await;
    app.sign_up(json!({"email": "bea@example.org", "password": PASSWORD})).await;
    app.advance(3600);

    let mut answers = Vec::new();
    // The addresses of a user with a phone, of a user without one, and of nobody.
    for who in [known.clone(), json!({"email": "bea@example.org"}), json!({"email": OTHER_EMAIL})] {
        for _ in 0..10 {
            app.advance(15 * 60);
            app.login(who.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
        }
        let code = app.post("/v1/otp/send", who.clone()).await;
        app.forgot(who.clone()).await.challenge_id();
        answers.push((app.login(who, PASSWORD).await.without_ids(), code.status));
        app.advance(15 * 60);
    }

    assert!(answers[0].0.contains("too_many_attempts"), "{answers:?}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    // Lockouts do not reveal either which identifiers belong to the same user.
    for _ in 0..3 {
        app.login(username.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    }

    app.login(username, PASSWORD).await.assert_problem(429, "too_many_attempts");
    app.login(phone.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    app.login(phone, PASSWORD).await.assert_ok();
    app.challenge(PHONE).await;
}

#[tokio::test]
async fn a_password_reset_ends_the_lockout_of_every_identifier() {
    let (app, names) = app_with_ann().await;
    app.advance(3600);
    for who in &names[1..] {
        for _ in 0..3 {
            app.login(who.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
        }
        app.login(who.clone(), PASSWORD).await.assert_problem(429, "too_many_attempts");
    }

    let id = app.forgot(names[0].clone()).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    for who in names {
        app.login(who, NEW_PASSWORD).await.assert_ok();
    }
}

#[tokio::test]
async fn a_disabled_user_is_told_so_only_with_the_right_password() {
    let (app, [phone, ..]) = app_with_ann().await;
    let ann = app.login(phone.clone(), PASSWORD).await.signed_in();
    app.disable(ann.id()).await;
    app.login(phone.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    app.login(phone, PASSWORD).await.assert_problem(403, "user_disabled");
    app.get_as(&ann.access, "/v1/me").await.assert_problem(403, "user_disabled");
    app.refresh(&ann.refresh).await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn composed_and_decomposed_letters_are_the_same_password() {
    let app = TestApp::start().await;
    app.sign_up(json!({"phone": PHONE, "password": "cafe\u{301} au lait"})).await;
    app.login(json!({"phone": PHONE}), "caf\u{e9} au lait").await.assert_ok();
    app.login(json!({"phone": PHONE}), "cafe\u{301} au lait").await.assert_ok();
    app.login(json!({"phone": PHONE}), "cafe au lait")
        .await
        .assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let (app, _) = app_with_ann().await;
    let body = json!({"phone": PHONE, "password": PASSWORD, "client_id": "default"});
    bodies::assert_strict(&app, None, "/v1/auth/login", &body).await;

    for (body, field) in [
        (json!({"password": PASSWORD}), "phone"),
        (json!({"phone": PHONE}), "password"),
        (json!({"phone": PHONE, "password": null}), "password"),
        (json!({"phone": PHONE, "password": "x".repeat(257)}), "password"),
        (json!({"phone": PHONE, "email": EMAIL, "password": PASSWORD}), "email"),
        (json!({"phone": PHONE, "username": "ann", "password": PASSWORD}), "username"),
        (json!({"username": "a n n", "password": PASSWORD}), "username"),
        (json!({"phone": PHONE, "password": PASSWORD, "client_id": "unknown-app"}), "client_id"),
    ] {
        app.post("/v1/auth/login", body).await.assert_field(field);
    }

    app.login(json!({"phone": "123"}), PASSWORD).await.assert_problem(400, "invalid_phone");
    app.login(json!({"email": "ann"}), PASSWORD).await.assert_problem(400, "invalid_email");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn without_aws_the_client_is_told_to_retry_later() {
    let (app, [phone, ..]) = app_with_ann().await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        let answer = app.cut_off(service).login(phone.clone(), PASSWORD).await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{service}");
    }
    app.cut_off("SNS").cut_off("SESV2").login(phone, PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn wrong_passwords_do_not_delay_codes_and_a_code_does_not_end_them() {
    let app = TestApp::start().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(60);
    let who = json!({"phone": PHONE});
    for _ in 0..10 {
        app.login(who.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(
        app.login(who.clone(), PASSWORD).await.assert_wait(429, "too_many_attempts"),
        15 * 60
    );

    let me = app.sign_in(PHONE).await;
    app.login(who, PASSWORD).await.assert_problem(429, "too_many_attempts");
    let known = json!({"phone": PHONE, "device_token": me.json["device_token"]});
    app.login(known, PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_source_has_a_limit_over_all_names() {
    let app = TestApp::with(&[("PASSWORD_FAILURES_PER_IP_PER_HOUR", "6")]).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    for name in ["ann", "bea", "cid"] {
        for _ in 0..2 {
            app.login(json!({"username": name}), "wrong")
                .await
                .assert_problem(401, "invalid_credentials");
        }
    }
    let refused = app.login(json!({"phone": PHONE}), PASSWORD).await;
    assert!((1..=3600).contains(&refused.assert_wait(429, "too_many_attempts")));

    let known = json!({"phone": PHONE, "device_token": me.json["device_token"]});
    app.login(known, PASSWORD).await.assert_ok();
    app.advance(3600);
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_are_tried_at_the_same_time_share_the_tries_of_their_source() {
    let app = TestApp::with(&[("PASSWORD_FAILURES_PER_IP_PER_HOUR", "3")]).await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let trial = Trial::of(app).await;

    // The password is not compared before the others were tried, but it counts already.
    let held = Arc::new(Barrier::new(2));
    let is_held = |call: &Call| call.is("DYNAMODB", "PutItem");
    trial.faults.inject(is_held, (0, 1), Fault::Gather(held.clone()));
    let counters = trial.app.items_like("SENDS").await.len();
    let slow = trial.faulty.clone();
    let right = tokio::spawn(async move { slow.login(json!({"phone": PHONE}), PASSWORD).await });
    while trial.app.items_like("SENDS").await.len() == counters {
        tokio::task::yield_now().await;
    }
    for name in ["ann", "bea"] {
        let wrong = trial.app.login(json!({"username": name}), "wrong").await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let fourth = trial.app.login(json!({"username": "cid"}), "wrong").await;
    fourth.assert_problem(429, "too_many_attempts");
    held.wait().await;
    right.await.unwrap().assert_ok();

    // The right one is given back.
    let fourth = trial.app.login(json!({"username": "cid"}), "wrong").await;
    fourth.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_device_token_of_somebody_else_reads_as_none() {
    let app = TestApp::start().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let other = app.sign_in("+14155550188").await;
    for _ in 0..10 {
        app.login(json!({"phone": PHONE}), "wrong")
            .await
            .assert_problem(401, "invalid_credentials");
    }
    for token in [other.json["device_token"].clone(), json!("lkd_nonsense"), json!("")] {
        let who = json!({"phone": PHONE, "device_token": token});
        app.login(who, PASSWORD).await.assert_problem(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn a_known_device_has_a_count_of_its_own() {
    let app = TestApp::with(&[("LOGIN_MAX_FAILURES", "3")]).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let known = json!({"phone": PHONE, "device_token": me.json["device_token"]});
    for _ in 0..3 {
        app.login(known.clone(), "wrong").await.assert_problem(401, "invalid_credentials");
    }
    app.login(known, PASSWORD).await.assert_problem(429, "too_many_attempts");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}
