use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{TestApp, apps::ADMIN_PHONE, bearer},
};
use shared::http::{Code, OAuthErrorCode};

/// `UPDATE_OPENAPI=1 cargo test -p functions openapi` writes the document again.
#[test]
fn the_document_in_the_repository_is_up_to_date() {
    let generated = format!("{}\n", document().to_pretty_json().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
    let update = std::env::var("UPDATE_OPENAPI").is_ok();

    if update {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json"), &generated)
            .unwrap();
        return;
    }

    assert!(
        generated == super::DOCUMENT,
        "docs/openapi.json does not match the code; run: \
         UPDATE_OPENAPI=1 cargo test -p functions openapi"
    );
}

#[tokio::test]
async fn a_stranger_reads_the_document() {
    let app = TestApp::start().await;
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.json["openapi"].as_str()), (200, Some("3.1.0")));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.text, super::DOCUMENT);
}

#[tokio::test]
async fn the_document_needs_no_aws() {
    let app = TestApp::start().await;
    for service in ["DYNAMODB", "SECRETSMANAGER", "SNS"] {
        app.cut_off(service).get("/openapi.json").await.assert_ok();
    }
}

fn operations() -> Vec<Value> {
    let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|item| item.as_object().unwrap().values().cloned()).collect()
}

/// The endpoints whose errors have the form of OAuth 2.0.
const OAUTH_STYLE: [&str; 5] =
    ["oauth2-token", "oauth2-introspect", "oauth2-revoke", "oauth2-par", "oauth2-device"];

fn is_oauth_style(operation: &Value) -> bool {
    OAUTH_STYLE.contains(&operation["operationId"].as_str().unwrap())
}

#[test]
fn every_refusal_of_an_oauth_endpoint_is_an_oauth_error_with_codes_of_its_status() {
    let operations: Vec<_> = operations().into_iter().filter(is_oauth_style).collect();
    assert_eq!(operations.len(), OAUTH_STYLE.len());

    for operation in operations {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.as_str() < "400" {
                continue;
            }
            let error = &response["content"]["application/json"]["schema"];
            assert_eq!(
                error,
                &json!({"$ref": "#/components/schemas/OAuthError"}),
                "{}",
                operation["operationId"]
            );
            for name in response["description"].as_str().unwrap().split(", ") {
                let is_named = |(code, _): &&(OAuthErrorCode, StatusCode)| {
                    format!("`{}`", code.name()) == name
                };
                let mut statuses =
                    OAuthErrorCode::ALL.iter().filter(is_named).map(|(_, status)| status.as_str());
                assert!(statuses.any(|known| known == status), "{name}");
            }
        }
    }
}

#[test]
fn optional_fields_of_a_response_are_not_required() {
    let document = serde_json::to_value(document()).unwrap();
    for (name, optional) in [("OAuthError", "mfa_token"), ("Introspection", "sub")] {
        let [flattened, own] =
            document["components"]["schemas"][name]["allOf"].as_array().unwrap().as_slice()
        else {
            panic!("{name}");
        };
        let flattened = &flattened["oneOf"][0];
        assert!(
            flattened["properties"].get(optional).is_some() && flattened.get("required").is_none(),
            "{name}"
        );
        assert!(own.get("required").is_some(), "{name}");
    }
}

#[test]
fn every_other_refusal_is_a_problem_with_codes_of_its_status() {
    for operation in operations().into_iter().filter(|operation| !is_oauth_style(operation)) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_page = response["content"]["text/html"].is_object();
            if status.as_str() < "400" || is_page {
                continue;
            }
            let problem = &response["content"]["application/problem+json"]["schema"];
            assert_eq!(
                problem,
                &json!({"$ref": "#/components/schemas/Problem"}),
                "{}",
                operation["operationId"]
            );
            let codes = response["description"].as_str().unwrap().split(", ");
            for code in codes {
                let name = code.trim_matches('`');
                let code = Code::ALL.iter().find(|code| code.name() == name).unwrap();
                assert_eq!(code.status().as_str(), status, "{name}");
            }
        }
    }
}

#[test]
fn every_operation_says_what_it_is() {
    for operation in operations() {
        let id = operation["operationId"].as_str().unwrap();
        for name in ["summary", "tags"] {
            let said = &operation[name];
            assert!(
                said.as_str().is_some_and(|text| !text.is_empty()) || said[0].is_string(),
                "{id} lacks {name}"
            );
        }
    }
}

#[test]
fn the_document_explains_every_code() {
    let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
    let explained = document["x-error-codes"].as_array().unwrap();
    assert_eq!(explained.len(), Code::ALL.len());

    for (code, explained) in Code::ALL.iter().zip(explained) {
        assert_eq!(explained["code"], code.name());
        assert_eq!(explained["status"], code.status().as_u16());
        assert_eq!(explained["title"], code.title());
        assert_eq!(explained["help"], code.help());
    }
}

#[test]
fn a_title_is_a_phrase_and_a_help_says_what_it_means_and_what_to_do() {
    for code in Code::ALL {
        let (title, help) = (code.title(), code.help());
        assert!(title.starts_with(char::is_uppercase) && !title.ends_with('.'), "{title}");
        assert!(help.matches(". ").count() >= 1 && help.ends_with('.'), "{help}");
        assert_eq!(help.matches('`').count() % 2, 0, "{help}");
    }
}

