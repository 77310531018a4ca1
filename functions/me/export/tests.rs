use std::{collections::BTreeSet, net::IpAddr};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use shared::{
    base::ShortId,
    identifiers::ExternalId,
    users::{MetadataPatch, User},
};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, Item, PASSWORD},
    json_request,
    passkeys::PASSKEYS,
};

/// The attributes that are not exported: keys, hashes and counters that say nothing about the user.
const NOT_EXPORTED: [&str; 14] = [
    "sign_in_epoch",
    "pk",
    "sk",
    "list",
    "list_key",
    "password",
    "password_count",
    "device_epoch",
    "version",
    "h",
    "sealed_secret",
    "last_step",
    "recovery_codes",
    "changed_by",
];

/// Every form in which an export may show the value of an attribute.
fn readings(value: &AttributeValue) -> Vec<Value> {
    match value {
        AttributeValue::S(text) if text.starts_with('{') => {
            vec![serde_json::from_str(text).unwrap()]
        }
        AttributeValue::S(text) => {
            let id = ShortId::parse(text).map(|id| json!(id.0));
            id.into_iter().chain([json!(text)]).collect()
        }
        AttributeValue::Bool(bool) => vec![json!(bool)],
        AttributeValue::B(bytes) => vec![json!(BASE64URL_NOPAD.encode(bytes.as_ref()))],
        AttributeValue::N(number) => {
            let number: i64 = number.parse().unwrap();
            let times = [Timestamp::from_second(number), Timestamp::from_millisecond(number)];
            times
                .into_iter()
                .flatten()
                .map(|time| json!(format!("{time:.3}")))
                .chain([json!(number)])
                .collect()
        }
        other => panic!("an attribute of a type that this test cannot compare: {other:?}"),
    }
}

/// All names and values of a document, at any depth.
fn leaves(json: &Value) -> Vec<Value> {
    match json {
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| [vec![json!(name)], leaves(value)].concat())
            .collect(),
        Value::Array(values) => values.iter().flat_map(leaves).collect(),
        leaf => vec![leaf.clone()],
    }
}

/// All objects of a document, at any depth.
fn objects(json: &Value) -> Vec<Value> {
    match json {
        Value::Object(map) => map.values().flat_map(objects).chain([json.clone()]).collect(),
        Value::Array(values) => values.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

fn assert_holds(export: &Value, name: &str, value: &AttributeValue) {
    let there = leaves(export);
    match value {
        AttributeValue::M(map) => {
            for (key, value) in map {
                assert!(there.contains(&json!(key)), "{name}: {key} is not in {export}");
                assert_holds(export, &format!("{name}.{key}"), value);
            }
        }
        AttributeValue::L(values) => {
            values.iter().for_each(|value| assert_holds(export, name, value))
        }
        AttributeValue::Ss(texts) => {
            assert!(
                texts.iter().all(|text| there.contains(&json!(text))),
                "{name} is not in {export}"
            );
        }
        value => {
            let there = [there, objects(export)].concat();
            assert!(
                readings(value).iter().any(|reading| there.contains(reading)),
                "{name}: {value:?} is not in {export}"
            );
        }
    }
}

fn assert_all_held(export: &Value, item: &Item) {
    for (name, value) in item.iter().filter(|(name, _)| !NOT_EXPORTED.contains(&name.as_str())) {
        assert_holds(export, name, value);
    }
}

/// Gives a user the values that only administrators write.
async fn give_metadata(app: &TestApp, user_id: &str) {
    let keys = app.latchkey.hash_keys().await.unwrap();
    let plan = json!({"plan": "pro"}).as_object().cloned();
    let patch = MetadataPatch { app_metadata: Some(plan), ..MetadataPatch::default() };
    let store = app.latchkey.store();
    let change = |user: &mut User| {
        user.external_id = Some(ExternalId::parse("auth0|7").unwrap());
        user.imported_at = Some(user.created_at);
        Ok(())
    };
    let id = user_id.parse().unwrap();
    store.change_user_with_metadata(id, &keys, &patch, change).await.unwrap();
}

/// Notes the name of every field at any depth. The values may contain any word, since some are
/// random.
fn note_fields<'a>(value: &'a Value, fields: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                fields.push(name);
                note_fields(value, fields);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| note_fields(value, fields)),
        _ => {}
    }
}

