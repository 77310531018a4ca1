//! Each setting is a parameter with the same bounds, and reaches the functions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_yaml_ng::Value;
use shared::{base::Environment, settings::Settings};

use super::{
    TEMPLATE_VALUE, entries, has_canary, parameters_in, pascal, resource, resources, text, texts,
};

const SAMCONFIG: &str = include_str!("../../../samconfig.toml");

/// The settings that the stack itself computes. They are not parameters of the same name.
const NOT_PARAMETERS: [&str; 8] = [
    "SERVICE_NAME",
    "SETTINGS_VERSION",
    "ISSUER",
    "AVATAR_BASE_URL",
    "AVATAR_BUCKET",
    "TABLE_NAME",
    "KEYS_SECRET_ARN",
    "HASH_KEYS_SECRET_ARN",
];

/// The names of resources that a single function reaches. They are no settings.
const NO_SETTINGS: [&str; 2] = ["AUDIT_BUCKET", "BACK_CHANNEL_QUEUE_URL"];

/// The hosts of vendors, for tests. In a deployment, the secret with their credentials has them.
const HOSTS: [&str; 5] =
    ["TWILIO_URL", "TWILIO_VERIFY_URL", "VONAGE_URL", "KALEYRA_URL", "WHATSAPP_URL"];

/// The names of the settings that the template passes to the functions. It leaves out the variables
/// that Lambda itself sets.
fn settings() -> BTreeSet<&'static str> {
    let names = Settings::all().into_iter().map(|setting| setting.name);
    names.filter(|name| !name.starts_with("AWS_") && !HOSTS.contains(name)).collect()
}

/// The variables of all functions.
fn global_variables() -> &'static Value {
    &TEMPLATE_VALUE["Globals"]["Function"]["Environment"]["Variables"]
}

/// The variables of one function beside those of all.
fn own_variables(function: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let variables = &function["Properties"]["Environment"]["Variables"];
    variables.is_mapping().then(|| entries(variables)).into_iter().flatten()
}

/// The variables of the functions, without the names of the anchors' bucket and of the queue, which
/// are no settings.
fn variables() -> BTreeMap<&'static str, &'static Value> {
    let own = resources("AWS::Serverless::Function").flat_map(|(_, it)| own_variables(it));
    entries(global_variables()).chain(own).filter(|(name, _)| !NO_SETTINGS.contains(name)).collect()
}

#[test]
fn every_setting_is_a_parameter_and_reaches_functions() {
    let settings = settings();
    assert!(settings.contains("OTP_LENGTH") && settings.contains("ISSUER"), "{settings:?}");
    let mut variables = variables();
    for (name, value) in variables.iter().filter(|(name, _)| !NOT_PARAMETERS.contains(name)) {
        assert_eq!(text(&value["Ref"]), pascal(name));
    }

    assert!(variables.remove("SETTINGS_VERSION").is_some());
    assert_eq!(variables.into_keys().collect::<BTreeSet<_>>(), settings);
}

#[test]
fn a_function_gets_no_variable_twice() {
    for (id, function) in resources("AWS::Serverless::Function") {
        for (name, _) in own_variables(function) {
            assert!(global_variables().get(name).is_none(), "{id} has its own {name}");
        }
    }
}

/// The settings that CloudFormation would pass with default parameters, except for `changed`.
fn parse_settings(stage: &str, changed: Option<(&str, String)>) -> Result<Settings, Vec<String>> {
    let parameters = &TEMPLATE_VALUE["Parameters"];
    let value = |name: &str| match &parameters[pascal(name).as_str()]["Default"] {
        Value::Number(number) => number.to_string(),
        other => text(other).to_owned(),
    };

    let mut environment: Environment = variables()
        .into_keys()
        .map(|name| match name {
            "ISSUER" => (name, "https://id.example.com".to_owned()),
            "SERVICE_NAME" => (name, "latchkey-dev".to_owned()),
            "AVATAR_BUCKET" | "TABLE_NAME" | "KEYS_SECRET_ARN" | "HASH_KEYS_SECRET_ARN" => {
                (name, name.to_owned())
            }
            "SETTINGS_VERSION" => (name, "1".to_owned()),
            "ENVIRONMENT" => (name, stage.to_owned()),
            name => (name, value(name)),
        })
        .collect();

    if let Some((name, value)) = changed {
        environment.set(name, value);
    }

    Settings::parse(&environment, Timestamp::from_second(1_800_000_000).unwrap())
}

