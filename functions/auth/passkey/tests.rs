use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp, at_once,
    bodies::assert_strict,
    claims, count, late,
    passkeys::{Keeper, Lie, PASSKEYS},
    tally,
};

const PATH: &str = "/v1/auth/passkey";

#[tokio::test]
async fn a_passkey_signs_in_with_two_factors() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    app.advance(60);

    let answer = app.sign_in_by_passkey(&keeper).await;
    let person = answer.signed_in();
    assert_eq!(answer.json["status"], "signed_in");
    assert_eq!(answer.json["is_new_user"], false);
    assert!(answer.json["device_token"].as_str().unwrap().starts_with("lkd_"));
    let told = claims(&person.access);
    assert_eq!(told["sub"], me.id());
    assert_eq!((&told["amr"], &told["acr"]), (&json!(["pop", "user", "mfa"]), &json!("aal2")));

    app.advance(60);
    let refreshed = app.refresh(&person.refresh).await;
    assert_eq!(claims(refreshed.assert_ok()["access_token"].as_str().unwrap())["acr"], "aal2");
    let activity = app.get_as(&person.access, "/v1/me/activity").await;
    assert_eq!(activity.assert_ok()["items"][0]["action"], "sign_in");
}

#[tokio::test]
async fn it_is_enough_for_a_user_with_an_authenticator_app() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    let (keeper, _) = app.passkey(&me).await;
    app.sign_in_by_passkey(&keeper).await.signed_in();
}

#[tokio::test]
async fn a_sign_in_takes_three_writes() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    app.advance(60);
    app.sign_in_by_passkey(&keeper).await.assert_ok();
    app.advance(60);
    let options = app.passkey_challenge(json!({})).await;
    let credential = keeper.get(&options);
    let (answer, units) = app.units(app.use_passkey(credential)).await;
    answer.assert_ok();
    // The passkey, the user, and the app; the used challenge, the session and the event.
    assert_eq!(units, (3.0, 3.0));

    // The first use of a day is noted.
    app.advance(24 * 3600);
    let credential = keeper.get(&app.passkey_challenge(json!({})).await);
    let (answer, (_, written)) = app.units(app.use_passkey(credential)).await;
    let person = answer.signed_in();
    assert!((written - 4.0).abs() < f64::EPSILON, "{written}");
    let listed = app.get_as(&person.access, "/v1/me/passkeys").await;
    assert_eq!(listed.assert_ok()["items"][0]["last_used_at"], app.now());
}

/// A refusal, which says nothing about whose the passkey is.
#[track_caller]
fn assert_invalid(answer: &Answer) {
    answer.assert_problem(401, "passkey_invalid");
}

#[tokio::test]
async fn a_passkey_that_is_not_used_as_it_must_be_is_refused() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (mut keeper, _) = app.passkey(&me).await;
    let faults: [Lie; 8] = [
        ("user verification", |it| it.flags = 0b0001_1001),
        ("user verification", |it| it.flags = 0b0001_1100),
        ("another kind", |it| it.flags = 0b0000_0101),
        ("another domain", |it| it.rp_id = "example.org".into()),
        ("origin", |it| it.origin = "https://evil.example".into()),
        ("frame", |it| it.client_data = json!({"crossOrigin": true})),
        ("another kind of ceremony", |it| it.client_data = json!({"type": "webauthn.create"})),
        ("wrong signature", |it| it.handle = vec![7; 32]),
    ];
    for (reason, change) in faults {
        let options = app.passkey_challenge(json!({})).await;
        let (origin, rp_id, flags) = (keeper.origin.clone(), keeper.rp_id.clone(), keeper.flags);
        let (handle, client_data) = (keeper.handle.clone(), keeper.client_data.clone());
        change(&mut keeper);
        let refused = app.use_passkey(keeper.get(&options)).await;
        assert_invalid(&refused);
        assert!(refused.text.contains(reason), "{reason}: {}", refused.text);
        (keeper.origin, keeper.rp_id, keeper.flags) = (origin, rp_id, flags);
        (keeper.handle, keeper.client_data) = (handle, client_data);
    }
    app.sign_in_by_passkey(&keeper).await.assert_ok();

    // Somebody else's key under the same id.
    let mut forger = Keeper::new();
    (forger.id, forger.handle) = (keeper.id.clone(), keeper.handle.clone());
    assert_invalid(&app.sign_in_by_passkey(&forger).await);
    let mut without_handle = keeper.get(&app.passkey_challenge(json!({})).await);
    without_handle["response"]["userHandle"] = Value::Null;
    assert_invalid(&app.use_passkey(without_handle).await);

    let activity = app.get_as(&me.access, "/v1/me/activity").await;
    let failures = activity.assert_ok()["items"].as_array().unwrap().iter();
    let failures = failures.filter(|event| event["result"] == "failure").count();
    assert!(failures >= 9, "the user can see them: {failures}");
}

