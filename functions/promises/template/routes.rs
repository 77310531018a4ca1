//! The API: one route an operation, its role, its throttles.

use std::collections::{BTreeMap, BTreeSet};

use super::{entries, pascal, resource, resources, text, texts};
use crate::document::document;

/// Those that anybody can make send texts.
const SEND_TEXTS_FOR_STRANGERS: [&str; 4] =
    ["auth-register", "otp-resend", "otp-send", "password-forgot"];

#[test]
fn every_operation_has_its_one_route() {
    let document: serde_json::Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut expected = BTreeMap::from([("$default".to_owned(), pascal("not-found"))]);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let lambda = operation["operationId"].as_str().unwrap();
            expected.insert(format!("{} {path}", method.to_uppercase()), pascal(lambda));
        }
    }
    let mut routes = BTreeMap::new();
    for (id, route) in resources("AWS::ApiGatewayV2::Route") {
        let properties = &route["Properties"];
        let function = id.strip_suffix("Route").unwrap();
        assert_eq!(
            text(&properties["Target"]["Sub"]),
            format!("integrations/${{{function}Integration}}")
        );
        let integration = &resource(&format!("{function}Integration"))["Properties"];
        assert_eq!(
            text(&integration["IntegrationUri"]["Sub"]),
            format!("${{{function}.Arn}}:live")
        );
        assert_eq!(text(&integration["PayloadFormatVersion"]), "2.0");
        assert_eq!(
            integration["CredentialsArn"],
            resource("OtpSendIntegration")["Properties"]["CredentialsArn"]
        );
        assert_eq!(
            routes.insert(text(&properties["RouteKey"]).to_owned(), function.to_owned()),
            None
        );
    }
    assert_eq!(routes, expected);
    assert_eq!(resources("AWS::ApiGatewayV2::Integration").count(), routes.len());
}

#[test]
fn api_gateway_may_call_the_functions_of_this_stack_alone() {
    let policies = &resource("ApiRole")["Properties"]["Policies"];
    assert_eq!(policies.as_sequence().unwrap().len(), 1);
    let statements = policies[0]["PolicyDocument"]["Statement"].as_sequence().unwrap();
    assert_eq!(statements.len(), 1);
    assert_eq!(text(&statements[0]["Action"]), "lambda:InvokeFunction");
    assert!(
        text(&statements[0]["Resource"]["Sub"]).ends_with(":function:${AWS::StackName}_*:live")
    );
}

#[test]
fn what_costs_money_is_throttled() {
    let stage = &resource("Stage")["Properties"];
    let depends: BTreeSet<_> = texts(&resource("Stage")["DependsOn"]).into_iter().collect();
    let mut throttled = BTreeSet::new();
    for (route_key, settings) in entries(&stage["RouteSettings"]) {
        assert!(
            settings["ThrottlingRateLimit"].is_mapping()
                && settings["ThrottlingBurstLimit"].is_mapping()
        );
        throttled.insert(route_key);
    }
    for lambda in SEND_TEXTS_FOR_STRANGERS {
        let id = pascal(lambda);
        let route = format!("{id}Route");
        assert!(throttled.contains(text(&resource(&route)["Properties"]["RouteKey"])), "{lambda}");
        assert!(depends.contains(route.as_str()), "{lambda}");
        let reserved = &resource(&id)["Properties"]["ReservedConcurrentExecutions"];
        assert_eq!(text(&reserved["If"][1]["Ref"]), format!("{id}Concurrency"));
    }
    assert!(stage["DefaultRouteSettings"]["ThrottlingRateLimit"].is_mapping());
}