fn names(items: &[Item]) -> BTreeSet<&str> {
    let sessions = items
        .iter()
        .filter_map(|item| item.get("sessions"))
        .flat_map(|sessions| sessions.as_m().unwrap());
    let of_sessions = sessions.flat_map(|(_, session)| session.as_m().unwrap().keys());
    items.iter().flat_map(|item| item.keys()).chain(of_sessions).map(String::as_str).collect()
}

#[tokio::test]
async fn every_attribute_of_every_item_of_a_user_is_in_the_export() {
    let app = TestApp::with_mail_and(&[PASSKEYS]).await;
    let me = app
        .sign_up(json!({
            "phone": PHONE, "password": PASSWORD, "username": "Ann", "name": "Ann Lee", "locale": "es-MX",
        }))
        .await;

    app.passkey(&me).await;
    app.patch_me(&me.access, json!({"metadata": {"theme": "dark"}})).await.assert_ok();
    give_metadata(&app, me.id()).await;
    app.advance(61);
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();
    app.advance(62);

    let mut request = json_request(
        Method::POST,
        "/v1/auth/login",
        None,
        &json!({"username": "ann", "password": PASSWORD}),
    );
    request.headers_mut().insert("user-agent", "a browser of mine".parse().unwrap());

    let source: IpAddr = "203.0.113.77".parse().unwrap();
    let other = app.send_from(source, request).await.signed_in();
    app.advance_millis(63_456);
    app.refresh(&other.refresh).await.assert_ok();

    let authenticator = app.authenticator(&other).await;
    let token = app.first_factor_or_passkey(PHONE).await;
    app.recover(&token, &authenticator.recovery_codes[0]).await.assert_ok();

    app.advance(60);
    app.remove_totp(&other, &authenticator.code(&app)).await.assert_done();
    let authenticator = app.authenticator(&other).await;
    let token = app.first_factor_or_passkey(PHONE).await;
    app.recover(&token, &authenticator.recovery_codes[0]).await.assert_ok();

    let answer = app.get_as(&other.access, "/v1/me/export").await;
    let export = answer.assert_ok();
    let items = app.items_of(me.id()).await;
    assert_eq!(items.len(), 5, "the user, the metadata, both second factors and the changes");
    assert_eq!(app.sessions_of(me.id()).await, 2);
    assert_eq!(export["second_factor"]["recovery_codes_left"], 9);
    assert_eq!(export["removed_second_factor"]["recovery_codes_left"], 9);
    assert_eq!(export["undoable_changes"].as_array().map(Vec::len), Some(5));
    let passkeys = app.items_like("PASSKEY").await;
    assert_eq!(passkeys.len(), 1);
    let of_user = passkeys[0].iter().filter(|(name, _)| *name != "user_id");
    let of_user = of_user.map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_all_held(&export["passkeys"][0], &of_user);

    for item in &items {
        let part = match item["sk"].as_s().unwrap().as_str() {
            "USER" => export,
            "METADATA" => {
                &json!({"all": [export["user"]["metadata"], export["user"]["app_metadata"]]})
            }
            "SECOND_FACTOR" => &export["second_factor"],
            "REMOVED_FACTOR" => &export["removed_second_factor"],
            "PAST" => &json!({"changes": export["undoable_changes"]}),
            other => panic!("an item that is not exported: {other}"),
        };
        let sessions = item.get("sessions").map(|sessions| sessions.as_m().unwrap());
        for (id, session) in sessions.into_iter().flatten() {
            let exported = export["sessions"]
                .as_array()
                .unwrap()
                .iter()
                .find(|session| session["id"] == json!(ShortId::parse(id).unwrap().0));
            assert_all_held(exported.expect("the session"), session.as_m().unwrap());
        }
        // Of a factor that was removed, the changes say until when it can come back.
        // The user names the versions of the metadata.
        let hidden: &[&str] = match item["sk"].as_s().unwrap().as_str() {
            "REMOVED_FACTOR" => &["expires_at"],
            "USER" => &["sessions", "metadata", "app_metadata"],
            _ => &[],
        };
        let rest = item.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
        assert_all_held(part, &rest.map(|(name, value)| (name.clone(), value.clone())).collect());
    }

    assert!(
        names(&items).is_superset(&NOT_EXPORTED.into()),
        "every attribute in the list exists: {:?}",
        names(&items)
    );
    let mut fields = Vec::new();
    note_fields(&answer.json, &mut fields);
    for field in fields {
        assert!(!field.contains("hash") && !field.contains("salt"), "{field}");
    }
}

