use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    PHONE, TestApp,
    accounts::PASSWORD,
    apps::ADMIN_PHONE,
    bodies::assert_strict,
    claims,
    passkeys::{Keeper, PASSKEYS},
    second_factor::Authenticator,
    wrong,
};

const PATH: &str = "/v1/auth/mfa";

#[tokio::test]
async fn the_code_of_the_authenticator_app_finishes_the_sign_in() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    app.advance(60);

    let answer = app.totp(&token, &authenticator.code(&app)).await;
    let now = app.latchkey.clock().now();
    let profile = app.me(&answer.signed_in().access).await;
    assert_eq!(
        (&profile["mfa"], &profile["last_sign_in_at"]),
        (&json!(["totp"]), &json!(format!("{now:.3}")))
    );

    assert_eq!(
        answer.json,
        json!({
            "status": "signed_in",
            "device_token": answer.json["device_token"],
            "device_expires_in": 180 * 24 * 3600,
            "access_token": answer.json["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": answer.json["refresh_token"],
            "refresh_expires_in": 14 * 24 * 3600,
            "scope": "",
            "is_new_user": false,
            "user": profile,
        })
    );

    let told = claims(&answer.signed_in().access);
    assert_eq!((&told["sub"], &told["auth_time"]), (&json!(me.id()), &json!(now.as_second())));
    assert_eq!((&told["amr"], &told["acr"]), (&json!(["pwd", "otp", "mfa"]), &json!("aal2")));

    // A refreshed session is still one with both factors.
    app.advance(60);
    let pair = app.refresh(&answer.signed_in().refresh).await;
    let refreshed = claims(pair.assert_ok()["access_token"].as_str().unwrap());
    for name in ["amr", "acr", "auth_time", "sid"] {
        assert_eq!(refreshed[name], told[name], "{name}");
    }
}

#[tokio::test]
async fn a_recovery_code_finishes_one_sign_in_however_it_is_typed() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let codes = &authenticator.recovery_codes;
    let typed = [
        codes[0].clone(),
        codes[1].to_lowercase(),
        codes[2].replace('-', ""),
        codes[3].replace('-', " "),
    ];
    for code in &typed {
        let person = app.recover(&app.first_factor(PHONE).await, code).await.signed_in();
        let told = claims(&person.access);
        assert_eq!(
            (&told["amr"], &told["acr"]),
            (&json!(["pwd", "recovery_code", "mfa"]), &json!("aal2"))
        );
    }

    let token = app.first_factor(PHONE).await;
    for (left, code) in [(4, &typed[0]), (3, &codes[1]), (2, &codes[3])] {
        app.recover(&token, code).await.assert_wrong(Some(left));
    }

    app.recover(&token, &codes[4]).await.assert_ok();
}

#[tokio::test]
async fn a_clock_may_be_one_step_off_and_no_more() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    for (steps, is_good) in
        [(-2, false), (2, false), (-1, true), (0, true), (1, true), (-2, false), (2, false)]
    {
        // Late enough that none of the steps was used before. Two steps may have the same code.
        app.advance(90);
        let is_near = |code: &String| {
            [-1, 0, 1].iter().any(|near| authenticator.code_of_step(&app, *near) == *code)
        };
        while !is_good && is_near(&authenticator.code_of_step(&app, steps)) {
            app.advance(30);
        }
        let answer = app
            .totp(&app.first_factor(PHONE).await, &authenticator.code_of_step(&app, steps))
            .await;
        if is_good { drop(answer.signed_in()) } else { answer.assert_wrong(Some(4)) }
    }
}

