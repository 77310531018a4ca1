//! Endpoints with which people add, change and use passkeys.

use std::sync::Arc;

use axum::http::Method;
use serde_json::json;

use crate::testing::{
    PHONE, SignedIn, TestApp,
    faults::{Boxed, Case, call},
    passkeys::Keeper,
};

pub(super) const CASES: [&str; 5] = [
    "me-passkeys-create",
    "me-passkeys-update",
    "me-passkeys-delete",
    "auth-passkey",
    "auth-mfa: by passkey",
];

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        match case {
            "me-passkeys-create" => added(&app).await,
            "me-passkeys-update" => renamed(&app).await,
            "me-passkeys-delete" => removed(&app).await,
            "auth-passkey" => signed_in(&app).await,
            _ => second_factor(&app).await,
        }
    })
}

async fn with_passkey(app: &TestApp) -> (SignedIn, Arc<Keeper>, String) {
    let me = app.sign_in(PHONE).await;
    let (keeper, id) = app.passkey(&me).await;
    (me, Arc::new(keeper), format!("/v1/me/passkeys/{id}"))
}

async fn added(app: &TestApp) -> Case {
    let me = app.sign_in(PHONE).await;
    let mut keeper = Keeper::new();
    let options = app.passkey_options(&me).await;
    let body = json!({"credential": keeper.create(options.assert_ok())});
    let keeper = Arc::new(keeper);
    let request = call(Method::POST, "/v1/me/passkeys", Some(&me.access), Some(body));
    Case::new(request, move |app, answer| {
        let keeper = keeper.clone();
        async move {
            assert_eq!(answer.status, 201, "{}", answer.text);
            app.sign_in_by_passkey(&keeper).await.signed_in();
        }
    })
}

async fn renamed(app: &TestApp) -> Case {
    let (me, keeper, path) = with_passkey(app).await;
    let body = json!({"name": "My laptop"});
    let request = call(Method::PATCH, &path, Some(&me.access), Some(body));
    Case::new(request, move |app, answer| {
        let keeper = keeper.clone();
        async move {
            assert_eq!(answer.assert_ok()["name"], "My laptop");
            app.sign_in_by_passkey(&keeper).await.signed_in();
        }
    })
}

async fn removed(app: &TestApp) -> Case {
    let (me, keeper, path) = with_passkey(app).await;
    let request = call(Method::DELETE, &path, Some(&me.access), None);
    Case::new(request, move |app, _| {
        let keeper = keeper.clone();
        async move {
            app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
        }
    })
    .or(404, "not_found")
}

async fn signed_in(app: &TestApp) -> Case {
    let (_, keeper, _) = with_passkey(app).await;
    let options = app.passkey_challenge(json!({})).await;
    let body = json!({"credential": keeper.get(&options)});
    let request = call(Method::POST, "/v1/auth/passkey", None, Some(body));
    Case::new(request, move |app, answer| {
        let keeper = keeper.clone();
        async move {
            let me = match answer.status.as_u16() {
                200 => answer.signed_in(),
                // The challenge is used up.
                _ => app.sign_in_by_passkey(&keeper).await.signed_in(),
            };
            app.get_as(&me.access, "/v1/me").await.assert_ok();
        }
    })
    .or_beside(401, "passkey_invalid")
}

async fn second_factor(app: &TestApp) -> Case {
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    let (keeper, _) = app.passkey(&me).await;
    let token = app.first_factor_or_passkey(PHONE).await;
    let options = app.passkey_challenge(json!({"mfa_token": token})).await;
    let credential = keeper.get(&options);
    let body = json!({"mfa_token": token, "method": "passkey", "credential": credential});
    let keeper = Arc::new(keeper);
    let request = call(Method::POST, "/v1/auth/mfa", None, Some(body));
    Case::new(request, move |app, answer| {
        let keeper = keeper.clone();
        async move {
            match answer.status.as_u16() {
                200 => drop(answer.signed_in()),
                _ => drop(app.sign_in_by_passkey(&keeper).await.signed_in()),
            }
        }
    })
    .or(401, "token_invalid")
}
