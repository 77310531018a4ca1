//! Endpoints that start, continue or end a session.

use axum::http::{Method, Request, header};
use serde_json::{Value, json};

use crate::testing::{
    Answer, PHONE, SignedIn, TestApp,
    accounts::PASSWORD,
    apps::encoded,
    faults::{Boxed, Case, call},
    hosted::{Browser, hosted_app, hosted_app_with},
    second_factor::Authenticator,
};

pub(super) const CASES: [&str; 16] = [
    "otp-verify",
    "otp-verify: by a page of an app",
    "otp-verify: a new user",
    "otp-verify: after a wrong code",
    "otp-verify: a second factor is due",
    "auth-login",
    "auth-refresh",
    "auth-mfa",
    "auth-mfa: by recovery code",
    "auth-logout",
    "oauth2-token",
    "oauth2-token: by code",
    "oauth2-revoke",
    "oauth2-par",
    "oauth2-device",
    "sign-in",
];

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        match case {
            "otp-verify" => {
                app.sign_in(PHONE).await;
                app.advance(3600);
                code(&app, None).await
            }
            "otp-verify: a new user" => code(&app, None).await,
            "otp-verify: by a page of an app" => {
                let origin = "https://shop.example.com";
                hosted_app_with(&app, "shop", |app| {
                    app.allowed_origins = vec![origin.to_owned()];
                })
                .await;
                code(&app, Some(origin)).await
            }
            "otp-verify: after a wrong code" => after_wrong_code(&app).await,
            "otp-verify: a second factor is due" => {
                let (_, authenticator) = app.protected(PHONE).await;
                app.advance(3600);
                code_before_second_factor(&app, authenticator).await
            }
            "auth-login" => {
                app.person(PHONE).await;
                let body = json!({"phone": PHONE, "password": PASSWORD});
                Case::new(post("/v1/auth/login", body), |app, answer| async move {
                    assert_lives(&app, &answer.signed_in()).await;
                })
            }
            "auth-mfa" => {
                let (_, authenticator) = app.protected(PHONE).await;
                let code = authenticator.code(&app);
                second_factor(&app, authenticator, "totp", code).await
            }
            "auth-mfa: by recovery code" => {
                let (_, authenticator) = app.protected(PHONE).await;
                let code = authenticator.recovery_codes[0].clone();
                second_factor(&app, authenticator, "recovery_code", code).await
            }
            "auth-refresh" => {
                let me = app.sign_in(PHONE).await;
                Case::new(post("/v1/auth/refresh", json!({"refresh_token": me.refresh})), refreshed)
            }
            "auth-logout" => {
                // Signs out everywhere, which takes one write, as for one session.
                let other = app.person(PHONE).await;
                let me = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
                signed_out(me, other)
            }
            "oauth2-token" => {
                let me = app.sign_in(PHONE).await;
                let fields = [("grant_type", "refresh_token"), ("refresh_token", &*me.refresh)];
                Case::new(form("/oauth2/token", &fields), refreshed)
            }
            "oauth2-token: by code" => {
                let client = hosted_app(&app).await;
                let mut browser = Browser::new(&app);
                let page = browser.sign_in(&client.url(&[]), PHONE).await;
                let code = page.authorization_code(&client);
                // If a reply is lost for good, the person signs in again.
                Case::new(form("/oauth2/token", &client.fields(&code)), move |app, answer| {
                    let (client, mut browser) = (client.clone(), browser.at(&app));
                    async move {
                        let answer = match answer.status.as_u16() {
                            200 => answer,
                            _ => {
                                let page = browser.get(&client.url(&[])).await;
                                client.exchange(&app, &page.authorization_code(&client)).await
                            }
                        };
                        let token = answer.assert_ok()["access_token"].as_str().unwrap();
                        app.get_as(token, "/v1/me").await.assert_ok();
                        let token = answer.json["refresh_token"].as_str().unwrap();
                        app.grant_refresh("shop", token).await.assert_ok();
                    }
                })
                .or(400, "invalid_grant")
            }
            "sign-in" => {
                let mut browser = Browser::new(&app);
                let page = browser.get(&hosted_app(&app).await.url(&[])).await;
                let mut request = browser.form(&page, &[("identifier", PHONE)]);
                request.headers_mut().remove(header::ACCEPT);
                // The page says to wait if the first request was lost after the code was sent.
                Case::new(request, |_, answer| async move {
                    assert!(answer.text.contains("name=\"flow\""), "{}", answer.text);
                })
            }
            "oauth2-par" => {
                let client = hosted_app(&app).await;
                let url = client.url(&[]);
                let (_, query) = url.split_once('?').unwrap();
                let fields: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                Case::new(form("/oauth2/par", &fields), |app, answer| async move {
                    assert_eq!(answer.status, 201, "{}", answer.text);
                    let name = answer.json["request_uri"].as_str().unwrap();
                    let path = encoded(&[("client_id", "shop"), ("request_uri", name)]);
                    let path = format!("/oauth2/authorize?{path}");
                    assert_eq!(Browser::new(&app).get(&path).await.status, 200);
                })
            }
            "oauth2-device" => {
                let request = form("/oauth2/device_authorization", &[]);
                Case::new(request, |app, answer| async move {
                    let code = answer.assert_ok()["device_code"].as_str().unwrap();
                    let grant = "urn:ietf:params:oauth:grant-type:device_code";
                    let poll = [("grant_type", grant), ("device_code", code)];
                    let answer = app.form(None, "/oauth2/token", &poll).await;
                    answer.assert_oauth(400, "authorization_pending");
                })
            }
            "oauth2-revoke" => {
                let me = app.sign_in(PHONE).await;
                let request = form("/oauth2/revoke", &[("token", &*me.refresh)]);
                Case::new(request, move |app, answer| {
                    let me = me.clone();
                    async move {
                        answer.assert_empty_ok();
                        assert_ended(&app, &me).await;
                    }
                })
            }
            _ => panic!("{case}"),
        }
    })
}

