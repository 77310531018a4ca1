//! Holds `template.yaml` to the code: the same Lambdas, routes, settings and metrics, and no right that a
//! function need not have. That no policy allows what its function never calls is checked on the built
//! binaries (`.ci/check_policies.py`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jiff::Timestamp;
use serde_yaml_ng::Value;

use crate::{ENDPOINTS, OTHER_LAMBDAS, document::document, testing::TEMPLATE};
use shared::{
    base::{
        Environment,
        metrics::{METRICS, NAMESPACE},
    },
    settings::Settings,
};

const MANIFEST: &str = include_str!("../Cargo.toml");
const KEYS: &str = include_str!("../../shared/src/table/keys.rs");
const SAMCONFIG: &str = include_str!("../../samconfig.toml");

/// What the stack itself decides, not a parameter of the same name.
const NOT_PARAMETERS: [&str; 6] = [
    "ISSUER",
    "AVATAR_BASE_URL",
    "AVATAR_BUCKET",
    "TABLE_NAME",
    "KEYS_SECRET_ARN",
    "HASH_KEYS_SECRET_ARN",
];
/// The Lambdas that sign tokens, and the one that makes the keys.
const READ_SIGNING_KEYS: [&str; 6] =
    ["auth-login", "auth-mfa", "auth-refresh", "keys-rotate", "oauth2-token", "otp-verify"];
/// The Lambdas that send texts. They cost money.
const SEND_TEXTS: [&str; 12] = [
    "auth-register",
    "me-email",
    "me-phone",
    "me-totp-confirm",
    "me-totp-delete",
    "otp-resend",
    "otp-send",
    "otp-verify",
    "password-change",
    "password-forgot",
    "password-reset",
    "users-mfa-delete",
];
/// The Lambdas that delete pictures, one of which stores them.
const CHANGE_PICTURES: [&str; 6] = [
    "me-avatar-delete",
    "me-avatar-put",
    "me-delete",
    "users-avatar-delete",
    "users-delete",
    "users-delete-by-phone",
];
/// Those that anybody can make send texts.
const SEND_TEXTS_FOR_STRANGERS: [&str; 4] =
    ["auth-register", "otp-resend", "otp-send", "password-forgot"];

/// The template, with `!Ref X` as `{Ref: X}`.
static TEMPLATE_VALUE: LazyLock<Value> =
    LazyLock::new(|| untagged(serde_yaml_ng::from_str(TEMPLATE).unwrap()));

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
    value.as_str().unwrap_or_else(|| panic!("{value:?} is no text"))
}

/// One text, or several.
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
    assert!(resource.is_mapping(), "there is no {id}");
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

/// The statements of a function's own policy.
fn statements(lambda: &str) -> Vec<&'static Value> {
    let policies = &resource(&pascal(lambda))["Properties"]["Policies"];
    let policies = policies.as_sequence().map(Vec::as_slice).unwrap_or_default();
    policies.iter().flat_map(|policy| policy["Statement"].as_sequence().unwrap()).collect()
}

fn leading_keys(statement: &Value) -> Vec<&str> {
    texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
}

