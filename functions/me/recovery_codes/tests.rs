use std::collections::BTreeSet;

use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, bodies::assert_strict};

const PATH: &str = "/v1/me/recovery-codes";

#[tokio::test]
async fn a_new_set_revokes_the_old_one() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let renewed = app.renew_codes(&me, &authenticator.code(&app)).await;
    let new = renewed.recovery_codes();
    assert_eq!(renewed.json, json!({"recovery_codes": new}));

    let all: BTreeSet<_> = authenticator.recovery_codes.iter().chain(&new).collect();
    assert_eq!(all.len(), 20);
    let token = app.first_factor(PHONE).await;
    for (left, old) in [(4, 0), (3, 5), (2, 9)] {
        app.recover(&token, &authenticator.recovery_codes[old]).await.assert_wrong(Some(left));
    }

    app.recover(&token, &new[0]).await.assert_ok();
    app.advance(30);
    app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn the_last_recovery_code_renews_the_set() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let (last, others) = authenticator.recovery_codes.split_last().unwrap();
    for code in others {
        app.recover(&app.first_factor(PHONE).await, code).await.assert_ok();
    }

    let new = app.renew_codes(&me, last).await.recovery_codes();
    assert_eq!(new.len(), 10);
    app.renew_codes(&me, last).await.assert_wrong(None);
    app.recover(&app.first_factor(PHONE).await, &new[9]).await.assert_ok();
}

#[tokio::test]
async fn a_set_that_is_used_up_leaves_the_authenticator_app() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    for code in &authenticator.recovery_codes {
        app.recover(&app.first_factor(PHONE).await, code).await.assert_ok();
    }

    app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0])
        .await
        .assert_wrong(Some(4));

    let new = app.renew_codes(&me, &authenticator.code(&app)).await.recovery_codes();
    app.recover(&app.first_factor(PHONE).await, &new[0]).await.assert_ok();
}

#[tokio::test]
async fn without_a_valid_code_the_old_set_stays() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    for code in ["", "00000", "AAAA"] {
        app.renew_codes(&me, code).await.assert_field("code");
    }

    for code in [authenticator.wrong_code(&app).as_str(), "AAAA-AAAA-AAAA-AAAA"] {
        app.renew_codes(&me, code).await.assert_wrong(None);
    }

    let code = authenticator.code(&app);
    app.post(PATH, json!({"code": code})).await.assert_problem(401, "token_invalid");
    app.renew_codes(&app.sign_in(OTHER_PHONE).await, &code).await.assert_problem(409, "conflict");
    assert_strict(&app, Some(&me.access), PATH, &json!({"code": code})).await;
    assert_eq!(
        app.cut_off("DYNAMODB").renew_codes(&me, &code).await.assert_wait(503, "unavailable"),
        5
    );
    app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0]).await.assert_ok();
    app.renew_codes(&me, &code).await.assert_ok();
}
