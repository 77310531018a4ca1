//! Metrics, alarms and logs.

use std::collections::BTreeSet;

use shared::base::metrics::{METRICS, NAMESPACE};

use super::{TEMPLATE_VALUE, has_canary, resource, resources, text, texts};

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
            "{metric:?} has no alarm and is not on the dashboard"
        );
    }
}

/// Two stacks of one environment may share an account and a region.
#[test]
fn metrics_of_the_service_are_those_of_the_stack() {
    let service =
        &TEMPLATE_VALUE["Globals"]["Function"]["Environment"]["Variables"]["SERVICE_NAME"];
    assert_eq!(text(&service["Ref"]), "AWS::StackName");

    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        let of_math = alarm["Properties"]["Metrics"].as_sequence().into_iter().flatten();
        let metrics = of_math.map(|metric| &metric["MetricStat"]["Metric"]);
        for metric in metrics.chain([&alarm["Properties"]]) {
            if metric["Namespace"] == NAMESPACE {
                let dimension = &metric["Dimensions"][0];
                assert_eq!(text(&dimension["Name"]), "Service", "{id}");
                assert_eq!(text(&dimension["Value"]["Ref"]), "AWS::StackName", "{id}");
            }
        }
    }

    let dashboard = text(&resource("Dashboard")["Properties"]["DashboardBody"]["Sub"]);
    assert!(!dashboard.contains("${Environment}"));
}

/// CloudWatch ignores the missing data of DynamoDB's metrics, and arithmetic on missing data has no
/// result. An alarm on either would never clear.
#[test]
fn an_alarm_on_arithmetic_takes_missing_data_as_zero() {
    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        let metrics = alarm["Properties"]["Metrics"].as_sequence().map_or(&[][..], Vec::as_slice);
        let expression = metrics.iter().find_map(|metric| metric.get("Expression")).map(text);
        for metric in metrics.iter().filter(|metric| metric.get("MetricStat").is_some()) {
            let (id_of_metric, expression) = (text(&metric["Id"]), expression.unwrap());
            let filled = expression.matches(&format!("FILL({id_of_metric}, 0)")).count();
            let names = expression.split(|c: char| !c.is_ascii_alphanumeric());
            assert_eq!(filled, names.filter(|name| *name == id_of_metric).count(), "{id}");
            assert!(filled > 0, "{id}");
        }
    }
}

#[test]
fn the_dashboard_is_json() {
    let body = text(&resource("Dashboard")["Properties"]["DashboardBody"]["Sub"]);
    // Replace each placeholder with a number, which is also valid inside a text.
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

    // Without them, a fix can be deployed while one of them is in ALARM.
    let preference = &TEMPLATE_VALUE["Globals"]["Function"]["DeploymentPreference"];
    assert_eq!(text(&preference["Alarms"]["If"][0]), "RollsBackOnAlarm");
    assert_eq!(text(&preference["Alarms"]["If"][2][0]["Ref"]), "AWS::NoValue");
    let rollback: Vec<_> = preference["Alarms"]["If"][1]
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
fn logs_hold_no_phone_and_expire() {
    let format = text(&resource("Stage")["Properties"]["AccessLogSettings"]["Format"]);
    assert!(format.contains("$context.routeKey") && format.contains("$context.requestId"));

    // A path and a query may hold a phone, and so may the context of an authorizer.
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

    // At a level above INFO, Lambda would drop the metrics.
    let levels = texts(&TEMPLATE_VALUE["Parameters"]["LogLevel"]["AllowedValues"]);
    assert!(levels.iter().all(|level| ["TRACE", "DEBUG", "INFO"].contains(level)));
}

/// Globals names the alarms that roll an update back. Each lambda.yaml says whether its function
/// has a canary, and with it an alias. The other functions have none, which leaves room in the stack.
#[test]
fn canaries_are_few_and_all_alike() {
    let globals = &TEMPLATE_VALUE["Globals"]["Function"];
    assert_eq!(globals["DeploymentPreference"]["Enabled"], false);
    assert!(globals.get("AutoPublishAlias").is_none());
    let mut canaries = Vec::new();
    for (id, function) in resources("AWS::Serverless::Function") {
        let alias = function["Properties"].get("AutoPublishAlias");
        assert_eq!(alias.map(text), has_canary(id).then_some("live"), "{id}");
        if has_canary(id) {
            let preference = &function["Properties"]["DeploymentPreference"];
            assert_eq!(preference.as_mapping().unwrap().len(), 1, "{id} has its own alarms");
            assert_eq!(preference["Enabled"], true, "{id}");
            canaries.push(id);
        }
    }

    // CodeDeploy starts them all at the same time, in one role, and Lambda accepts 15 calls a
    // second that change functions.
    assert!((1..=10).contains(&canaries.len()), "{canaries:?}");
}