fn post(path: &str, body: Value) -> Request<Vec<u8>> {
    call(Method::POST, path, None, Some(body))
}

fn form(path: &str, fields: &[(&str, &str)]) -> Request<Vec<u8>> {
    let request =
        Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(encoded(fields).into_bytes()).unwrap()
}

async fn assert_lives(app: &TestApp, me: &SignedIn) {
    app.get_as(&me.access, "/v1/me").await.assert_ok();
    app.refresh(&me.refresh).await.assert_ok();
    assert_eq!(app.items_like("USER").await.len(), 1);
}

async fn assert_ended(app: &TestApp, me: &SignedIn) {
    app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&me.refresh).await.assert_problem(401, "token_invalid");
}

/// A code that signs a person in, on a page of `origin` if there is one, which has to be able to read
/// the answer. If its reply is lost, the next code does.
async fn code(app: &TestApp, origin: Option<&'static str>) -> Case {
    let id = match origin {
        None => app.challenge(PHONE).await,
        Some(_) => {
            let body = json!({"phone": PHONE, "client_id": "shop"});
            app.post("/v1/otp/send", body).await.challenge_id()
        }
    };
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    let mut request = post("/v1/otp/verify", body);
    if let Some(origin) = origin {
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    }
    Case::new(request, move |app, answer| async move {
        if let Some(origin) = origin {
            assert_eq!(answer.header("access-control-allow-origin"), origin);
        }
        let me = if answer.status == 200 {
            answer.signed_in()
        } else {
            app.advance(60);
            app.sign_in(PHONE).await
        };
        match origin {
            None => assert_lives(&app, &me).await,
            Some(_) => drop(app.get_as(&me.access, "/v1/me").await.assert_ok()),
        }
    })
    .or(410, "otp_expired")
}

/// The right code after a wrong one. It ends a run of failures.
async fn after_wrong_code(app: &TestApp) -> Case {
    let id = app.challenge(PHONE).await;
    app.verify(&id, &crate::testing::wrong(&app.code(PHONE)))
        .await
        .assert_problem(400, "otp_incorrect");

    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    Case::new(post("/v1/otp/verify", body), |app, answer| async move {
        if answer.status != 200 {
            app.advance(60);
            app.sign_in(PHONE).await;
        }
    })
    .or(410, "otp_expired")
}

async fn code_before_second_factor(app: &TestApp, authenticator: Authenticator) -> Case {
    let id = app.challenge(PHONE).await;
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    Case::new(post("/v1/otp/verify", body), move |app, answer| {
        let authenticator = authenticator.clone();
        async move {
            let token = if answer.status == 200 {
                answer.mfa_token()
            } else {
                app.advance(60);
                let id = app.challenge(PHONE).await;
                app.verify(&id, &app.code(PHONE)).await.mfa_token()
            };
            app.totp(&token, &authenticator.code(&app)).await.assert_ok();
        }
    })
    .or(410, "otp_expired")
}

async fn second_factor(
    app: &TestApp,
    authenticator: Authenticator,
    method: &'static str,
    code: String,
) -> Case {
    let token = app.first_factor(PHONE).await;
    let body = json!({"mfa_token": token, "method": method, "code": code});
    Case::new(post("/v1/auth/mfa", body), move |app, answer| {
        let authenticator = authenticator.clone();
        async move {
            let me = if answer.status == 200 {
                answer.signed_in()
            } else {
                // The code is used up. The next time step has another one.
                app.advance(30);
                let token = app.first_factor(PHONE).await;
                app.totp(&token, &authenticator.code(&app)).await.signed_in()
            };
            assert_lives(&app, &me).await;
        }
    })
    .or(401, "token_invalid")
}

async fn refreshed(app: TestApp, answer: Answer) {
    let token = |name: &str| answer.assert_ok()[name].as_str().unwrap().to_owned();
    app.get_as(&token("access_token"), "/v1/me").await.assert_ok();
    app.advance(60);
    app.refresh(&token("refresh_token")).await.assert_ok();
}

fn signed_out(me: SignedIn, other: SignedIn) -> Case {
    let request =
        call(Method::POST, "/v1/auth/logout", Some(&me.access), Some(json!({"all": true})));
    Case::new(request, move |app, _| {
        let (me, other) = (me.clone(), other.clone());
        async move {
            assert_ended(&app, &me).await;
            assert_ended(&app, &other).await;
        }
    })
    .or_refused(401, "token_invalid")
}
