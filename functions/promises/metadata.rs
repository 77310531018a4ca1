//! Metadata of users: who may write it, where it is shown, and which of it gets into tokens.

use axum::http::Method;
use serde_json::{Value, json};
use shared::apps::TokenClaims;

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp, at_once, claims,
    hosted::{Browser, hosted_app_with},
    invariants::assert_invariants,
};

const EXTERNAL_ID: &str = "auth0|5f7c8ec7c33c6c004bbafe82";

async fn change(app: &TestApp, admin: &SignedIn, user_id: &str, body: Value) -> Value {
    app.patch_as(admin, &format!("/v1/users/{user_id}"), body).await.assert_ok().clone()
}

#[tokio::test]
async fn metadata_is_merged_and_shown_wherever_the_user_is() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.advance(61);
    let own = json!({"metadata": {"theme": "dark", "seen": {"tour": true}}});
    app.patch_me(&me.access, own).await.assert_ok();
    app.patch_me(&me.access, json!({"metadata": {"theme": null, "seen": {"news": 3}}}))
        .await
        .assert_ok();
    let given = json!({"app_metadata": {"plan": "pro"}, "external_id": EXTERNAL_ID});
    let changed = change(&app, &admin, me.id(), given).await;

    let expected = json!({"seen": {"tour": true, "news": 3}});
    let assert_shown = |user: &Value, at: &str| {
        assert_eq!(user["metadata"], expected, "{at}");
        assert_eq!(user["app_metadata"], json!({"plan": "pro"}), "{at}");
        assert_eq!(user["external_id"], EXTERNAL_ID, "{at}");
    };
    assert_shown(&changed, "PATCH");
    assert_shown(&app.me(&me.access).await, "me");
    assert_shown(app.user(&admin, me.id()).await.assert_ok(), "user");
    assert_shown(&app.sign_in(PHONE).await.json["user"], "sign-in");
    let phone = PHONE.replace('+', "%2B");
    for path in [
        format!("/v1/users?phone={phone}"),
        format!("/v1/users?external_id={}", EXTERNAL_ID.replace('|', "%7C")),
    ] {
        let found = app.get_as(&admin.access, &path).await;
        assert_eq!(found.assert_ok()["items"].as_array().unwrap().len(), 1, "{path}");
        assert_shown(&found.json["items"][0], &path);
    }
    let all = app.all(&admin, "/v1/users?", 50).await;
    assert_eq!(all.len(), 2);
    for user in &all {
        let own = if user["id"] == me.id() { &expected } else { &json!({}) };
        assert_eq!(&user["metadata"], own, "each with their own");
    }
    let path = format!("/v1/users/by-phone/{phone}");
    assert_shown(app.get_as(&admin.access, &path).await.assert_ok(), "by phone");
    let export = app.get_as(&me.access, "/v1/me/export").await;
    assert_shown(&export.assert_ok()["user"], "export");

    // No value of it is in the audit trail.
    let events = app.events(&admin).await;
    assert!(!json!(events).to_string().contains("tour"));
    assert!(json!(events).to_string().contains(r#""app_metadata":{"after":"hidden""#));

    app.patch_me(&me.access, json!({"metadata": null})).await.assert_ok();
    assert_eq!(app.me(&me.access).await["metadata"], json!({}));
    assert_invariants(&app).await;
    app.delete_as(&admin, &format!("/v1/users/{}", me.id())).await.assert_done();
    assert!(app.items_of(me.id()).await.is_empty());
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_user_cannot_write_what_administrators_write() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    for body in [
        json!({"app_metadata": {"plan": "pro"}}),
        json!({"external_id": "1"}),
        json!({"metadata": {}, "app_metadata": null}),
    ] {
        let refused = app.patch_me(&me.access, body.clone()).await;
        refused.assert_field(if body.get("external_id").is_some() {
            "external_id"
        } else {
            "app_metadata"
        });
    }
    assert_eq!(app.user(&admin, me.id()).await.assert_ok()["app_metadata"], json!({}));
}

#[tokio::test]
async fn metadata_that_is_too_much_is_refused_and_nothing_changes() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.patch_me(&me.access, json!({"metadata": {"a": "x".repeat(10_000)}})).await.assert_ok();
    let before = app.me(&me.access).await;
    for metadata in [
        json!({"b": "x".repeat(7_000)}),
        json!({"b": {"c": {"d": {"e": 1}}}}),
        json!({"": 1}),
        json!([1]),
        json!("text"),
    ] {
        let body = json!({"name": "Eve", "metadata": metadata});
        app.patch_me(&me.access, body).await.assert_field("metadata");
        let body = json!({"name": "Eve", "app_metadata": metadata});
        if metadata["b"].as_str().is_none() {
            let path = format!("/v1/users/{}", me.id());
            app.patch_as(&admin, &path, body).await.assert_field("app_metadata");
        }
    }
    assert_eq!(app.me(&me.access).await, before);
}