#[test]
fn the_bounds_of_the_parameters_are_those_of_the_settings() {
    for stage in texts(&TEMPLATE_VALUE["Parameters"]["Environment"]["AllowedValues"]) {
        assert_eq!(parse_settings(stage, None).err(), None, "the defaults, in {stage}");
    }

    let mut checked = 0;
    for name in variables().into_keys() {
        let parameter = &TEMPLATE_VALUE["Parameters"][pascal(name).as_str()];
        if let (Some(min), Some(max)) =
            (parameter["MinValue"].as_i64(), parameter["MaxValue"].as_i64())
        {
            let accepts =
                |number: i64| parse_settings("dev", Some((name, number.to_string()))).is_ok();
            assert!(accepts(min) && accepts(max), "{name} from {min} to {max}");
            assert!(!accepts(min - 1) && !accepts(max + 1), "{name} from {min} to {max}");
            checked += 1;
        }

        if let Some(values) = parameter["AllowedValues"].as_sequence() {
            for value in values.iter().map(text) {
                assert_eq!(
                    parse_settings("dev", Some((name, value.to_owned()))).err(),
                    None,
                    "{name}"
                );
            }
        }
    }

    assert!(checked >= 10, "{checked}");
}

/// The most bytes of all variables of a function, as JSON.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LAMBDA_LIMIT_BYTES: usize = 4096;
/// The room for a setting that is added later.
const ROOM_BYTES: usize = 20;
/// The longest name of a stack, so that no function's name is longer than Lambda's 64 characters.
const STACK_NAME_CHARACTERS: usize = 42;

/// The longest value, in bytes, that a parameter accepts.
fn longest(parameter: &str) -> usize {
    let definition = &TEMPLATE_VALUE["Parameters"][parameter];
    if let Some(values) = definition["AllowedValues"].as_sequence() {
        return values.iter().map(|value| text(value).len()).max().unwrap();
    }
    if let Some(max) = definition["MaxValue"].as_i64() {
        return max.to_string().len();
    }

    let characters = definition["MaxLength"].as_u64().unwrap_or_else(|| panic!("{parameter}"));
    // Only the app's name takes letters beyond ASCII, of at most three bytes each.
    usize::try_from(characters).unwrap() * if parameter == "AppName" { 3 } else { 1 }
}

/// The longest value, in bytes, of a variable of the functions.
fn longest_value(variable: &str) -> usize {
    let secret = |id: &str| {
        format!(
            "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:{id}-123456789012-123456"
        )
    };
    match variable {
        "SERVICE_NAME" => STACK_NAME_CHARACTERS,
        "ISSUER" => longest("Issuer").max("https://".len() + longest("DomainName")),
        "AVATAR_BUCKET" | "AUDIT_BUCKET" => 63,
        "BACK_CHANNEL_QUEUE_URL" => {
            "https://sqs.ap-southeast-2.amazonaws.com/123456789012/".len()
                + STACK_NAME_CHARACTERS
                + "-BackChannelQueue-123456789012".len()
        }
        // CloudFormation's number of a hosted configuration.
        "SETTINGS_VERSION" => 6,
        "TABLE_NAME" => STACK_NAME_CHARACTERS + "-Table-1234567890123".len(),
        "KEYS_SECRET_ARN" => secret("SigningKeysSecret").len(),
        "HASH_KEYS_SECRET_ARN" => secret("HashKeysSecret").len(),
        _ => longest(&pascal(variable)),
    }
}

/// `{"NAME":"value",…}`: quotes, colon and comma are six bytes.
fn bytes_of_variables(function: &'static Value, value: impl Fn(&str) -> usize) -> usize {
    let variables = entries(global_variables()).chain(own_variables(function));
    variables.map(|(name, _)| name.len() + value(name) + 6).sum()
}