#[tokio::test]
async fn a_code_works_once_even_with_another_token() {
    let app = TestApp::start().await;
    let person = app.person(PHONE).await;
    let authenticator = Authenticator::new(&app.enrol(&person).await);
    let confirmed_with = authenticator.code(&app);
    app.confirm(&person, &confirmed_with).await.assert_ok();

    let (first, second) = (app.first_factor(PHONE).await, app.first_factor(PHONE).await);
    app.totp(&first, &confirmed_with).await.assert_wrong(Some(4));
    app.advance(30);

    let (before, code) = (authenticator.code_of_step(&app, -1), authenticator.code(&app));
    app.totp(&first, &code).await.assert_ok();
    app.totp(&second, &code).await.assert_wrong(Some(4));
    app.advance(29);
    app.totp(&second, &code).await.assert_wrong(Some(3));
    app.totp(&second, &before).await.assert_wrong(Some(2));
    app.advance(1);
    app.totp(&second, &code).await.assert_wrong(Some(1));
    app.totp(&second, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_code_of_a_later_step_invalidates_earlier_ones() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    app.totp(&app.first_factor(PHONE).await, &authenticator.code_of_step(&app, 1))
        .await
        .assert_ok();

    let token = app.first_factor(PHONE).await;
    app.totp(&token, &authenticator.code(&app)).await.assert_wrong(Some(4));
    app.advance(30);
    app.totp(&token, &authenticator.code(&app)).await.assert_wrong(Some(3));
    app.advance(30);
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_token_has_five_tries_and_another_sign_in_has_its_own() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    let code = authenticator.code(&app);
    for left in [4, 3, 2, 1, 0] {
        app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(left));
    }

    for _ in 0..2 {
        let locked = app.totp(&token, &code).await;
        locked.assert_problem(429, "otp_locked");
        assert_eq!(locked.json.get("retry_after"), None, "another sign-in need not wait");
        app.recover(&token, &authenticator.recovery_codes[0])
            .await
            .assert_problem(429, "otp_locked");
    }

    let token = app.first_factor(PHONE).await;
    app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(4));
    app.totp(&token, &code).await.assert_ok();
}

#[tokio::test]
async fn failures_add_up_over_sign_ins_and_lock_out_an_attacker_with_the_first_factor() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PHONE_PER_HOUR", "10")]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let waiting = app.first_factor(PHONE).await;
    for round in 1..=5 {
        app.totp(&app.first_factor(PHONE).await, &authenticator.wrong_code(&app))
            .await
            .assert_wrong(Some(4));
        app.recover(&app.first_factor(PHONE).await, "AAAA-AAAA-AAAA-AAAA")
            .await
            .assert_wrong(Some(4));
        if round < 5 {
            // Neither a password nor a code by text resets the count.
            app.advance(60);
            app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
        }
    }

    assert_eq!(
        app.totp(&waiting, &authenticator.code(&app)).await.assert_wait(429, "otp_locked"),
        900
    );

    // Codes and passwords have separate counts.
    app.advance(60);
    app.challenge(PHONE).await;
    app.login(json!({"phone": PHONE}), PASSWORD).await.mfa_token();
}

#[tokio::test]
async fn a_locked_user_cannot_try_the_second_factor_until_the_lockout_ends() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let tokens = [app.first_factor(PHONE).await, app.first_factor(PHONE).await];
    for token in &tokens {
        for left in [4, 3, 2, 1, 0] {
            app.totp(token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(left));
        }
    }

    let waiting = app.first_factor(PHONE).await;
    assert_eq!(
        app.totp(&waiting, &authenticator.code(&app)).await.assert_wait(429, "otp_locked"),
        900
    );
    app.advance(900);

    let (token, spare) = (app.first_factor(PHONE).await, app.first_factor(PHONE).await);
    // The eleventh failure in a row.
    app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(4));
    assert_eq!(
        app.totp(&token, &authenticator.code(&app)).await.assert_wait(429, "otp_locked"),
        900
    );
    assert_eq!(
        app.recover(&spare, &authenticator.recovery_codes[0]).await.assert_wait(429, "otp_locked"),
        900
    );
    app.advance(900);

    // A code that was refused is not used up, and a right one resets the count.
    app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0]).await.assert_ok();
    let token = app.first_factor(PHONE).await;
    app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(4));
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn right_second_factors_do_not_count_as_failures() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    for _ in 0..4 {
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.assert_ok();
        app.advance(30);
    }
}