#[tokio::test]
async fn a_challenge_is_good_once_for_its_purpose() {
    let (app, admin) = TestApp::with_admin_and(&[PASSKEYS]).await;
    app.public_app(&admin, "shop").await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;

    let options = app.passkey_challenge(json!({})).await;
    let credential = keeper.get(&options);
    app.use_passkey(credential.clone()).await.assert_ok();
    assert_invalid(&app.use_passkey(credential).await);
    assert_invalid(&app.use_passkey(keeper.get(&options)).await);

    let options = app.passkey_challenge(json!({"client_id": "shop"})).await;
    let credential = keeper.get(&options);
    assert_invalid(&app.use_passkey(credential.clone()).await);
    let in_shop = json!({"credential": credential, "client_id": "shop"});
    let person = app.post(PATH, in_shop).await.signed_in();
    assert_eq!(claims(&person.access)["client_id"], "shop");

    let of_creation = app.passkey_options(&me).await;
    assert_invalid(&app.use_passkey(keeper.get(of_creation.assert_ok())).await);
    let options = app.passkey_challenge(json!({})).await;
    app.advance(300);
    assert_invalid(&app.use_passkey(keeper.get(&options)).await);
    app.sign_in_by_passkey(&keeper).await.assert_ok();
}

#[tokio::test]
async fn one_of_many_uses_of_a_challenge_signs_in() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let credential = keeper.get(&app.passkey_challenge(json!({})).await);
    let answers = at_once(10, |_| {
        let (app, credential) = (app.clone(), credential.clone());
        async move { app.use_passkey(credential).await }
    })
    .await;
    let won = count(&answers, 200);
    assert!(won <= 1 && won + late(&answers) >= 1, "{:?}", tally(&answers));
}

#[tokio::test]
async fn a_passkey_that_nobody_has_is_unknown() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let mut keeper = Keeper::new();
    keeper.handle = vec![7; 32];
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
    keeper.id = vec![7; 1024];
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
    keeper.id = Vec::new();
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
}

