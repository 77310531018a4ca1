use axum::http::Method;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, invariants::assert_invariants, passkeys::PASSKEYS,
};

#[tokio::test]
async fn a_removed_passkey_signs_in_no_more() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, id) = app.passkey(&me).await;
    let path = format!("/v1/me/passkeys/{id}");
    let other = app.sign_in(OTHER_PHONE).await;
    app.call_as(&other.access, Method::DELETE, &path).await.assert_problem(404, "not_found");

    // It needs no fresh sign-in: the phone still signs in.
    app.advance(3600);
    let me =
        app.refresh(&me.refresh).await.assert_ok()["access_token"].as_str().unwrap().to_owned();
    app.call_as(&me, Method::DELETE, &path).await.assert_done();
    app.call_as(&me, Method::DELETE, &path).await.assert_problem(404, "not_found");
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
    assert!(app.items_like("PASSKEY").await.is_empty());
    assert_invariants(&app).await;
}

#[tokio::test]
async fn an_erased_account_leaves_no_passkey() {
    let app = TestApp::with(&[PASSKEYS, ("ERASURE_DELAY_DAYS", "0")]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    app.call_as(&me.access, Method::DELETE, "/v1/me").await.assert_done();
    assert!(app.items_like("PASSKEY").await.is_empty());
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
}