/// Whether a function's own policy lets it do this to the item of the table with this partition key.
pub(crate) fn may(lambda: &str, operation: &str, partition_key: &str) -> bool {
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

/// The parameters that a value refers to.
fn parameters_in(value: &Value, found: &mut BTreeSet<String>) {
    let known = |name: &str| TEMPLATE_VALUE["Parameters"].get(name).is_some();
    match value {
        Value::String(name) => {
            let named = name.split("${").skip(1).filter_map(|rest| rest.split('}').next());
            found.extend(named.filter(|name| known(name)).map(str::to_owned));
        }
        Value::Sequence(items) => items.iter().for_each(|item| parameters_in(item, found)),
        Value::Mapping(map) => {
            for (key, value) in map {
                match value.as_str().filter(|name| key == "Ref" && known(name)) {
                    Some(name) => drop(found.insert(name.to_owned())),
                    None => parameters_in(value, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_lambda_is_a_function_and_the_other_way_round() {
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
        assert!(properties.get("Environment").is_none(), "{lambda}: settings belong into Globals");
    }
}

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
fn what_is_kept_is_kept() {
    let table = resource("Table");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(properties["TimeToLiveSpecification"]["Enabled"], true);
    assert_eq!(text(&properties["TimeToLiveSpecification"]["AttributeName"]), shared::table::TTL);
    assert_eq!(text(&properties["BillingMode"]), "PAY_PER_REQUEST");
    for id in ["Table", "SigningKeysSecret", "HashKeysSecret", "AvatarBucket"] {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(text(&resource(id)[policy]), "Retain", "{id}");
        }
    }
    let access = &resource("AvatarBucket")["Properties"]["PublicAccessBlockConfiguration"];
    assert_eq!(entries(access).filter(|(_, value)| **value == true).count(), 4);
}

/// Of the bucket a function has the objects alone, to see them or, where it changes pictures, to do that.
#[test]
fn pictures_are_changed_by_the_functions_that_are_for_it() {
    let (mut seen_by, mut deleted_by, mut stored_by) = (0, Vec::new(), Vec::new());
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            let actions = texts(&statement["Action"]);
            if actions.iter().any(|action| action.starts_with("s3:")) {
                assert_eq!(
                    text(&statement["Resource"]["Sub"]),
                    "${AvatarBucket.Arn}/*",
                    "{lambda}"
                );
                seen_by += usize::from(actions.contains(&"s3:GetObject"));
                deleted_by.extend(actions.contains(&"s3:DeleteObject").then(|| lambda.clone()));
                stored_by.extend(actions.contains(&"s3:PutObject").then(|| lambda.clone()));
            }
        }
    }
    assert!(seen_by > 10, "{seen_by}");
    assert_eq!(deleted_by, CHANGE_PICTURES);
    assert_eq!(stored_by, ["me-avatar-put"]);
}

#[test]
fn a_picture_that_nobody_has_ends() {
    let rules = &resource("AvatarBucket")["Properties"]["LifecycleConfiguration"]["Rules"];
    let rules = rules.as_sequence().unwrap();
    let rule = rules.iter().find(|rule| rule.get("ExpirationInDays").is_some()).unwrap();
    // Without the filter it would be every picture.
    let tag = &rule["TagFilters"][0];
    assert_eq!(shared::avatars::PENDING, format!("{}={}", text(&tag["Key"]), text(&tag["Value"])));
    assert_eq!((text(&rule["Status"]), &rule["ExpirationInDays"]), ("Enabled", &Value::from(1)));
    let expiring =
        rules.iter().filter(|rule| entries(rule).any(|(name, _)| name.starts_with("Expiration")));
    assert_eq!(expiring.count(), 1);
}

#[test]
fn a_picture_is_served_as_a_picture() {
    let behavior =
        &resource("AvatarDistribution")["Properties"]["DistributionConfig"]["DefaultCacheBehavior"];
    assert_eq!(text(&behavior["ResponseHeadersPolicyId"]["Ref"]), "AvatarHeaders");
    let policy = &resource("AvatarHeaders")["Properties"]["ResponseHeadersPolicyConfig"];
    assert_eq!(policy["SecurityHeadersConfig"]["ContentTypeOptions"]["Override"], true);
    assert_eq!(text(&behavior["ViewerProtocolPolicy"]), "redirect-to-https");
}

/// The names of the settings that the template hands over. What Lambda sets itself is no setting of ours.
fn settings() -> BTreeSet<&'static str> {
    Settings::all()
        .into_iter()
        .map(|setting| setting.name)
        .filter(|name| !name.starts_with("AWS_"))
        .collect()
}

fn variables() -> &'static Value {
    &TEMPLATE_VALUE["Globals"]["Function"]["Environment"]["Variables"]
}

#[test]
fn every_setting_is_a_parameter_and_reaches_the_functions() {
    let settings = settings();
    assert!(settings.contains("OTP_LENGTH") && settings.contains("ISSUER"), "{settings:?}");
    assert_eq!(entries(variables()).map(|(name, _)| name).collect::<BTreeSet<_>>(), settings);
    for (name, value) in entries(variables()).filter(|(name, _)| !NOT_PARAMETERS.contains(name)) {
        assert_eq!(text(&value["Ref"]), pascal(name));
    }
}

/// The variables as CloudFormation would hand them over, with a parameter changed.
fn parse(stage: &str, changed: Option<(&str, String)>) -> Result<Settings, Vec<String>> {
    let parameters = &TEMPLATE_VALUE["Parameters"];
    let value = |name: &str| match &parameters[pascal(name).as_str()]["Default"] {
        Value::Number(number) => number.to_string(),
        other => text(other).to_owned(),
    };
    let mut environment: Environment = entries(variables())
        .map(|(name, _)| match name {
            "ISSUER" => (name, "https://id.example.com".to_owned()),
            "AVATAR_BUCKET" | "TABLE_NAME" | "KEYS_SECRET_ARN" | "HASH_KEYS_SECRET_ARN" => {
                (name, name.to_owned())
            }
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
        assert_eq!(parse(stage, None).err(), None, "the defaults, in {stage}");
    }
    let mut checked = 0;
    for (name, _) in entries(variables()) {
        let parameter = &TEMPLATE_VALUE["Parameters"][pascal(name).as_str()];
        if let (Some(min), Some(max)) =
            (parameter["MinValue"].as_i64(), parameter["MaxValue"].as_i64())
        {
            let accepts = |number: i64| parse("dev", Some((name, number.to_string()))).is_ok();
            assert!(accepts(min) && accepts(max), "{name} from {min} to {max}");
            assert!(!accepts(min - 1) && !accepts(max + 1), "{name} from {min} to {max}");
            checked += 1;
        }
        if let Some(values) = parameter["AllowedValues"].as_sequence() {
            for value in values.iter().map(text) {
                assert_eq!(parse("dev", Some((name, value.to_owned()))).err(), None, "{name}");
            }
        }
    }
    assert!(checked >= 10, "{checked}");
}

/// SAM publishes no new version for another value of a parameter: see `SettingsVersion`.
#[test]
fn another_value_of_a_parameter_is_another_version() {
    let mut used = BTreeSet::new();
    for (name, value) in entries(&TEMPLATE_VALUE["Globals"]["Function"]) {
        // How a version comes to be live is no part of it.
        if name != "DeploymentPreference" {
            parameters_in(value, &mut used);
        }
    }
    let content = &resource("SettingsVersion")["Properties"]["Content"]["Sub"];
    // What is put together of parameters and of what the stack makes is there as what it comes to.
    assert_eq!(content[1]["Issuer"], variables()["ISSUER"]);
    assert_eq!(content[1]["AvatarBaseUrl"], variables()["AVATAR_BASE_URL"]);
    assert!(used.remove("DomainName"));
    let held: BTreeSet<_> = text(&content[0]).lines().map(str::to_owned).collect();
    assert_eq!(held, used.iter().map(|name| format!("{name}=${{{name}}}")).collect());
    for (id, function) in resources("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        assert_eq!(
            text(&properties["VersionDescription"]["Sub"]),
            "settings ${SettingsVersion}",
            "{id}"
        );
        assert_eq!(properties["AutoPublishAliasAllProperties"], true, "{id}");
    }
}

#[test]
fn every_metric_is_watched() {
    let mut watched = String::new();
    for kind in ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"] {
        for (_, resource) in resources(kind) {
            watched += &serde_yaml_ng::to_string(resource).unwrap();
        }
    }
    assert!(watched.contains(NAMESPACE));
    let words: BTreeSet<_> = watched.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for metric in METRICS {
        assert!(
            words.contains(metric.name().as_str()),
            "{metric:?} is on no alarm and not on the dashboard"
        );
    }
}

