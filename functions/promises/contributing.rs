//! CONTRIBUTING.md, "Add an endpoint": the code on the page is compiled here and called over HTTP.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{
    example,
    template::assembly::{Parts, Route},
};

const PAGE: &str = include_str!("../../CONTRIBUTING.md");
const NAME: &str = "me-roles";
const FOLDER: &str = "me/roles";

/// The block of the page that is in `language` and begins with `first_line`.
fn block(language: &str, first_line: &str) -> &'static str {
    let section =
        PAGE.split("\n## ").find(|section| section.starts_with("Add an endpoint\n")).unwrap();
    let begin = format!("```{language}\n{first_line}");
    let (_, rest) = section
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no {language} block begins with {first_line}"));
    let text = &section[section.len() - rest.len() - first_line.len()..];
    text.split_once("```").unwrap().0
}

#[test]
fn the_page_s_handler_is_the_example_s() {
    assert_eq!(block("rust", "//! `GET /v1/me/roles`"), include_str!("example/mod.rs"));
}

#[test]
fn the_page_s_test_is_the_example_s() {
    let tests = include_str!("example/tests.rs");
    // Here the example is not part of the service, so its test has to serve it.
    assert_eq!(
        block("rust", "use serde_json::json;"),
        tests.replace(".serving(super::routes().into())", "")
    );
}

#[test]
fn the_page_s_main_is_that_of_an_endpoint_like_it() {
    let main = include_str!("../me/get/main.rs");
    assert_eq!(
        block("rust", "//! The Lambda of this endpoint."),
        main.replace("me::get", "me::roles")
    );
}

#[test]
fn the_page_s_line_is_one_of_the_table() {
    let line = "    \"me-get\" => me::get,\n";
    assert!(include_str!("../lib.rs").contains(line));
    assert_eq!(PAGE.matches("`\"me-roles\" => me::roles,`").count(), 1);
}

#[test]
fn the_page_s_lambda_adds_one_function_and_one_route() {
    let document: Json =
        serde_json::from_str(&example::routes().into_openapi().to_json().unwrap()).unwrap();
    let [route] = <[Route; 1]>::try_from(Route::of(&document)).ok().unwrap();
    assert_eq!((&*route.method, &*route.path, &*route.lambda), ("get", "/v1/me/roles", NAME));

    let mut parts = Parts::read();

    // A reader who follows the page to the letter has this endpoint already.
    parts.remove(NAME);

    let before = parts.value();
    parts.add(NAME, FOLDER, block("yaml", "description:"), route);

    let after = parts.value();

    let names = |value: &serde_yaml_ng::Value| -> BTreeSet<String> {
        value.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let added = |path: &[&str]| {
        let at = |value: &serde_yaml_ng::Value| {
            names(path.iter().fold(value, |value, name| &value[*name]))
        };
        assert!(at(&before).is_subset(&at(&after)));
        at(&after).difference(&at(&before)).cloned().collect::<Vec<_>>()
    };

    assert_eq!(added(&[]), Vec::<String>::new());
    assert_eq!(added(&["Resources"]), ["MeRoles"]);
    assert_eq!(added(&["Resources", "Api", "Properties", "Body", "paths"]), ["/v1/me/roles"]);

    // SAM makes two resources of it: the function and its role. With a canary, its version, its alias
    // and its deployment group would be three more.
    let function = &after["Resources"]["MeRoles"];
    assert_eq!(function["Type"], "AWS::Serverless::Function");
    let properties = &function["Properties"];
    assert!(properties["Policies"].is_sequence());
    for of_canary in ["AutoPublishAlias", "DeploymentPreference"] {
        assert!(properties.get(of_canary).is_none(), "{of_canary}");
    }

    // It has the same rights to the table as every endpoint that reads its caller.
    let policy =
        |id: &str| after["Resources"][id]["Properties"]["Policies"][0]["Statement"][0].clone();
    assert_eq!(policy("MeRoles"), policy("MeGet"));
}
