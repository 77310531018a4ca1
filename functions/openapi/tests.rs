use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{document::document, testing::TestApp};
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