#[test]
fn the_dashboard_is_json() {
    let body = text(&resource("Dashboard")["Properties"]["DashboardBody"]["Sub"]);
    // What stands for a value, as a number: it fits into a text, too.
    let mut parts = body.split("${");
    let first = parts.next().unwrap().to_owned();
    let filled = parts.fold(first, |filled, part| filled + "1" + part.split_once('}').unwrap().1);
    let dashboard: serde_json::Value = serde_json::from_str(&filled).unwrap();
    assert!(dashboard["widgets"].as_array().is_some_and(|widgets| widgets.len() > 5));
}

#[test]
fn every_alarm_reaches_somebody_and_is_silent_without_data() {
    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        assert_eq!(text(&properties["AlarmActions"][0]["Ref"]), "AlarmTopic", "{id}");
        assert_eq!(text(&properties["TreatMissingData"]), "notBreaching", "{id}");
    }
    let preference = &TEMPLATE_VALUE["Globals"]["Function"]["DeploymentPreference"];
    let rollback: Vec<_> = preference["Alarms"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|alarm| text(&alarm["Ref"]))
        .collect();
    assert!(rollback.contains(&"ServerErrorsAlarm"));
    rollback
        .iter()
        .for_each(|alarm| assert_eq!(text(&resource(alarm)["Type"]), "AWS::CloudWatch::Alarm"));
}

#[test]
fn a_function_reaches_only_the_items_that_it_works_on() {
    let table = |heading: &'static str| {
        let lines = KEYS.lines().skip_while(move |line| !line.starts_with(heading)).skip(2);
        lines.take_while(|line| line.starts_with("//! |")).filter_map(|line| line.split('`').nth(1))
    };
    let pattern = |key: &str| {
        key.split_once('<').map_or_else(|| key.to_owned(), |(prefix, _)| format!("{prefix}*"))
    };
    let lists: BTreeSet<_> = table("//! | list ").map(pattern).collect();
    assert!(lists.contains("APPS"), "{lists:?}");
    let partitions: BTreeSet<_> = table("//! | item ").map(pattern).collect();
    assert!(partitions.contains("USER#*") && partitions.contains("SIGNING_KEYS"), "{partitions:?}");
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            assert_eq!(text(&statement["Effect"]), "Allow");
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{lambda}: {action}");
                if !action.starts_with("dynamodb:") {
                    continue;
                }
                let resource = &statement["Resource"];
                if resource.get("Sub").is_some() {
                    assert_eq!(
                        (text(&resource["Sub"]), action),
                        ("${Table.Arn}/index/lists", "dynamodb:Query")
                    );
                    assert!(
                        leading_keys(statement).iter().all(|list| lists.contains(*list)),
                        "{lambda}"
                    );
                    continue;
                }
                assert_eq!(text(&resource["GetAtt"]), "Table.Arn", "{lambda}: {action}");
                for key in leading_keys(statement) {
                    assert!(partitions.contains(key), "{lambda}: {key}");
                    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
                    let writes = !reads.contains(&action);
                    assert!(
                        !writes || key != "SIGNING_KEYS" || lambda == "keys-rotate",
                        "{lambda} may write keys"
                    );
                }
            }
        }
    }
}

