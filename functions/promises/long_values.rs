//! Values that are longer than a key of the table may be, wherever a request can carry one: they are
//! refused or not found, and never look like a fault of ours.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{SignedIn, TestApp, admin::NOBODY, bearer, json_request},
};

/// The longest key that DynamoDB accepts has 2,048 bytes.
const LENGTH: usize = 5_000;
/// The longest string that a JSON body may have is counted in characters. This one has 4,096 bytes.
const LONGEST_IN_JSON: usize = 1_024;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    /// The path, with the names of its parameters.
    path: String,
    /// The names of its query parameters.
    query: Vec<String>,
    /// The media type and the schema of its body, unless that is a picture.
    body: Option<(String, Value)>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let body = operation["requestBody"]["content"].as_object();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                query: parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect(),
                body: body
                    .and_then(|content| {
                        content.iter().find(|(kind, _)| [JSON, FORM].contains(&kind.as_str()))
                    })
                    .map(|(kind, content)| (kind.clone(), content["schema"].clone())),
            });
        }
    }
    operations
}

impl Operation {
    /// The path with `value` for its parameters.
    fn path_with(&self, value: &str) -> String {
        let parts = self.path.split('/');
        parts
            .map(|part| if part.starts_with('{') { value } else { part })
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The URLs of the operation that have a long value somewhere.
    fn long_urls(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for value in ["a".repeat(LENGTH), "%F0%9F%94%91".repeat(LENGTH / 4)] {
            if self.path.contains('{') {
                urls.push(self.path_with(&value));
            }
            for name in &self.query {
                urls.push(format!("{}?{name}={value}", self.path_with(NOBODY)));
            }
        }
        urls
    }

    /// Bodies in each of which one string is long. The others are the document's examples.
    fn long_bodies(&self, document: &Value) -> Vec<(String, Value)> {
        let Some((kind, schema)) = &self.body else { return Vec::new() };
        let mut bodies = Vec::new();
        loop {
            let mut place = Some(bodies.len());
            let body = instance(document, schema, &mut place);
            if place.is_some() {
                return bodies;
            }
            bodies.push((kind.clone(), body));
        }
    }
}

/// An instance of a schema. Its string number `place`, counted from 0, is long; then `place` is
/// taken.
fn instance(document: &Value, schema: &Value, place: &mut Option<usize>) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
        return instance(document, schema, place);
    }
    if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let real = any.iter().find(|schema| schema["type"] != "null").unwrap();
        return instance(document, real, place);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return instance(document, &all[0], place);
    }
    if let Some(fields) = schema["properties"].as_object() {
        let fields = fields.iter();
        return fields
            .map(|(name, schema)| (name.clone(), instance(document, schema, place)))
            .collect();
    }
    if schema["items"].is_object() {
        return json!([instance(document, &schema["items"], place)]);
    }

    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all[0] == kind)
    };
    match place {
        Some(0) if is("string") => {
            *place = None;
            "🔑".repeat(LONGEST_IN_JSON).into()
        }
        Some(left) if is("string") => {
            *left -= 1;
            schema.get("example").cloned().unwrap_or_else(|| "example".into())
        }
        _ => schema.get("example").cloned().unwrap_or_else(|| match () {
            () if is("boolean") => false.into(),
            () if is("integer") || is("number") => 1.into(),
            () if is("object") => json!({}),
            () => "example".into(),
        }),
    }
}

/// The same fields as a form, without those that are no strings.
fn form(body: &Value) -> String {
    let fields = body.as_object().unwrap().iter();
    let strings = fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    serde_urlencoded::to_string(strings.collect::<Vec<_>>()).unwrap()
}

/// Asserts that a request does not end in a 5xx, whoever sends it.
async fn assert_no_fault(app: &TestApp, who: &SignedIn, what: &str, request: Request<Vec<u8>>) {
    let mut signed = request.clone();
    if !signed.headers().contains_key(header::AUTHORIZATION) {
        signed.headers_mut().insert(header::AUTHORIZATION, bearer(&who.access).parse().unwrap());
    }
    for request in [request, signed] {
        let answer = app.send(request.map(Body::from)).await;
        assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_value_in_a_path_or_a_query_is_never_a_fault_of_ours() {
    let (app, admin) = TestApp::with_staff().await;
    let document = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut tried = 0;
    for operation in operations(&document) {
        for url in operation.long_urls() {
            let request = Request::builder().method(operation.method.clone()).uri(&url);
            assert_no_fault(&app, &admin, &operation.id, request.body(Vec::new()).unwrap()).await;
            tried += 1;
        }
    }

    assert!(tried > 50, "{tried} URLs");
    app.get_as(&admin.access, "/v1/me").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_value_in_a_body_is_never_a_fault_of_ours() {
    let (app, admin) = TestApp::with_staff().await;
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut tried = 0;
    for operation in operations(&document) {
        let path = operation.path_with(admin.id());
        for (kind, body) in operation.long_bodies(&document) {
            let bytes = if kind == JSON { body.to_string() } else { form(&body) };
            let request = Request::builder()
                .method(operation.method.clone())
                .uri(&path)
                .header(header::CONTENT_TYPE, kind)
                .body(bytes.into_bytes())
                .unwrap();
            assert_no_fault(&app, &admin, &format!("{}: {body}", operation.id), request).await;
            tried += 1;
        }
    }

    assert!(tried > 50, "{tried} bodies");
    app.get_as(&admin.access, "/v1/me").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_header_is_never_a_fault_of_ours() {
    let (app, admin) = TestApp::with_staff().await;
    let long = "a".repeat(LENGTH);
    let basic = data_encoding::BASE64.encode(format!("{long}:{long}").as_bytes());
    for (name, value) in [
        ("authorization", format!("Bearer {long}")),
        ("authorization", format!("Basic {basic}")),
        ("origin", format!("https://{long}.example")),
        ("if-match", format!("\"{long}\"")),
        ("idempotency-key", long.clone()),
        ("user-agent", long.clone()),
        ("accept-language", long.clone()),
    ] {
        for (method, path, body) in [
            (Method::GET, "/v1/me", json!({})),
            (Method::PATCH, "/v1/me", json!({"name": "Ann"})),
            (Method::POST, "/v1/otp/send", json!({"phone": "+14155550199"})),
            (Method::POST, "/oauth2/introspect", json!({})),
        ] {
            let mut request = json_request(method, path, None, &body).map(|_| Vec::new());
            *request.body_mut() = body.to_string().into_bytes();
            if path.starts_with("/oauth2") {
                request.headers_mut().insert(header::CONTENT_TYPE, FORM.parse().unwrap());
                *request.body_mut() = b"token=junk".to_vec();
            }
            request.headers_mut().insert(name, value.parse().unwrap());
            assert_no_fault(&app, &admin, &format!("{path}, {name}"), request).await;
        }
    }
    app.get_as(&admin.access, "/v1/me").await.assert_ok();
}
