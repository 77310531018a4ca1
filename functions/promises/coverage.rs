//! Every endpoint is decided on: who may call it is written down, and every list of endpoints names
//! it.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::Value;

use super::decisions::PUBLIC;
use crate::{
    ENDPOINTS, OTHER_LAMBDAS,
    document::document,
    testing::{PHONE, TestApp, bearer, json_request, tokens},
};

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// The path. Its parameters are filled in with an id that does not exist.
    path: String,
    guarded: bool,
}

impl Operation {
    fn request(&self, headers: &[(&str, String)]) -> Request<Body> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(Body::empty()).unwrap()
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path =
                path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.collect::<Vec<_>>().join("/"),
                guarded: operation["security"]
                    .as_array()
                    .is_some_and(|security| !security.is_empty()),
            });
        }
    }

    operations
}

/// An id that was never issued.
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

#[test]
fn every_operation_without_a_token_is_on_the_list() {
    let open: BTreeSet<_> =
        operations().into_iter().filter(|operation| !operation.guarded).map(|o| o.id).collect();
    let decided = PUBLIC.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(open, decided, "an operation without `security`, or a name without an operation");
}

#[tokio::test]
async fn a_guarded_operation_refuses_a_stranger() {
    let app = TestApp::start().await;
    let guarded: Vec<_> = operations().into_iter().filter(|operation| operation.guarded).collect();
    assert!(!guarded.is_empty());

    for operation in guarded {
        let answer = app.send(operation.request(&[])).await;
        answer.assert_problem(401, "token_invalid");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="latchkey""#,
            "{}",
            operation.id
        );

        for bad in ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token x", "Bearer x y"] {
            let answer = app.send(operation.request(&[("authorization", bad.to_owned())])).await;
            answer.assert_problem(401, "token_invalid");
            assert!(
                answer.header("www-authenticate").contains(r#"error="invalid_token""#),
                "{}: {bad}",
                operation.id
            );
        }

        let body = json_request(
            operation.method.clone(),
            &operation.path,
            None,
            &serde_json::json!({"x": 1}),
        );

        app.send(body).await.assert_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_guarded_operation_refuses_forged_tokens() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let attacks = tokens::attacks(&app, &person.access, &person.refresh).await;

    for operation in operations().into_iter().filter(|operation| operation.guarded) {
        for (name, token) in &attacks {
            let answer = app.send(operation.request(&[("authorization", bearer(token))])).await;
            assert_eq!(
                answer.json["code"], "token_invalid",
                "{}: {name}: {}",
                operation.id, answer.text
            );
            answer.assert_problem(401, "token_invalid");
        }

        let two = Request::builder()
            .method(operation.method.clone())
            .uri(&operation.path)
            .header(header::AUTHORIZATION, bearer(&person.access))
            .header(header::AUTHORIZATION, bearer(&person.access));
        app.send(two.body(Body::empty()).unwrap()).await.assert_problem(401, "token_invalid");
    }

    assert_eq!(
        app.get_as(&person.access, "/v1/me").await.status,
        StatusCode::OK,
        "the token itself is good"
    );
}

#[tokio::test]
async fn a_guarded_operation_refuses_an_expired_token() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.advance(899);
    app.get_as(&person.access, "/v1/me").await.assert_ok();

    app.advance(1);
    for operation in operations().into_iter().filter(|operation| operation.guarded) {
        let answer =
            app.send(operation.request(&[("authorization", bearer(&person.access))])).await;
        answer.assert_problem(401, "token_expired");
        assert!(answer.header("www-authenticate").contains("expired"), "{}", operation.id);
    }
}

#[tokio::test]
async fn a_guarded_operation_refuses_a_disabled_user() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.disable(person.json["user"]["id"].as_str().unwrap()).await;
    for operation in operations().into_iter().filter(|operation| operation.guarded) {
        let answer =
            app.send(operation.request(&[("authorization", bearer(&person.access))])).await;
        answer.assert_problem(403, "user_disabled");
    }
}

#[tokio::test]
async fn a_guarded_operation_reports_an_unavailable_table() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let app = app.cut_off("DYNAMODB");
    for operation in operations().into_iter().filter(|operation| operation.guarded) {
        let answer =
            app.send(operation.request(&[("authorization", bearer(&person.access))])).await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{}", operation.id);
    }
}

#[test]
fn all_lists_of_endpoints_name_the_same() {
    let endpoints: BTreeSet<_> =
        ENDPOINTS.iter().map(|endpoint| endpoint.name.to_owned()).collect();
    assert_eq!(endpoints.len(), ENDPOINTS.len(), "a name occurs twice");

    let ids = operations();
    assert_eq!(ids.len(), ENDPOINTS.len(), "an endpoint is one operation");
    assert_eq!(ids.into_iter().map(|operation| operation.id).collect::<BTreeSet<_>>(), endpoints);

    let mut lambdas = endpoints;
    lambdas.extend(OTHER_LAMBDAS.map(str::to_owned));
    assert_eq!(lambdas.len(), ENDPOINTS.len() + OTHER_LAMBDAS.len());
    assert_eq!(binaries(), lambdas);
}

#[test]
fn each_endpoint_s_route_is_its_own_operation() {
    for endpoint in ENDPOINTS {
        let alone: Value =
            serde_json::from_str(&(endpoint.routes)().into_openapi().to_json().unwrap()).unwrap();
        let paths = alone["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values());
        let ids: Vec<_> =
            paths.map(|operation| operation["operationId"].as_str().unwrap()).collect();

        assert_eq!(ids, [endpoint.name]);
    }
}

/// The binaries of `Cargo.toml`.
fn binaries() -> BTreeSet<String> {
    let bins = include_str!("../Cargo.toml").split("[[bin]]").skip(1);
    bins.map(|bin| bin.split('"').nth(1).unwrap().to_owned()).collect()
}