#[tokio::test]
async fn a_token_is_valid_for_five_minutes() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let (in_time, late) = (app.first_factor(PHONE).await, app.first_factor(PHONE).await);
    app.advance(299);
    app.totp(&in_time, &authenticator.code(&app)).await.assert_ok();
    app.advance(1);
    app.totp(&late, &authenticator.code_of_step(&app, 1))
        .await
        .assert_problem(401, "token_expired");
    app.recover(&late, &authenticator.recovery_codes[0]).await.assert_problem(401, "token_expired");
    app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0]).await.assert_ok();
}

#[tokio::test]
async fn unknown_and_used_tokens_are_refused() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let used = app.first_factor(PHONE).await;
    app.totp(&used, &authenticator.code(&app)).await.assert_ok();
    app.advance(30);

    let cut = app.first_factor(PHONE).await;
    let unknown = format!("lkm_{}", "A".repeat(43));
    for token in
        [&used, &cut[..46], &unknown, "", "lkm_", &me.access, &me.refresh, &format!("{cut} ")]
    {
        app.totp(token, &authenticator.code(&app)).await.assert_problem(401, "token_invalid");
        app.recover(token, &authenticator.recovery_codes[0])
            .await
            .assert_problem(401, "token_invalid");
    }

    app.totp(&cut, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_token_takes_only_the_codes_of_its_own_user() {
    let app = TestApp::start().await;
    let (_, mine) = app.protected(PHONE).await;
    let (_, others) = app.protected(ADMIN_PHONE).await;
    let token = app.first_factor(PHONE).await;
    app.totp(&token, &others.code(&app)).await.assert_wrong(Some(4));
    app.recover(&token, &others.recovery_codes[0]).await.assert_wrong(Some(3));
    app.totp(&token, &mine.code(&app)).await.assert_ok();

    // The other user can still use the codes that were tried here.
    let other = app.first_factor(ADMIN_PHONE).await;
    app.totp(&other, &others.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn each_method_takes_its_own_codes_and_no_other_form() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let (code, recovery) = (authenticator.code(&app), &authenticator.recovery_codes[0]);
    let token = app.first_factor(PHONE).await;
    // A code that does not have the form of its method costs no try.
    app.recover(&token, &code).await.assert_field("code");

    for other in [recovery, "", &code[..5], "12345a", "１２３４５六"] {
        app.totp(&token, other).await.assert_field("code");
    }

    app.mfa(&token, "sms", &code).await.assert_field("method");
    app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(4));
    app.totp(&token, &code).await.assert_ok();
    assert_strict(
        &app,
        None,
        PATH,
        &json!({"mfa_token": "lkm_x", "method": "totp", "code": "123456"}),
    )
    .await;

    app.get(PATH).await.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_user_who_is_disabled_in_between_cannot_sign_in() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    app.disable(me.id()).await;
    app.totp(&token, &authenticator.code(&app)).await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn an_app_that_is_switched_off_in_between_lets_nobody_in() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let (_, authenticator) = app.protected(PHONE).await;
    let login = json!({"phone": PHONE, "client_id": "shop"});
    let (first, second) = (
        app.login(login.clone(), PASSWORD).await.mfa_token(),
        app.login(login, PASSWORD).await.mfa_token(),
    );

    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    app.totp(&first, &authenticator.code(&app)).await.assert_problem(403, "app_disabled");
    app.change_app(&admin, "shop", json!({"active": true})).await.assert_ok();

    let person = app.totp(&second, &authenticator.code_of_step(&app, 1)).await.signed_in();
    assert_eq!(
        claims(&person.access)["client_id"],
        "shop",
        "the session belongs to the app of the first factor"
    );
}

#[tokio::test]
async fn a_token_ends_with_the_second_factor_and_with_the_account() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let (ours, left_over) = (app.first_factor(PHONE).await, app.first_factor(PHONE).await);
    let me = app.totp(&ours, &authenticator.code(&app)).await.signed_in();
    app.remove_totp(&me, &authenticator.recovery_codes[0]).await.assert_done();
    app.totp(&left_over, &authenticator.code_of_step(&app, 1))
        .await
        .assert_problem(401, "token_invalid");
    app.recover(&left_over, &authenticator.recovery_codes[1])
        .await
        .assert_problem(401, "token_invalid");

    let authenticator = app.authenticator(&me).await;
    let left_over = app.first_factor(PHONE).await;
    let me = app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    app.call_as(&me.access, Method::DELETE, "/v1/me").await.assert_done();
    app.totp(&left_over, &authenticator.code_of_step(&app, 1))
        .await
        .assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_unavailable() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    let code = authenticator.code(&app);
    assert_eq!(
        app.cut_off("DYNAMODB").totp(&token, &code).await.assert_wait(503, "unavailable"),
        5
    );
    assert_ne!(app.totp(&token, &code).await.assert_ok()["access_token"], Value::Null);
}

