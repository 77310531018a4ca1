use axum::{body::Body, http::Request};
use serde_json::Value;

use crate::testing::{Answer, KEYS, PHONE, TestApp};

const PATH: &str = "/.well-known/jwks.json";

async fn if_none_match(app: &TestApp, tags: &str) -> Answer {
    app.send(Request::get(PATH).header("if-none-match", tags).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn anybody_reads_only_the_public_halves() {
    let app = TestApp::start().await;
    let set = app.get(PATH).await;
    let keys = set.assert_ok()["keys"].as_array().unwrap();
    let ids: Vec<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(ids, [&KEYS.current.kid, &KEYS.next.kid]);

    for key in keys {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(
            ["kty", "use", "alg", "e"].map(|name| &key[name]),
            ["RSA", "sig", "RS256", "AQAB"]
        );
    }

    assert_eq!(set.json.as_object().unwrap().len(), 1);
    assert_eq!(set.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_token_can_be_verified_with_only_the_published_key() {
    let app = TestApp::start().await;
    let token = app.sign_in(PHONE).await.access;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(app.get(PATH).await.json).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_issuer(&[crate::testing::ISSUER]);
    validation.set_audience(&["default"]);
    jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
}

#[tokio::test]
async fn verifiers_may_cache_the_set_and_ask_whether_it_changed() {
    let app = TestApp::start().await;
    let first = app.get(PATH).await;
    assert_eq!(first.header("cache-control"), "public, max-age=300, stale-while-revalidate=3600");

    assert_eq!(first.header("access-control-allow-origin"), "*");

    let tag = first.header("etag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");

    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let answer = if_none_match(&app, &known).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""), "{known}");
        assert_eq!(
            (answer.header("etag"), answer.header("cache-control")),
            (&*tag, first.header("cache-control"))
        );
    }

    for other in ["\"other\"", "", "W/\"\""] {
        assert_eq!(if_none_match(&app, other).await.assert_ok(), &first.json, "{other}");
    }
}

#[tokio::test]
async fn before_the_first_rotation_the_set_is_empty() {
    let app = TestApp::before_first_rotation(&[]).await;
    assert_eq!(app.get(PATH).await.assert_ok(), &serde_json::json!({"keys": []}));
}

#[tokio::test]
async fn without_the_table_the_client_is_asked_to_come_back() {
    let app = TestApp::start().await;
    assert_eq!(app.cut_off("DYNAMODB").get(PATH).await.assert_wait(503, "unavailable"), 5);
    app.cut_off("SECRETSMANAGER").get(PATH).await.assert_ok();
}