#[test]
fn an_operation_that_needs_no_token_says_so() {
    for operation in operations() {
        assert!(operation["security"].is_array(), "{}", operation["operationId"]);
    }
    let open = operations().into_iter().filter(|operation| operation["security"] == json!([]));
    assert!(open.count() > 20);
}

#[test]
fn a_refusal_that_says_how_long_to_wait_has_the_header() {
    for operation in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let has_header = response["headers"]["Retry-After"].is_object();
            let waits = ["429", "503"].contains(&status.as_str());
            assert_eq!(has_header, waits, "{} {status}", operation["operationId"]);
        }
    }
}

/// The schema behind a reference.
fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

#[test]
fn a_property_tells_answers_apart_that_are_one_of_several() {
    let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
    let mut told = 0;
    for operation in operations() {
        let responses = operation["responses"].as_object().unwrap().values();
        let contents = responses.filter_map(|response| response["content"].as_object());
        for content in contents.flat_map(|content| content.values()) {
            let schema = resolved(&content["schema"], &document);
            let Some(alternatives) = schema["oneOf"].as_array() else { continue };
            told += 1;

            let discriminator = &schema["discriminator"];
            assert_eq!(discriminator["propertyName"], "status", "{}", operation["operationId"]);
            let mapping = discriminator["mapping"].as_object().unwrap();
            assert_eq!(mapping.len(), alternatives.len());
            for one in alternatives {
                assert!(mapping.values().any(|mapped| *mapped == one["$ref"]), "{one}");
            }
        }
    }
    assert!(told >= 4, "{told}");
}

/// Whether a body has an example, which JSON and forms have.
fn assert_example(id: &str, content: &Value, document: &Value) {
    for (media_type, content) in content.as_object().into_iter().flatten() {
        let has_one = match media_type.as_str() {
            "application/json" | "application/x-www-form-urlencoded" => true,
            "application/problem+json" => content["examples"].is_object(),
            _ => continue,
        };
        let examples = content["examples"].as_object();
        assert!(
            has_one
                && (examples.is_some()
                    || content["example"].is_object()
                    || content["example"].is_array()),
            "{id}"
        );
        for example in examples.into_iter().flat_map(|examples| examples.values()) {
            assert!(resolved(example, document)["value"].is_object(), "{id}: {example}");
        }
    }
}

#[test]
fn every_body_has_an_example() {
    let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
    for operation in operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert_example(id, &operation["requestBody"]["content"], &document);
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert_example(&format!("{id} {status}"), &response["content"], &document);
        }
    }
}

/// The request of an operation, with its example.
fn example_request(
    path: &str,
    method: &str,
    operation: &Value,
    token: &str,
) -> Option<Request<Body>> {
    let mut path = path.to_owned();
    for (name, value) in [
        ("client_id", "default"),
        ("kind", "sign_in"),
        ("language", "en"),
        ("role", "User"),
        ("user_id", USER),
        ("passkey_id", USER),
        ("sender", "twilio"),
        ("token", "token"),
    ] {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let content = operation["requestBody"]["content"].as_object()?;
    let (media_type, content) =
        content.iter().find(|(_, content)| content["example"].is_object())?;
    let example = &content["example"];
    let body = match media_type.as_str() {
        "application/json" => example.to_string(),
        _ => serde_urlencoded::to_string(example.as_object().unwrap()).unwrap(),
    };
    let needs_token = operation["security"] != json!([]);
    let mut request = Request::builder()
        .method(method.to_uppercase().as_str())
        .uri(path)
        .header(header::CONTENT_TYPE, media_type.as_str());
    if needs_token && example["access_token"].is_null() {
        request = request.header(header::AUTHORIZATION, bearer(token));
    }
    Some(request.body(body.into()).unwrap())
}

/// A user that does not exist.
const USER: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn every_example_of_a_request_is_accepted_as_it_stands() {
    let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
    let mut sent = 0;
    let app = TestApp::with(&[
        ("ADMIN_PHONE", ADMIN_PHONE),
        ("EMAIL_FROM", "latchkey@example.com"),
        ("PASSKEY_RP_ID", "example.org"),
    ])
    .await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !operation["requestBody"].is_object() {
                continue;
            }
            // Some of them end the session, or its sign-in gets too old.
            app.advance(3600);
            let admin = app.sign_in(ADMIN_PHONE).await;
            let Some(request) = example_request(path, method, operation, &admin.access) else {
                continue;
            };
            sent += 1;
            let answer = app.send(request).await;
            let code = answer.json["code"].as_str().unwrap_or_default();
            let is_read = !["invalid_request", "invalid_json"].contains(&code)
                && ![413, 415].contains(&answer.status.as_u16());
            // An example is of a ceremony that is long over.
            let is_late = answer.text.contains("is not for the options of the last 5 minutes");
            let is_oauth_refusal = answer.json["error"] == "invalid_request";
            assert!((is_read || is_late) && !is_oauth_refusal, "{method} {path}: {}", answer.text);
        }
    }
    assert!(sent >= 40, "{sent}");
}