#[tokio::test]
async fn wrong_passwords_and_wrong_codes_do_not_delay_the_second_factor() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    app.advance(60);
    let id = app.challenge(PHONE).await;
    let texted = app.code(PHONE);
    for _ in 0..10 {
        app.login(json!({"phone": PHONE}), "not my password")
            .await
            .assert_problem(401, "invalid_credentials");
    }
    for _ in 0..4 {
        app.verify(&id, &wrong(&texted)).await.assert_problem(400, "otp_incorrect");
    }
    let token = app.verify(&id, &texted).await.mfa_token();
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_passkey_is_a_second_factor() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    let (keeper, _) = app.passkey(&me).await;
    let answer = app.login(json!({"phone": PHONE}), PASSWORD).await;
    assert_eq!(answer.assert_ok()["methods"], json!(["totp", "recovery_code", "passkey"]));
    let token = answer.json["mfa_token"].as_str().unwrap().to_owned();

    let use_it = async |token: &str, keeper: &Keeper, options: &Value| {
        let credential = keeper.get(options);
        let body = json!({"mfa_token": token, "method": "passkey", "credential": credential});
        app.post(PATH, body).await
    };
    // Neither a challenge of a whole sign-in, nor one of another token, nor somebody else's passkey.
    let whole = app.passkey_challenge(json!({})).await;
    use_it(&token, &keeper, &whole).await.assert_problem(401, "passkey_invalid");
    let other_token = app.first_factor_or_passkey(PHONE).await;
    let of_other_token = app.passkey_challenge(json!({"mfa_token": other_token})).await;
    use_it(&token, &keeper, &of_other_token).await.assert_problem(401, "passkey_invalid");
    let other = app.sign_in(ADMIN_PHONE).await;
    let (of_other, _) = app.passkey(&other).await;
    let options = app.passkey_challenge(json!({"mfa_token": token})).await;
    use_it(&token, &of_other, &options).await.assert_problem(401, "passkey_invalid");

    let person = use_it(&token, &keeper, &options).await.signed_in();
    let told = claims(&person.access);
    assert_eq!(
        (&told["amr"], &told["acr"]),
        (&json!(["pwd", "pop", "user", "mfa"]), &json!("aal2"))
    );
    use_it(&token, &keeper, &options).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_second_factor_is_of_one_kind() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    let (keeper, _) = app.passkey(&me).await;
    app.advance(30);
    let token = app.first_factor_or_passkey(PHONE).await;
    let options = app.passkey_challenge(json!({"mfa_token": token})).await;
    let credential = keeper.get(&options);
    let code = authenticator.code(&app);
    for (body, field) in [
        (json!({"method": "passkey"}), "credential"),
        (json!({"method": "passkey", "code": code}), "credential"),
        (json!({"method": "passkey", "code": code, "credential": credential}), "code"),
        (json!({"method": "totp"}), "code"),
        (json!({"method": "totp", "credential": credential}), "code"),
        (json!({"method": "totp", "code": code, "credential": credential}), "credential"),
    ] {
        let mut body = body;
        body["mfa_token"] = json!(token);
        app.post(PATH, body).await.assert_field(field);
    }
    // No try was used.
    app.totp(&token, &authenticator.wrong_code(&app)).await.assert_wrong(Some(4));
    let body = json!({"mfa_token": token, "method": "passkey", "credential": credential});
    app.post(PATH, body).await.assert_ok();
}
