//! Checks that `template.yaml` matches the code: the same Lambdas, routes, settings and metrics,
//! and least privilege for each function. `.ci/check_policies.py` checks on the built binaries that
//! no policy allows an action that its function never calls.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_yaml_ng::Value;

use self::assembly::{ASSEMBLED, MANIFEST};
use crate::{ENDPOINTS, OTHER_LAMBDAS};

pub(crate) mod assembly;
mod edge;
mod kept;
mod lambda_file;
mod rights;
mod routes;
mod settings;
mod watched;

/// The template as assembled from its parts, with `!Ref X` as `{Ref: X}`. A test in `assembly`
/// checks that the committed file is the same.
static TEMPLATE_VALUE: LazyLock<Value> = LazyLock::new(|| parse(&ASSEMBLED));

fn parse(yaml: &str) -> Value {
    untagged(serde_yaml_ng::from_str(yaml).unwrap())
}

fn untagged(value: Value) -> Value {
    match value {
        Value::Tagged(tagged) => {
            let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
            Value::Mapping([(Value::String(name), untagged(tagged.value))].into_iter().collect())
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(untagged).collect()),
        Value::Mapping(map) => {
            Value::Mapping(map.into_iter().map(|(key, value)| (key, untagged(value))).collect())
        }
        other => other,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value:?} is not a text"))
}

/// One text, or a list of texts.
fn texts(value: &Value) -> Vec<&str> {
    value.as_sequence().map_or_else(|| vec![text(value)], |items| items.iter().map(text).collect())
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_mapping().unwrap().iter().map(|(key, value)| (text(key), value))
}

fn resources(kind: &str) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let kind = kind.to_owned();
    entries(&TEMPLATE_VALUE["Resources"])
        .filter(move |(_, resource)| resource["Type"] == kind.as_str())
}

fn resource(id: &str) -> &'static Value {
    let resource = &TEMPLATE_VALUE["Resources"][id];
    assert!(resource.is_mapping(), "the template has no resource {id}");
    resource
}

/// `otp-send` is `OtpSend`, and so is `OTP_SEND`.
fn pascal(name: &str) -> String {
    let parts = name.split(['-', '_']);
    parts.map(|part| format!("{}{}", part[..1].to_uppercase(), part[1..].to_lowercase())).collect()
}

fn lambdas() -> BTreeSet<String> {
    ENDPOINTS.iter().map(|endpoint| endpoint.name).chain(OTHER_LAMBDAS).map(str::to_owned).collect()
}

/// Whether the function with this id has versions, and an alias that a canary moves.
fn has_canary(id: &str) -> bool {
    resource(id)["Properties"].get("DeploymentPreference").is_some()
}

/// The statements of a function's own policy.
fn statements(lambda: &str) -> Vec<&'static Value> {
    let policies = &resource(&pascal(lambda))["Properties"]["Policies"];
    let policies = policies.as_sequence().map(Vec::as_slice).unwrap_or_default();
    let statements = policies.iter().flat_map(|it| it["Statement"].as_sequence().unwrap());
    statements.map(as_if_it_held).collect()
}

/// A statement; if it is under a condition, it counts as if that held.
fn as_if_it_held(statement: &'static Value) -> &'static Value {
    statement.get("If").map_or(statement, |chosen| &chosen[1])
}

fn leading_keys(statement: &Value) -> Vec<&str> {
    texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
}

/// Whether a function's own policy allows `operation` on the items with this partition key.
pub(crate) fn policy_allows(lambda: &str, operation: &str, partition_key: &str) -> bool {
    let matches = |pattern: &str| match pattern.split_once('*') {
        Some((prefix, _)) => partition_key.starts_with(prefix),
        None => pattern == partition_key,
    };
    let action = format!("dynamodb:{operation}");
    let of_table = statements(lambda)
        .into_iter()
        .filter(|statement| texts(&statement["Action"]).contains(&action.as_str()));

    of_table
        .filter(|statement| statement["Condition"].is_mapping())
        .any(|it| leading_keys(it).into_iter().any(matches))
}

/// Appends the parameters that a value refers to, in order of occurrence and without duplicates.
fn parameters_in(value: &Value, parameters: &Value, found: &mut Vec<String>) {
    let names: Vec<&str> = match value {
        Value::String(text) => {
            text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect()
        }
        Value::Sequence(items) => {
            return items.iter().for_each(|item| parameters_in(item, parameters, found));
        }
        Value::Mapping(map) => match map.get("Ref") {
            Some(name) => vec![text(name)],
            None => return map.values().for_each(|value| parameters_in(value, parameters, found)),
        },
        _ => return,
    };
    for name in names {
        if parameters.get(name).is_some() && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
}

#[test]
fn the_lambdas_and_the_functions_of_the_template_are_the_same() {
    let binaries: BTreeSet<_> = MANIFEST
        .split("[[bin]]")
        .skip(1)
        .map(|bin| {
            bin.lines()
                .find_map(|line| line.strip_prefix("name = "))
                .unwrap()
                .trim_matches('"')
                .to_owned()
        })
        .collect();

    assert_eq!(binaries, lambdas());
    let functions: BTreeSet<_> =
        resources("AWS::Serverless::Function").map(|(id, _)| id.to_owned()).collect();
    assert_eq!(functions, lambdas().iter().map(|name| pascal(name)).collect());

    for lambda in lambdas() {
        let function = resource(&pascal(&lambda));
        let properties = &function["Properties"];
        assert_eq!(text(&properties["CodeUri"]), format!("target/lambda/{lambda}"));
        assert_eq!(
            text(&properties["FunctionName"]["Sub"]),
            format!("${{AWS::StackName}}_{lambda}")
        );
        assert_eq!(function["Metadata"]["SkipBuild"], true, "{lambda}");
    }
}