#[test]
fn the_longest_settings_fit_into_the_variables_of_a_lambda() {
    let functions = resources("AWS::Serverless::Function");
    let (longest, id, function) = functions
        .map(|(id, it)| (bytes_of_variables(it, longest_value), id, it))
        .max_by_key(|(longest, ..)| *longest)
        .unwrap();
    assert!(longest + ROOM_BYTES <= LAMBDA_LIMIT_BYTES, "{id}: {longest} bytes");

    let names = bytes_of_variables(function, |_| 0);
    let page = include_str!("../../../docs/settings.md");
    let sum = format!("names take up to {names} bytes, and the longest values that the template");
    assert!(page.contains(&sum), "docs/settings.md lacks: {sum}");
    assert!(page.contains(&format!("make {longest} in all")), "{longest} in all");
}

#[test]
fn the_longest_name_of_a_stack_leaves_room_for_the_names_of_its_functions() {
    let names = resources("AWS::Serverless::Function")
        .map(|(_, function)| text(&function["Properties"]["FunctionName"]["Sub"]));
    let longest = names.map(|name| name.len() - "${AWS::StackName}".len()).max().unwrap();
    assert!(STACK_NAME_CHARACTERS + longest <= 64, "{longest}");

    let page = include_str!("../../../docs/deployment.md");
    assert!(page.contains(&format!("at most {STACK_NAME_CHARACTERS} characters")));
}

/// On its own, SAM publishes no new version when a parameter's value changes: see
/// `SettingsVersion`. A function without versions has the new value as soon as it is updated.
#[test]
fn a_changed_parameter_makes_a_new_version_of_each_function_with_versions() {
    let mut used = Vec::new();
    for (name, value) in entries(&TEMPLATE_VALUE["Globals"]["Function"]) {
        // How a version goes live is not part of the version.
        if name != "DeploymentPreference" {
            parameters_in(value, &TEMPLATE_VALUE["Parameters"], &mut used);
        }
    }

    let functions = resources("AWS::Serverless::Function");
    for (_, function) in functions.filter(|(id, _)| has_canary(id)) {
        for (_, value) in own_variables(function) {
            parameters_in(value, &TEMPLATE_VALUE["Parameters"], &mut used);
        }
    }

    let mut used: BTreeSet<_> = used.into_iter().collect();
    let content = &resource("SettingsVersion")["Properties"]["Content"]["Sub"];

    // Two settings are computed from parameters and resources. Their results are listed, not their
    // sources.
    let variables = variables();
    assert_eq!(&content[1]["Issuer"], variables["ISSUER"]);
    assert_eq!(&content[1]["AvatarBaseUrl"], variables["AVATAR_BASE_URL"]);
    assert!(used.remove("DomainName"));

    let held: BTreeSet<_> = text(&content[0]).lines().map(str::to_owned).collect();
    assert_eq!(held, used.iter().map(|name| format!("{name}=${{{name}}}")).collect());

    for (id, function) in resources("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        let variables = own_variables(function).collect::<BTreeMap<_, _>>();
        let number = variables.get("SETTINGS_VERSION");
        if has_canary(id) {
            let description = text(&properties["VersionDescription"]["Sub"]);
            assert_eq!(description, "settings ${SettingsVersion}", "{id}");
            assert_eq!(properties["AutoPublishAliasAllProperties"], true, "{id}");
            assert_eq!(text(&properties["VersionDeletionPolicy"]), "Delete", "{id}");
            // Else Lambda refuses the version of a function to which nothing that changed is passed.
            assert_eq!(text(&number.unwrap()["Ref"]), "SettingsVersion", "{id}");
        } else {
            assert!(number.is_none() && properties.get("VersionDescription").is_none(), "{id}");
        }
    }
}

#[test]
fn samconfig_sets_only_parameters_that_exist() {
    for line in SAMCONFIG.lines().filter_map(|line| line.strip_prefix("parameter_overrides = ")) {
        for pair in line.trim_matches('"').split_whitespace() {
            let (name, value) = pair.split_once('=').unwrap();
            let parameter = &TEMPLATE_VALUE["Parameters"][name];
            assert!(parameter.is_mapping(), "the template has no parameter {name}");

            if let Some(values) = parameter["AllowedValues"].as_sequence() {
                let allowed = |allowed: &Value| match allowed {
                    Value::Number(number) => number.to_string() == value,
                    other => text(other) == value,
                };
                assert!(values.iter().any(allowed), "{pair}");
            }
        }
    }
    assert!(SAMCONFIG.contains("Environment=prod"));
}
