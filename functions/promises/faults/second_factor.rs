//! Endpoints with which people set up and remove a second factor.

use axum::http::Method;
use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    faults::{Boxed, Case, call},
    second_factor::Authenticator,
};

pub(super) const CASES: [&str; 5] = [
    "me-totp-create",
    "me-totp-confirm",
    "me-totp-delete",
    "me-recovery-codes",
    "me-recovery-codes: by recovery code",
];

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        if case == "me-totp-create" || case == "me-totp-confirm" {
            set_up(&app, case).await
        } else {
            with_factor(&app, case).await
        }
    })
}

async fn set_up(app: &TestApp, case: &str) -> Case {
    let me = app.person(PHONE).await;
    if case == "me-totp-create" {
        let request = call(Method::POST, "/v1/me/totp", Some(&me.access), None);
        return Case::new(request, move |app, answer| {
            let me = me.clone();
            async move {
                let code = Authenticator::new(&answer).code(&app);
                app.confirm(&me, &code).await.recovery_codes();
            }
        });
    }

    let authenticator = Authenticator::new(&app.enrol(&me).await);
    let code = authenticator.code(app);
    let request =
        call(Method::POST, "/v1/me/totp/confirm", Some(&me.access), Some(json!({"code": code})));

    Case::new(request, move |app, answer| {
        let (me, mut authenticator) = (me.clone(), authenticator.clone());
        async move {
            app.advance(30);
            authenticator.recovery_codes = if answer.status == 200 {
                answer.recovery_codes()
            } else {
                // It was confirmed, but the recovery codes were lost with the reply. A code of the
                // authenticator app gets new ones.
                app.renew_codes(&me, &authenticator.code(&app)).await.recovery_codes()
            };

            app.advance(30);
            app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.assert_ok();
            app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0])
                .await
                .assert_ok();
        }
    })
    .or(409, "conflict")
}

async fn with_factor(app: &TestApp, case: &str) -> Case {
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.totp(&app.first_factor(PHONE).await, &authenticator.code(app)).await.signed_in();
    app.advance(30);
    let code = match case {
        "me-recovery-codes: by recovery code" => authenticator.recovery_codes[0].clone(),
        _ => authenticator.code(app),
    };
    let body = json!({"code": code});

    if case == "me-totp-delete" {
        let request = call(Method::DELETE, "/v1/me/totp", Some(&me.access), Some(body));
        return Case::new(request, move |app, answer| {
            let (me, authenticator) = (me.clone(), authenticator.clone());
            async move {
                if answer.json["code"] == "otp_incorrect" {
                    // The code was used up.
                    app.advance(30);
                    app.remove_totp(&me, &authenticator.code(&app)).await.assert_done();
                }

                assert_eq!(app.me(&me.access).await["mfa"], json!([]));
                app.login(json!({"phone": PHONE}), crate::testing::accounts::PASSWORD)
                    .await
                    .signed_in();
            }
        })
        .or(409, "conflict")
        .or_refused(400, "otp_incorrect");
    }

    let request = call(Method::POST, "/v1/me/recovery-codes", Some(&me.access), Some(body));
    Case::new(request, move |app, answer| {
        let (me, authenticator) = (me.clone(), authenticator.clone());
        async move {
            app.advance(30);
            let codes = if answer.status == 200 {
                answer.recovery_codes()
            } else {
                app.renew_codes(&me, &authenticator.code(&app)).await.recovery_codes()
            };
            app.recover(&app.first_factor(PHONE).await, &codes[0]).await.assert_ok();
        }
    })
    .or_refused(400, "otp_incorrect")
}