#[tokio::test]
async fn a_disabled_user_cannot_sign_in_and_their_app_can_be_off() {
    let (app, admin) = TestApp::with_admin_and(&[PASSKEYS]).await;
    app.public_app(&admin, "shop").await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let credential = keeper.get(&app.passkey_challenge(json!({"client_id": "shop"})).await);
    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    let in_shop = json!({"credential": credential, "client_id": "shop"});
    app.post(PATH, in_shop).await.assert_problem(403, "app_disabled");
    app.disable(me.id()).await;
    app.sign_in_by_passkey(&keeper).await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn a_confidential_app_authenticates() {
    let (app, admin) = TestApp::with_admin_and(&[PASSKEYS]).await;
    let server = app.server(&admin, "portal").await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let use_it = async |authorization: Option<String>, named: bool| {
        let path = "/v1/auth/passkey/options";
        let of_portal = json!({"client_id": "portal"});
        let options = app.post_by(&server.basic(), path, of_portal).await;
        let mut body = json!({"credential": keeper.get(options.assert_ok())});
        if named {
            body["client_id"] = json!("portal");
        }
        match authorization {
            Some(authorization) => app.post_by(&authorization, PATH, body).await,
            None => app.post(PATH, body).await,
        }
    };
    use_it(None, true).await.assert_problem(401, "invalid_client");
    for named in [true, false] {
        let person = use_it(Some(server.basic()), named).await.signed_in();
        assert_eq!(claims(&person.access)["client_id"], "portal");
    }
}

#[tokio::test]
async fn a_counter_that_stands_still_is_noted_and_keeps_nobody_out() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let mut keeper = Keeper::new();
    // A security key: it counts, and its passkeys stay in it.
    (keeper.flags, keeper.count) = (0b0000_0101, 1);
    let options = app.passkey_options(&me).await;
    app.add_passkey(&me, keeper.create(options.assert_ok())).await;
    let counters = async || {
        let activity = app.get_as(&me.access, "/v1/me/activity").await;
        let items = activity.assert_ok()["items"].as_array().unwrap().clone();
        items.iter().filter(|event| event["action"] == "passkey_counter").count()
    };
    keeper.count = 2;
    app.sign_in_by_passkey(&keeper).await.assert_ok();
    assert_eq!(counters().await, 0);
    for count in [2, 1] {
        keeper.count = count;
        app.sign_in_by_passkey(&keeper).await.assert_ok();
    }
    assert_eq!(counters().await, 2);
}

#[tokio::test]
async fn administrators_remove_them_and_need_their_own() {
    let (app, admin) = TestApp::with_admin_and(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let (of_other, _) = app.passkey(&other).await;
    let path = format!("/v1/users/{}/mfa", me.id());
    app.call_as(&admin.access, Method::DELETE, &path).await.assert_done();
    app.sign_in_by_passkey(&keeper).await.assert_problem(401, "passkey_unknown");
    app.sign_in_by_passkey(&of_other).await.assert_ok();

    // An administrator who has a passkey administers with it.
    let (own, _) = app.passkey(&admin).await;
    let refused = app.get_as(&admin.access, "/v1/users").await;
    refused.assert_problem(401, "insufficient_user_authentication");
    let admin = app.sign_in_by_passkey(&own).await.signed_in();
    app.get_as(&admin.access, "/v1/users").await.assert_ok();
}

#[tokio::test]
async fn broken_bodies_are_refused() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let good = keeper.get(&app.passkey_challenge(json!({})).await);
    for (path, value, status) in [
        ("/id", json!("not base64!"), 400),
        ("/type", json!("password"), 400),
        ("/response", json!({}), 400),
        ("/response/signature", json!(7), 400),
        ("/response/clientDataJSON", json!("AAAA"), 401),
        ("/response/authenticatorData", json!("AAAA"), 401),
        ("/response/authenticatorData", json!(""), 401),
        ("/response/signature", json!(""), 401),
    ] {
        let mut credential = good.clone();
        *credential.pointer_mut(path).unwrap() = value.clone();
        let refused = app.use_passkey(credential).await;
        assert_eq!(refused.status, status, "{path} {value}: {}", refused.text);
    }
    let data = good["response"]["authenticatorData"].as_str().unwrap();
    let longer = [BASE64URL_NOPAD.decode(data.as_bytes()).unwrap(), vec![0]].concat();
    let mut credential = good.clone();
    credential["response"]["authenticatorData"] = json!(BASE64URL_NOPAD.encode(&longer));
    assert_invalid(&app.use_passkey(credential).await);
    app.use_passkey(good.clone()).await.assert_ok();
    assert_strict(&app, None, PATH, &json!({"credential": good})).await;
    app.get(PATH).await.assert_problem(405, "method_not_allowed");
}
