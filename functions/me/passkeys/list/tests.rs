use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, passkeys::PASSKEYS};

const PATH: &str = "/v1/me/passkeys";

#[tokio::test]
async fn a_user_sees_their_own_passkeys_in_order() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let empty = app.get_as(&me.access, PATH).await;
    assert_eq!(empty.assert_ok(), &json!({"items": [], "rp_id": "example.com"}));

    let (keeper, first) = app.passkey(&me).await;
    app.advance(60);
    let (_, second) = app.passkey(&me).await;
    let other = app.sign_in(OTHER_PHONE).await;
    app.passkey(&other).await;

    let listed = app.get_as(&me.access, PATH).await;
    let ids: Vec<_> = listed.assert_ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [first, second]);
    assert_eq!(listed.json["user_handle"], BASE64URL_NOPAD.encode(&keeper.handle));
}

#[tokio::test]
async fn an_export_has_them() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, id) = app.passkey(&me).await;
    let export = app.get_as(&me.access, "/v1/me/export").await;
    let passkey = &export.assert_ok()["passkeys"][0];
    assert_eq!(passkey["id"], id);
    assert_eq!(passkey["user_handle"], BASE64URL_NOPAD.encode(&keeper.handle));
    assert_eq!(passkey["sign_count"], 0);
}
