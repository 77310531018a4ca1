//! The API: one route for each operation, its role, and what bounds requests.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    assembly::FUNCTION, entries, has_canary, lambdas, pascal, resource, resources, text, texts,
};
use crate::{document::document, promises::decisions::SEND_TEXTS_FOR_STRANGERS};

/// The route keys of the API, each with the Lambda that it calls: by its alias if it has one.
fn routes() -> BTreeMap<String, String> {
    let mut routes = BTreeMap::new();
    for (path, item) in entries(&resource("Api")["Properties"]["Body"]["paths"]) {
        for (method, operation) in entries(item) {
            let is_default = operation.get("isDefaultRoute").is_some();
            assert_eq!(
                is_default,
                (path, method) == ("/$default", "x-amazon-apigateway-any-method"),
                "{method} {path}"
            );

            let key = if is_default {
                "$default".to_owned()
            } else {
                format!("{} {path}", method.to_uppercase())
            };
            let integration = &operation["x-amazon-apigateway-integration"];
            let function = text(&integration["uri"]["Sub"]).strip_prefix(FUNCTION).unwrap();
            let lambda = function.strip_suffix(":live").unwrap_or(function);
            assert_eq!(lambda != function, has_canary(&pascal(lambda)), "{key} calls {function}");
            assert_eq!(routes.insert(key, lambda.to_owned()), None);
        }
    }

    routes
}

#[test]
fn every_operation_has_exactly_one_route() {
    let document: serde_json::Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut expected = BTreeMap::from([("$default".to_owned(), "not-found".to_owned())]);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let lambda = operation["operationId"].as_str().unwrap();
            expected.insert(format!("{} {path}", method.to_uppercase()), lambda.to_owned());
        }
    }

    assert_eq!(routes(), expected);

    // A route outside the body would be lost at the next import of the body.
    for kind in ["AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration"] {
        assert_eq!(resources(kind).count(), 0, "{kind}");
    }
}

#[test]
fn every_route_calls_its_function_in_the_role_of_the_api() {
    for (path, item) in entries(&resource("Api")["Properties"]["Body"]["paths"]) {
        for (method, operation) in entries(item) {
            let integration = &operation["x-amazon-apigateway-integration"];
            assert_eq!(text(&integration["type"]), "aws_proxy");
            assert_eq!(
                text(&integration["httpMethod"]),
                "POST",
                "the method of the call to Lambda, not of the route"
            );
            assert_eq!(text(&integration["credentials"]["GetAtt"]), "ApiRole.Arn");
            assert_eq!(text(&integration["payloadFormatVersion"]), "2.0");

            // Longer than a request may take (8 s) and than the function may run (10 s).
            assert_eq!(integration["timeoutInMillis"], 11_000);

            let declared =
                operation["parameters"].as_sequence().map(Vec::as_slice).unwrap_or_default();
            let declared: Vec<_> =
                declared.iter().map(|parameter| text(&parameter["name"])).collect();
            let in_path: Vec<_> =
                path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();

            assert_eq!(declared, in_path, "{method} {path}");
        }
    }
}

#[test]
fn api_gateway_may_call_the_functions_of_this_stack_that_have_a_route_and_no_others() {
    let policies = &resource("ApiRole")["Properties"]["Policies"];
    assert_eq!(policies.as_sequence().unwrap().len(), 1);
    let statements = policies[0]["PolicyDocument"]["Statement"].as_sequence().unwrap();
    let [allowed, denied] = &statements[..] else { panic!("{statements:?}") };
    for (statement, effect) in [(allowed, "Allow"), (denied, "Deny")] {
        assert_eq!(text(&statement["Effect"]), effect);
        assert_eq!(texts(&statement["Action"]), ["lambda:InvokeFunction"]);
        assert!(statement.get("Condition").is_none());
    }

    assert_eq!(text(&allowed["Resource"]["Sub"]), format!("{FUNCTION}*"));

    let called: BTreeSet<_> = routes().into_values().collect();
    let others = lambdas().into_iter().filter(|lambda| !called.contains(lambda));
    let expected: BTreeSet<_> = others
        .flat_map(|lambda| [format!("{FUNCTION}{lambda}"), format!("{FUNCTION}{lambda}:*")])
        .collect();
    let denied = denied["Resource"].as_sequence().unwrap();
    assert_eq!(
        denied.iter().map(|it| text(&it["Sub"]).to_owned()).collect::<BTreeSet<_>>(),
        expected
    );
    assert!(expected.contains(&format!("{FUNCTION}keys-root")), "{expected:?}");
}

#[test]
fn every_route_is_throttled_alike_and_none_is_easier_to_shut_than_the_others() {
    let stage = &resource("Stage")["Properties"];
    assert!(stage["DefaultRouteSettings"]["ThrottlingRateLimit"].is_mapping());
    assert!(stage["DefaultRouteSettings"]["ThrottlingBurstLimit"].is_mapping());
    assert!(stage.get("RouteSettings").is_none());
}

#[test]
fn the_instances_that_send_texts_for_strangers_can_be_bounded() {
    for lambda in SEND_TEXTS_FOR_STRANGERS {
        let id = pascal(lambda);
        let reserved = &resource(&id)["Properties"]["ReservedConcurrentExecutions"];
        assert_eq!(text(&reserved["If"][1]["Ref"]), format!("{id}Concurrency"));
    }
}
