//! Endpoints with which people change their accounts.

use axum::http::Method;
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    apps::ADMIN_PHONE,
    faults::{Boxed, Case, call},
    pictures::{jpeg, key_of, picture},
};

pub(super) const CASES: [&str; 14] = [
    "me-avatar-put",
    "me-avatar-delete",
    "otp-verify: a new phone",
    "otp-verify: a user whom an administrator created",
    "password-change",
    "password-reset",
    "password-reset: a user whom an administrator created",
    "password-reset: by link",
    "me-update",
    "me-delete",
    "me-delete: with a second factor",
    "me-session-delete",
    "me-consent-delete",
    "undo-confirm",
];

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        match case {
            "otp-verify: a new phone" => new_phone(&app).await,
            "otp-verify: a user whom an administrator created" => {
                let id = created_by_an_administrator(&app).await;
                let challenge = app.challenge(ADMIN_PHONE).await;
                let body = json!({"challenge_id": challenge, "code": app.code(ADMIN_PHONE)});
                let request = call(Method::POST, "/v1/otp/verify", None, Some(body));

                Case::new(request, move |app, answer| {
                    let id = id.clone();
                    async move {
                        let me = if answer.status == 200 {
                            answer.signed_in()
                        } else {
                            app.advance(60);
                            app.sign_in(ADMIN_PHONE).await
                        };
                        assert_eq!(
                            (me.id(), &me.json["user"]["roles"]),
                            (&*id, &json!(["Admin", "User"]))
                        );
                    }
                })
                .or(410, "otp_expired")
            }
            "me-avatar-put" => {
                let me = app.sign_in(PHONE).await;
                app.put_avatar(&me.access, jpeg(&picture(12, 8))).await.assert_ok();

                let mut request = call(Method::PUT, "/v1/me/avatar", Some(&me.access), None);
                request.headers_mut().insert("content-type", "image/jpeg".parse().unwrap());
                *request.body_mut() = jpeg(&picture(8, 12));

                // The next upload, or a lifecycle rule of the bucket, deletes what an interrupted
                // upload left behind.
                Case::new(request, move |app, answer| {
                    let me = me.clone();
                    async move {
                        let shown = app.me(&me.access).await["avatar_url"].as_str().map(key_of);
                        assert_eq!(shown, Some(answer.avatar_key()));
                        assert!(
                            app.objects().contains_key(&format!("{}/512.jpg", answer.avatar_key()))
                        );
                    }
                })
            }
            "me-avatar-delete" => {
                let me = app.sign_in(PHONE).await;
                app.put_avatar(&me.access, jpeg(&picture(12, 8))).await.assert_ok();

                let request = call(Method::DELETE, "/v1/me/avatar", Some(&me.access), None);
                Case::new(request, move |app, _| {
                    let me = me.clone();
                    async move {
                        assert!(app.me(&me.access).await["avatar_url"].is_null());
                        assert!(app.objects().is_empty());
                    }
                })
            }
            "password-change" => {
                let me = app.person(PHONE).await;
                let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
                let request =
                    call(Method::POST, "/v1/password/change", Some(&me.access), Some(body));
                Case::new(request, |app, _| assert_password(app, json!({"phone": PHONE})))
                    .or(403, "invalid_credentials")
            }
            "password-reset" => {
                app.person(PHONE).await;
                app.advance(3600);
                let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
                let body = json!({"challenge_id": id, "code": app.code(PHONE), "new_password": NEW_PASSWORD});
                let request = call(Method::POST, "/v1/password/reset", None, Some(body));

                Case::new(request, |app, answer| async move {
                    if answer.status != 204 {
                        app.advance(60);
                        let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
                        app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
                    }
                    assert_password(app, json!({"phone": PHONE})).await;
                })
                .or(410, "otp_expired")
            }
            "password-reset: a user whom an administrator created" => {
                created_by_an_administrator(&app).await;
                let id = app.forgot(json!({"phone": ADMIN_PHONE})).await.challenge_id();
                let body = json!({"challenge_id": id, "code": app.code(ADMIN_PHONE), "new_password": NEW_PASSWORD});
                let request = call(Method::POST, "/v1/password/reset", None, Some(body));

                Case::new(request, |app, answer| async move {
                    if answer.status != 204 {
                        app.advance(60);
                        let id = app.forgot(json!({"phone": ADMIN_PHONE})).await.challenge_id();
                        app.reset(&id, &app.code(ADMIN_PHONE), NEW_PASSWORD).await.assert_done();
                    }

                    assert_password(app.clone(), json!({"phone": ADMIN_PHONE})).await;
                    let me =
                        app.login(json!({"phone": ADMIN_PHONE}), NEW_PASSWORD).await.signed_in();
                    assert_eq!(me.json["user"]["roles"], json!(["Admin", "User"]));
                })
                .or(410, "otp_expired")
            }
            "password-reset: by link" => {
                app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
                app.advance(3600);
                app.forgot(json!({"email": EMAIL})).await.challenge_id();
                let body = json!({"token": app.link_token(EMAIL), "new_password": NEW_PASSWORD});
                let request = call(Method::POST, "/v1/password/reset", None, Some(body));
                // The link was used, and the password that it set is valid.
                Case::new(request, |app, _| assert_password(app, json!({"email": EMAIL})))
                    .or(401, "token_invalid")
            }
            "me-update" => {
                let me = app.sign_up(json!({"phone": PHONE, "username": "ann"})).await;
                let body = json!({"name": "Ann Lee", "username": "lee"});
                let request = call(Method::PATCH, "/v1/me", Some(&me.access), Some(body));

                Case::new(request, move |app, answer| {
                    let me = me.clone();
                    async move {
                        assert_eq!(answer.assert_ok()["username"], "lee");
                        assert_eq!(app.me(&me.access).await["username"], "lee");
                        // The previous username is free again.
                        app.register(json!({"phone": OTHER_PHONE, "username": "ann"}))
                            .await
                            .challenge_id();
                    }
                })
            }
            "me-delete" => {
                let me = app.sign_up(json!({"phone": PHONE, "username": "ann"})).await;
                deletes_account(&me)
            }
            "me-delete: with a second factor" => {
                let (_, authenticator) = app.protected(PHONE).await;
                let token = app.first_factor(PHONE).await;
                deletes_account(&app.totp(&token, &authenticator.code(&app)).await.signed_in())
            }
            "me-consent-delete" => {
                let me = app.sign_in(PHONE).await;
                let accounts = app.latchkey.accounts().await.unwrap();
                accounts.allow(me.id().parse().unwrap(), "poll", "openid").await.unwrap();
                let path = "/v1/me/consents/poll";
                let request = call(Method::DELETE, path, Some(&me.access), None);

                Case::new(request, move |app, _| {
                    let me = me.clone();
                    async move {
                        let left = app.get_as(&me.access, "/v1/me/consents").await;
                        assert_eq!(left.assert_ok()["items"], json!([]));
                    }
                })
                .or(404, "not_found")
            }
            "me-session-delete" => {
                let other = app.person(PHONE).await;
                let me = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
                let id = crate::testing::claims(&other.access)["sid"].as_str().unwrap().to_owned();
                let request =
                    call(Method::DELETE, &format!("/v1/me/sessions/{id}"), Some(&me.access), None);

                Case::new(request, move |app, _| {
                    let (me, other) = (me.clone(), other.clone());
                    async move {
                        app.get_as(&other.access, "/v1/me")
                            .await
                            .assert_problem(401, "token_invalid");
                        app.get_as(&me.access, "/v1/me").await.assert_ok();
                    }
                })
                .or_refused(404, "not_found")
            }
            "undo-confirm" => {
                let me = app.sign_in(PHONE).await;
                app.change_phone(&me, OTHER_PHONE).await;
                let notice = app.texts(PHONE).pop().unwrap().body;
                let path = notice.split_at(notice.find("/undo/").unwrap()).1.to_owned();
                // Somebody has made a new account with the number since.
                app.advance(60);
                app.sign_in(PHONE).await;

                Case::new(call(Method::POST, &path, None, None), move |app, _| {
                    let me = me.clone();
                    async move {
                        app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
                        app.advance(3600);
                        assert_eq!(app.sign_in(PHONE).await.id(), me.id());
                        assert_ne!(app.sign_in(OTHER_PHONE).await.id(), me.id());
                    }
                })
                .or(404, "not_found")
            }
            _ => panic!("{case}"),
        }
    })
}

