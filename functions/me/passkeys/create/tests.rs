use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, at_once,
    bodies::assert_strict,
    invariants::assert_invariants,
    passkeys::{Keeper, Lie, PASSKEYS},
    undoing,
};

const PATH: &str = "/v1/me/passkeys";

#[tokio::test]
async fn a_passkey_is_added_under_the_name_of_its_keeper() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let mut keeper = Keeper::new();
    keeper.aaguid = uuid::uuid!("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4").into_bytes();
    let options = app.passkey_options(&me).await;
    let added = app.add_passkey(&me, keeper.create(options.assert_ok())).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(
        added.json,
        json!({
            "id": added.json["id"],
            "name": "Google Password Manager",
            "keeper": "Google Password Manager",
            "credential_id": BASE64URL_NOPAD.encode(&keeper.id),
            "transports": ["hybrid", "internal"],
            "synced": true,
            "created_at": app.now(),
            "last_used_at": app.now(),
        })
    );

    let mut other = Keeper::new();
    let options = app.passkey_options(&me).await;
    let credential = other.create(options.assert_ok());
    let body = json!({"credential": credential, "name": " My key "});
    let named = app.post_as(&me.access, PATH, body).await;
    assert_eq!((&named.json["name"], &named.json["keeper"]), (&json!("My key"), &Value::Null));
    assert_invariants(&app).await;
}

#[tokio::test]
async fn the_user_is_told_and_can_undo_it() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (kept, _) = app.passkey(&me).await;
    // Longer ago than what can be undone.
    app.advance(4 * 24 * 3600);

    let thief = app.sign_in_again(PHONE).await;
    let (stolen, _) = app.passkey(&thief).await;
    let text = app.texts(PHONE).pop().unwrap().body;
    assert!(text.contains("A passkey was added to your Latchkey account"), "{text}");
    let link = undoing::link(&app, PHONE).unwrap();
    undoing::undo(&app, &link).await;

    app.sign_in_by_passkey(&stolen).await.assert_problem(401, "passkey_unknown");
    app.sign_in_by_passkey(&kept).await.assert_ok();
    app.get_as(&thief.access, PATH).await.assert_problem(401, "token_invalid");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_credential_that_is_not_as_it_must_be_is_refused_with_the_reason() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let faults: [Lie; 9] = [
        ("user verification", |it| it.flags = 0b0000_0001),
        ("user verification", |it| it.flags = 0b0000_0100),
        ("contradicts itself", |it| it.flags = 0b0001_0101),
        ("another domain", |it| it.rp_id = "example.org".into()),
        ("origin", |it| it.origin = "https://evil.example".into()),
        ("origin", |it| it.origin = "https://example.com.evil.example".into()),
        ("origin", |it| it.origin = "https://shop.example.com".into()),
        ("frame", |it| it.client_data = json!({"crossOrigin": true})),
        ("frame", |it| it.client_data = json!({"topOrigin": "https://other.example"})),
    ];
    for (reason, change) in faults {
        let mut keeper = Keeper::new();
        change(&mut keeper);
        let options = app.passkey_options(&me).await;
        let refused = app.add_passkey(&me, keeper.create(options.assert_ok())).await;
        refused.assert_field("credential");
        assert!(refused.text.contains(reason), "{reason}: {}", refused.text);
    }
    let listed = app.get_as(&me.access, PATH).await;
    assert_eq!(listed.assert_ok()["items"], json!([]));
}

#[tokio::test]
async fn only_new_options_of_the_same_user_are_good() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let (mine, of_other) = (app.passkey_options(&me).await, app.passkey_options(&other).await);
    let sign_in = app.passkey_challenge(json!({})).await;
    let mut keeper = Keeper::new();
    let mut invented = mine.json.clone();
    invented["challenge"] = json!(BASE64URL_NOPAD.encode(&[7; 56]));
    let mut of_sign_in = mine.json.clone();
    of_sign_in["challenge"] = sign_in["challenge"].clone();
    for options in [of_other.assert_ok(), &invented, &of_sign_in] {
        app.add_passkey(&me, keeper.create(options)).await.assert_field("credential");
    }

    let credential = keeper.create(mine.assert_ok());
    app.advance(300);
    app.add_passkey(&me, credential).await.assert_field("credential");
}