#[tokio::test]
async fn an_export_is_my_profile_my_roles_and_my_sessions() {
    let app = TestApp::with(&[("ADMIN_PHONE", PHONE)]).await;
    let me = app.sign_in(PHONE).await;
    let session = app.get_as(&me.access, "/v1/me/sessions").await.assert_ok()["items"][0].clone();
    let mut exported = session.clone();
    exported["amr"] = json!(["sms"]);
    exported["ends_at"] = json!("2027-02-14T08:00:00.000Z");
    exported["access_token_ttl"] = json!(900);
    let mut export = app.get_as(&me.access, "/v1/me/export").await.assert_ok().clone();
    export.as_object_mut().unwrap().remove("activity");
    assert_eq!(
        export,
        json!({"user": app.me(&me.access).await, "imported_at": null, "roles": {"default": ["Admin", "User"]},
            "second_factor": null, "removed_second_factor": null, "undoable_changes": [],
            "consents": [], "passkeys": [], "waiting_phone_move": null,
            "sessions": [exported]})
    );
}

#[tokio::test]
async fn an_export_contains_nobody_else_and_a_stranger_is_refused() {
    let app = TestApp::start().await;
    let (me, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let text = app.get_as(&me.access, "/v1/me/export").await.text;
    assert!(text.contains(PHONE) && text.contains(me.id()));
    assert!(!text.contains(OTHER_PHONE) && !text.contains(other.id()));
    app.get("/v1/me/export").await.assert_problem(401, "token_invalid");
    app.get_as(&me.refresh, "/v1/me/export").await.assert_problem(401, "token_invalid");

    let answer = app.cut_off("DYNAMODB").get_as(&me.access, "/v1/me/export").await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
}

#[tokio::test]
async fn the_export_has_every_event_of_the_user() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.advance(60);
    app.login(json!({"phone": PHONE}), "wrong").await.assert_problem(401, "invalid_credentials");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
    app.patch_me(&me.access, json!({"name": "Ann"})).await.assert_ok();
    app.give(&admin, me.id(), &["Guest"]).await.assert_ok();
    app.sign_in(OTHER_PHONE).await;

    let answer = app.get_as(&me.access, "/v1/me/export").await;
    let exported = answer.assert_ok()["activity"].as_array().unwrap();
    let of_me = |event: &&Item| {
        let has = |name: &str, value: String| {
            event.get(name).is_some_and(|it| it.as_s().unwrap() == &value)
        };
        has("actor", me.id().to_owned()) || has("target", format!("user:{}", me.id()))
    };
    let items = app.audit_items().await;
    let mine: BTreeSet<_> =
        items.iter().filter(of_me).map(|event| event["id"].as_s().unwrap().as_str()).collect();
    let ids: BTreeSet<_> = exported.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, mine);
    assert_eq!(exported.len(), 5);

    let own = |event: &&Value| event["by"] == "me";
    assert!(exported.iter().filter(own).all(|event| event["ip"] == "192.0.2.1"));
    assert!(exported.iter().filter(|event| !own(event)).all(|event| event["ip"].is_null()));
    assert!(!answer.text.contains(admin.id()), "which administrator");
}