/// A user whom an administrator created, with a password and the `ADMIN_PHONE`, which is not
/// verified yet. The administrator has changed to another phone. Returns the user's id.
async fn created_by_an_administrator(app: &TestApp) -> String {
    let admin = app.sign_in(ADMIN_PHONE).await;
    app.change_phone(&admin, OTHER_PHONE).await;
    let made = app.create_user(&admin, json!({"phone": ADMIN_PHONE, "password": PASSWORD})).await;
    app.advance(3600);
    made.assert_created()["id"].as_str().unwrap().to_owned()
}

async fn assert_password(app: TestApp, who: serde_json::Value) {
    app.login(who.clone(), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.login(who, NEW_PASSWORD).await.assert_ok();
}

async fn new_phone(app: &TestApp) -> Case {
    let me = app.sign_in(PHONE).await;
    let change = json!({"phone": OTHER_PHONE});
    let id = app.post_as(&me.access, "/v1/me/phone", change.clone()).await.challenge_id();
    let body = json!({"challenge_id": id, "code": app.code(OTHER_PHONE)});
    let request = call(Method::POST, "/v1/otp/verify", Some(&me.access), Some(body));

    Case::new(request, move |app, answer| {
        let (me, change) = (me.clone(), change.clone());
        async move {
            if answer.status != 200 {
                app.advance(60);
                let id = app.post_as(&me.access, "/v1/me/phone", change).await.challenge_id();
                app.verify_as(&me.access, &id, &app.code(OTHER_PHONE)).await.assert_ok();
            }

            assert_eq!(app.me(&me.access).await["phone"], OTHER_PHONE);

            // The previous phone is free again.
            app.advance(60);
            assert_eq!(app.sign_in(PHONE).await.json["is_new_user"], true);
        }
    })
    .or(410, "otp_expired")
}

fn deletes_account(me: &crate::testing::SignedIn) -> Case {
    let me = me.clone();
    Case::new(call(Method::DELETE, "/v1/me", Some(&me.access), None), move |app, _| {
        let me = me.clone();
        async move {
            app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
            assert!(app.items_of(me.id()).await.is_empty(), "data of the deleted user is left");
            app.advance(3600);
            assert_eq!(app.sign_in(PHONE).await.json["is_new_user"], true);
        }
    })
    .or_refused(401, "token_invalid")
}