#[tokio::test]
async fn a_request_that_is_sent_again_returns_the_same_passkey() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let options = app.passkey_options(&me).await;
    let credential = Keeper::new().create(options.assert_ok());
    let first = app.add_passkey(&me, credential.clone()).await;
    let texts = app.texts(PHONE).len();
    let again = app.add_passkey(&me, credential.clone()).await;
    assert_eq!((again.status.as_u16(), &first.json), (201, &again.json));
    assert_eq!(app.texts(PHONE).len(), texts, "the user is told once");

    // The same credential is of one user, whoever sends it.
    let other = app.sign_in(OTHER_PHONE).await;
    let mut keeper = Keeper::new();
    keeper.id =
        BASE64URL_NOPAD.decode(first.json["credential_id"].as_str().unwrap().as_bytes()).unwrap();
    let options = app.passkey_options(&other).await;
    app.add_passkey(&other, keeper.create(options.assert_ok()))
        .await
        .assert_problem(409, "conflict");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn options_are_for_one_passkey() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let options = app.passkey_options(&me).await;
    app.add_passkey(&me, Keeper::new().create(options.assert_ok())).await.assert_created();
    let other = Keeper::new().create(options.assert_ok());
    app.add_passkey(&me, other).await.assert_problem(409, "conflict");
    assert_eq!(app.items_like("PASSKEY").await.len(), 1);
}

#[tokio::test]
async fn a_user_has_at_most_ten() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let spare = app.passkey_options(&me).await;
    let mut first = None;
    for _ in 0..10 {
        first.get_or_insert(app.passkey(&me).await.1);
    }
    app.passkey_options(&me).await.assert_problem(409, "conflict");
    let credential = Keeper::new().create(spare.assert_ok());
    app.add_passkey(&me, credential).await.assert_problem(409, "conflict");

    let path = format!("{PATH}/{}", first.unwrap());
    app.call_as(&me.access, Method::DELETE, &path).await.assert_done();
    app.passkey(&me).await;
    assert_invariants(&app).await;
}

#[tokio::test]
async fn of_two_first_passkeys_with_different_handles_one_is_added() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let mut credentials = Vec::new();
    for _ in 0..4 {
        let options = app.passkey_options(&me).await;
        credentials.push(Keeper::new().create(options.assert_ok()));
    }
    let answers = at_once(4, |index| {
        let (app, me, credential) = (app.clone(), me.clone(), credentials[index].clone());
        async move { app.add_passkey(&me, credential).await }
    })
    .await;
    let added = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(added, 1, "{:?}", answers.iter().map(|it| &it.text).collect::<Vec<_>>());
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.assert_problem(409, "conflict");
    }
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_page_of_the_user_s_app_may_ask_for_a_passkey() {
    let settings = [
        PASSKEYS,
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        (
            "PASSKEY_ORIGINS",
            "https://example.org,android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ),
    ];
    let app = TestApp::with(&settings).await;
    let me = app.sign_in(PHONE).await;
    for (origin, is_good) in [
        ("https://www.example.com", true),
        ("https://example.org", true),
        ("android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true),
        ("android:apk-key-hash:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false),
        ("https://api.example.com", false),
        ("http://example.com", false),
        ("https://example.com:8443", false),
        ("null", false),
    ] {
        let mut keeper = Keeper::new();
        keeper.origin = origin.to_owned();
        let options = app.passkey_options(&me).await;
        let added = app.add_passkey(&me, keeper.create(options.assert_ok())).await;
        assert_eq!(added.status == 201, is_good, "{origin}: {}", added.text);
    }
}

#[tokio::test]
async fn broken_bodies_are_refused_and_change_nothing() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let options = app.passkey_options(&me).await;
    let good = Keeper::new().create(options.assert_ok());
    for (path, value) in [
        ("/id", json!("not base64!")),
        ("/id", json!("AAAA")),
        ("/id", json!(7)),
        ("/type", json!("password")),
        ("/response", json!({})),
        ("/response/clientDataJSON", json!("e30")),
        ("/response/clientDataJSON", json!("AAAA")),
        ("/response/attestationObject", json!("")),
        ("/response/attestationObject", json!("oA")),
        ("/response/attestationObject", json!("AAAA")),
    ] {
        let mut credential = good.clone();
        *credential.pointer_mut(path).unwrap() = value.clone();
        let refused = app.add_passkey(&me, credential).await;
        assert_eq!(refused.status, 400, "{path} {value}: {}", refused.text);
        assert!(refused.text.contains("credential"), "{}", refused.text);
    }

    // Every cut of the attestation object, and many changes of a byte.
    let object = good["response"]["attestationObject"].as_str().unwrap();
    let object = BASE64URL_NOPAD.decode(object.as_bytes()).unwrap();
    for cut in (0..object.len()).step_by(7) {
        let mut credential = good.clone();
        credential["response"]["attestationObject"] = json!(BASE64URL_NOPAD.encode(&object[..cut]));
        app.add_passkey(&me, credential).await.assert_field("credential");
    }
    for name in ["", " ", "a\nb", &"a".repeat(65)] {
        let body = json!({"credential": good, "name": name});
        app.post_as(&me.access, PATH, body).await.assert_field("name");
    }
    assert_strict(&app, Some(&me.access), PATH, &json!({"credential": good})).await;
}