#[test]
fn secrets_and_texts_are_for_the_functions_that_need_them() {
    let mut read_signing_keys = Vec::new();
    let mut send_texts = Vec::new();
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            let actions = texts(&statement["Action"]);
            if actions.iter().any(|action| action.starts_with("secretsmanager:")) {
                let resource = &statement["Resource"];
                let secrets = resource
                    .as_sequence()
                    .map_or_else(|| vec![resource], |all| all.iter().collect());
                let secrets: Vec<_> =
                    secrets.into_iter().map(|secret| text(&secret["Ref"])).collect();
                assert!(
                    secrets
                        .iter()
                        .all(|secret| ["SigningKeysSecret", "HashKeysSecret"].contains(secret))
                );
                if secrets.contains(&"SigningKeysSecret") {
                    read_signing_keys.push(lambda.clone());
                }
                let changes =
                    actions.iter().any(|action| *action != "secretsmanager:GetSecretValue");
                assert!(
                    !changes || lambda == "keys-rotate" && secrets == ["SigningKeysSecret"],
                    "{lambda}: {actions:?}"
                );
            }
            if actions.contains(&"sns:Publish") {
                // To phones, not to topics.
                assert!(
                    statement.get("Resource").is_none()
                        && text(&statement["NotResource"]["Sub"]).ends_with(":sns:*:*:*")
                );
                send_texts.push(lambda.clone());
            }
        }
    }
    assert_eq!(read_signing_keys, READ_SIGNING_KEYS);
    assert_eq!(send_texts, SEND_TEXTS);
}

/// A right that the boundary leaves out is one that a function does not have, whatever its policy says.
#[test]
fn the_boundary_leaves_every_function_its_rights() {
    let statements_of = |value: &'static Value| {
        value["Properties"]["PolicyDocument"]["Statement"].as_sequence().unwrap()
    };
    let boundary = statements_of(resource("FunctionBoundary"));
    let within: BTreeSet<_> =
        boundary.iter().flat_map(|statement| texts(&statement["Action"])).collect();
    for lambda in lambdas() {
        for action in
            statements(&lambda).into_iter().flat_map(|statement| texts(&statement["Action"]))
        {
            assert!(within.contains(action), "{lambda}: {action}");
        }
    }
    assert_eq!(
        text(&TEMPLATE_VALUE["Globals"]["Function"]["PermissionsBoundary"]["Ref"]),
        "FunctionBoundary"
    );
    for (id, function) in resources("AWS::Serverless::Function") {
        for own in ["Role", "PermissionsBoundary"] {
            assert!(function["Properties"].get(own).is_none(), "{id} has a {own} of its own");
        }
    }
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

#[test]
fn logs_hold_no_phone_and_end() {
    let format = text(&resource("Stage")["Properties"]["AccessLogSettings"]["Format"]);
    assert!(format.contains("$context.routeKey") && format.contains("$context.requestId"));
    // A path and a query may hold a phone; so may what an authorizer found out.
    for variable in
        ["$context.path", "$context.http.path", "$context.authorizer", "$context.customDomain"]
    {
        assert!(!format.contains(variable), "{variable}");
    }
    serde_json::from_str::<serde_json::Value>(format).unwrap();
    for (id, group) in resources("AWS::Logs::LogGroup") {
        assert_eq!(
            text(&group["Properties"]["RetentionInDays"]["Ref"]),
            "LogRetentionDays",
            "{id}"
        );
    }
    // Above INFO Lambda would drop the metrics.
    let levels = texts(&TEMPLATE_VALUE["Parameters"]["LogLevel"]["AllowedValues"]);
    assert!(levels.iter().all(|level| ["TRACE", "DEBUG", "INFO"].contains(level)));
}

#[test]
fn the_deployments_of_samconfig_set_what_there_is() {
    for line in SAMCONFIG.lines().filter_map(|line| line.strip_prefix("parameter_overrides = ")) {
        for pair in line.trim_matches('"').split_whitespace() {
            let (name, value) = pair.split_once('=').unwrap();
            let parameter = &TEMPLATE_VALUE["Parameters"][name];
            assert!(parameter.is_mapping(), "there is no parameter {name}");
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
