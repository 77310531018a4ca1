//! Each refusal of a value of the wrong type says which type is right.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{Answer, SignedIn, TestApp, admin::NOBODY, bearer, json_request},
};

/// A value of another type than this schema.
fn wrong(schema: &Value) -> Value {
    let kind = &schema["type"];
    let kind = kind.as_str().or_else(|| kind[0].as_str()).unwrap_or_default();
    match kind {
        "string" => json!(1),
        _ => json!("x"),
    }
}

/// Asserts that a refusal, if it is of this field, says what the field accepts.
fn assert_says_why(answer: &Answer, field: &str, what: &str) -> bool {
    let error = &answer.json["errors"][0];
    let is_of_field = error["field"].as_str().is_some_and(|named| named.starts_with(field));
    if is_of_field {
        assert_ne!(error["message"], "is not accepted", "{what}");
    }
    is_of_field
}

async fn send(
    app: &TestApp,
    who: &SignedIn,
    (method, url): (&Method, &str),
    body: Value,
) -> Answer {
    let mut request = match body {
        Value::Null => Request::builder().uri(url).body(Body::empty()).unwrap(),
        body => json_request(method.clone(), url, Some(&who.access), &body),
    };
    *request.method_mut() = method.clone();
    request.headers_mut().insert(header::AUTHORIZATION, bearer(&who.access).parse().unwrap());
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_wrong_type_is_told_the_right_one() {
    let (app, admin) = TestApp::with_staff().await;
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let parts = path.split('/').map(|part| match part {
                "{kind}" => "sign_in",
                "{language}" => "en",
                part if part.starts_with('{') => NOBODY,
                part => part,
            });
            let url = parts.collect::<Vec<_>>().join("/");

            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|it| it["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                let with = format!("{url}?{name}=%20x");
                let answer = send(&app, &admin, (&method, &with), Value::Null).await;
                tried += usize::from(assert_says_why(&answer, name, &with));
            }

            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(schema) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) else {
                continue;
            };
            let properties = &document["components"]["schemas"][schema]["properties"];
            for (name, property) in properties.as_object().into_iter().flatten() {
                let body = json!({ name: wrong(property) });
                let what = format!("{method} {url} {body}");
                let answer = send(&app, &admin, (&method, &url), body).await;
                tried += usize::from(assert_says_why(&answer, name, &what));
            }
        }
    }
    assert!(tried > 100, "{tried} refusals");
}
