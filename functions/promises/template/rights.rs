//! Least privilege: which functions have the rights that few need, and the limits of all.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use super::{
    TEMPLATE_VALUE, as_if_it_held, entries, lambdas, leading_keys, pascal, resource, resources,
    statements, text, texts,
};
use crate::promises::decisions::{
    CHANGE_PICTURES, READ_SENDERS_CREDENTIALS, READ_SIGNING_KEYS, SEND_TEXTS,
};

const KEYS: &str = include_str!("../../../shared/src/table/keys.rs");

/// A function may reach only the objects of the bucket: to read them or, if it changes pictures, to
/// write and delete them.
#[test]
fn pictures_are_changed_only_by_the_functions_for_it() {
    let (mut seen_by, mut deleted_by, mut stored_by) = (0, Vec::new(), Vec::new());
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            let actions = texts(&statement["Action"]);
            if lambda != "audit-anchor" && actions.iter().any(|action| action.starts_with("s3:")) {
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

/// The anchors show what somebody changed who can do what the functions can do. So only one function
/// reaches them, and it can add one, but neither delete one nor shorten its lock.
#[test]
fn anchors_are_added_by_one_function_and_deleted_by_none() {
    let mut reached = Vec::new();
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            if serde_yaml_ng::to_string(statement).unwrap().contains("AuditBucket") {
                reached
                    .extend(texts(&statement["Action"]).into_iter().map(|it| (lambda.clone(), it)));
            }
        }
    }

    let expected = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"];
    assert_eq!(reached, expected.map(|action| ("audit-anchor".to_owned(), action)));
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

/// The secrets that functions may read.
const SECRETS: [&str; 3] = ["SigningKeysSecret", "HashKeysSecret", "SendersSecretArn"];

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

                assert!(secrets.iter().all(|secret| SECRETS.contains(secret)));
                let of_senders = secrets.contains(&"SendersSecretArn");
                let may_read = [SEND_TEXTS, READ_SENDERS_CREDENTIALS].concat();
                assert!(!of_senders || may_read.contains(&lambda.as_str()), "{lambda}");
                if secrets.contains(&"SigningKeysSecret") {
                    read_signing_keys.push(lambda.clone());
                }

                let changes =
                    actions.iter().any(|action| *action != "secretsmanager:GetSecretValue");
                assert!(
                    !changes
                        || lambda == "keys-rotate" && secrets == ["SigningKeysSecret"]
                        || lambda == "keys-root" && secrets == ["HashKeysSecret"],
                    "{lambda}: {actions:?}"
                );
            }

            if actions.contains(&"social-messaging:SendWhatsAppMessage") {
                // From one number, and only for functions that send texts.
                assert_eq!(text(&statement["Resource"]["Ref"]), "WhatsappPhoneNumberArn");
                assert!(SEND_TEXTS.contains(&lambda.as_str()), "{lambda}");
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

/// The function that has the signing key and calls addresses that others choose takes its work from
/// the queue alone. Only one function puts work into the queue, and only one reads the stream, which
/// has all data of users.
#[test]
fn the_stream_and_the_queue_of_ended_sessions_have_one_reader_and_one_writer() {
    let (mut put_by, mut called_by) = (Vec::new(), Vec::new());
    for lambda in lambdas() {
        for statement in statements(&lambda) {
            let actions = texts(&statement["Action"]);
            if actions.iter().any(|action| action.starts_with("sqs:")) {
                assert_eq!(actions, ["sqs:SendMessage"], "{lambda}");
                assert_eq!(text(&statement["Resource"]["GetAtt"]), "BackChannelQueue.Arn");
                put_by.push(lambda.clone());
            }
        }
        for (_, event) in event_sources(&lambda) {
            let properties = &event["Properties"];
            match text(&event["Type"]) {
                "DynamoDB" => {
                    let pattern = &properties["FilterCriteria"]["Filters"][0]["Pattern"];
                    let pattern: serde_json::Value = serde_json::from_str(text(pattern)).unwrap();
                    assert_eq!(pattern["dynamodb"]["Keys"]["sk"]["S"][0], "USER");
                    assert_eq!(text(&properties["Stream"]["GetAtt"]), "Table.StreamArn");
                }
                "SQS" => assert_eq!(text(&properties["Queue"]["GetAtt"]), "BackChannelQueue.Arn"),
                "EventBridgeRule" => {
                    assert_eq!(lambda, "reports-events");
                    assert_eq!(texts(&properties["Pattern"]["source"]), ["aws.sms-voice"]);
                    continue;
                }
                _ => continue,
            }
            // Else one message that fails would bring the others of its batch again.
            assert_eq!(texts(&properties["FunctionResponseTypes"]), ["ReportBatchItemFailures"]);
            called_by.push((lambda.clone(), text(&event["Type"])));
        }
    }

    assert_eq!(put_by, ["back-channel-ended"]);
    let expected = [("back-channel-ended", "DynamoDB"), ("back-channel-notify", "SQS")];
    assert_eq!(called_by, expected.map(|(lambda, kind)| (lambda.to_owned(), kind)));

    let queue = &resource("BackChannelQueue")["Properties"];
    let timeout = &resource("BackChannelNotify")["Properties"]["Timeout"];
    assert!(queue["VisibilityTimeout"].as_u64() >= timeout.as_u64().map(|seconds| 6 * seconds));
}

/// The sources of the events of a function, without API Gateway.
fn event_sources(lambda: &str) -> Vec<(&'static str, &'static Value)> {
    let events = &resource(&pascal(lambda))["Properties"]["Events"];
    if events.is_mapping() { entries(events).collect() } else { Vec::new() }
}

/// A function lacks every right that the boundary leaves out, whatever its policy says.
#[test]
fn the_boundary_leaves_every_function_its_rights() {
    let boundary = &resource("FunctionBoundary")["Properties"]["PolicyDocument"]["Statement"];
    let boundary = boundary.as_sequence().unwrap().iter().map(as_if_it_held);
    let within: BTreeSet<_> = boundary.flat_map(|statement| texts(&statement["Action"])).collect();

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
            assert!(function["Properties"].get(own).is_none(), "{id} has its own {own}");
        }
    }
}