#[tokio::test]
async fn simultaneous_changes_of_metadata_all_stay() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let change = |place: usize| {
        let (app, access) = (app.clone(), me.access.clone());
        async move {
            let body = json!({"metadata": {format!("key{place}"): place}});
            app.patch_me(&access, body).await.assert_ok();
        }
    };
    at_once(12, change).await;
    let me = app.me(&me.access).await;
    assert_eq!(me["metadata"].as_object().unwrap().len(), 12, "{me}");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn an_id_elsewhere_has_one_owner() {
    let (app, admin) = TestApp::with_staff().await;
    let (ann, bob) = (app.person(PHONE).await, app.person(OTHER_PHONE).await);
    change(&app, &admin, ann.id(), json!({"external_id": "7"})).await;
    let path = format!("/v1/users/{}", bob.id());
    let body = json!({"external_id": "7", "username": "bob"});
    app.patch_as(&admin, &path, body).await.assert_taken("external_id");
    app.patch_as(&admin, &path, json!({"external_id": " 7"})).await.assert_field("external_id");
    let new = json!({"phone": "+14155550199", "external_id": "7"});
    app.create_user(&admin, new).await.assert_taken("external_id");

    change(&app, &admin, ann.id(), json!({"external_id": null})).await;
    change(&app, &admin, bob.id(), json!({"external_id": "7"})).await;
    let find = async |query: &str| app.get_as(&admin.access, &format!("/v1/users?{query}")).await;
    let found = find("external_id=7").await;
    assert_eq!(found.assert_ok()["items"][0]["id"], bob.id());
    assert_eq!(find("external_id=8").await.assert_ok()["items"], json!([]));
    find("external_id=7&email=a%40example.com").await.assert_field("external_id");
    // It signs nobody in.
    app.login(json!({"username": "7"}), "some password").await.assert_field("username");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn named_members_become_claims_of_an_apps_tokens() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    let metadata = json!({"plan": "pro", "tenant": {"id": 7}, "secret": "no"});
    change(&app, &admin, me.id(), json!({"app_metadata": metadata})).await;
    change(&app, &admin, me.id(), json!({"metadata": {"plan": "mine", "vip": true}})).await;
    let body = json!({"token_claims": ["plan", "tenant", "missing"]});
    let updated = app.change_app(&admin, "default", body).await;
    assert_eq!(updated.assert_ok()["token_claims"], json!(["missing", "plan", "tenant"]));

    let signed_in = app.sign_in(PHONE).await;
    let assert_claims = |token: &str, plan: &str| {
        let claims = claims(token);
        assert_eq!((&claims["plan"], &claims["tenant"]), (&json!(plan), &json!({"id": 7})));
        assert!(claims["secret"].is_null() && claims["vip"].is_null());
        assert_eq!(claims["sub"], me.id());
    };
    assert_claims(&signed_in.access, "pro");
    app.get_as(&signed_in.access, "/v1/me").await.assert_ok();

    // A refresh has the values of now.
    change(&app, &admin, me.id(), json!({"app_metadata": {"plan": "free"}})).await;
    let refreshed = app.refresh(&signed_in.refresh).await;
    assert_claims(refreshed.assert_ok()["access_token"].as_str().unwrap(), "free");

    // Another app gets its own claims, in the ID token, too.
    let tenant = TokenClaims::parse(["tenant".to_owned()].into()).unwrap();
    let client = hosted_app_with(&app, "shop", |new| new.token_claims = tenant).await;
    let mut browser = Browser::new(&app);
    let answer = browser.sign_in(&client.url(&[("scope", "openid")]), PHONE).await;
    let tokens = client.exchange(&app, &answer.authorization_code(&client)).await;
    for token in ["access_token", "id_token"] {
        let claims = claims(tokens.assert_ok()[token].as_str().unwrap());
        assert_eq!((&claims["tenant"], &claims["plan"]), (&json!({"id": 7}), &Value::Null));
    }
}

#[tokio::test]
async fn claims_stay_short_and_replace_none_of_a_token() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    for name in ["sub", "roles", "scope", "email", "two words", ""] {
        let body = json!({"token_claims": [name]});
        app.change_app(&admin, "default", body).await.assert_field("token_claims");
    }
    app.change_app(&admin, "default", json!({"token_claims": ["a", "b"]})).await.assert_ok();
    change(&app, &admin, me.id(), json!({"app_metadata": {"a": "x".repeat(400)}})).await;
    let path = format!("/v1/users/{}", me.id());
    let more = json!({"app_metadata": {"b": "y".repeat(200)}});
    app.patch_as(&admin, &path, more).await.assert_field("app_metadata");
    change(&app, &admin, me.id(), json!({"app_metadata": {"c": "z".repeat(2_000)}})).await;

    let new = json!({"phone": OTHER_PHONE, "app_metadata": {"a": "x".repeat(600)}});
    app.create_user(&admin, new).await.assert_field("app_metadata");

    // An app that takes more later gets what fits.
    app.change_app(&admin, "default", json!({"token_claims": ["a", "c"]})).await.assert_ok();
    let claims = claims(&app.sign_in(PHONE).await.access);
    assert!(claims["a"].is_string() && claims["c"].is_null(), "{claims}");
    let none = json!({"token_claims": null});
    assert_eq!(
        app.change_app(&admin, "default", none).await.assert_ok()["token_claims"],
        json!([])
    );
}

#[tokio::test]
async fn nobody_without_metadata_pays_for_it() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    let refresh = async |token: &str| {
        let (answer, units) = app.units(app.refresh(token)).await;
        (answer.assert_ok()["refresh_token"].as_str().unwrap().to_owned(), units)
    };
    let (token, without) = refresh(&me.refresh).await;
    change(&app, &admin, me.id(), json!({"metadata": {"theme": "dark"}})).await;
    let (token, own) = refresh(&token).await;
    change(&app, &admin, me.id(), json!({"app_metadata": {"plan": "pro"}})).await;
    let (_, given) = refresh(&token).await;
    assert_eq!([without, own, given], [(0.0, 1.0), (0.0, 1.0), (2.0, 1.0)]);
    let request = crate::testing::json_request(Method::GET, "/v1/me", Some(&me.access), &json!({}));
    let (_, units) = app.units(app.send(request)).await;
    assert_eq!(units, (2.0, 0.0));
}
