//! `lambda.yaml`, beside the `mod.rs` of each Lambda: its memory and timeout, and its rights.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::pascal;
use crate::{ENDPOINTS, OTHER_LAMBDAS};

/// A `lambda.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LambdaFile {
    /// A few words on the Lambda's purpose.
    description: String,
    /// It has versions and an alias, and an update reaches a tenth of its callers first. Only for
    /// the busiest Lambdas: the others have too few callers to show that something is wrong.
    ///
    /// A Lambda has it from its first deployment on. If an update adds it, the API names the alias
    /// before CloudFormation makes it, and the route fails until then.
    #[serde(default)]
    pub(super) canary: bool,
    /// The memory in MB, if it differs from that in `deploy/template/globals.yaml`.
    memory: Option<u32>,
    /// The timeout in seconds, if it differs from that in `deploy/template/globals.yaml`.
    timeout: Option<u32>,
    /// When EventBridge calls it, as a schedule expression.
    schedule: Option<String>,
    /// Anybody can make it send messages. Its route is throttled, and a parameter limits its
    /// concurrency.
    #[serde(default)]
    pub(super) sends_for_strangers: bool,
    /// Lambda brings it the changes of users from the stream of the table.
    #[serde(default)]
    reads_stream: bool,
    /// Lambda brings it the messages of the queue of ended sessions.
    #[serde(default)]
    reads_queue: bool,
    /// EventBridge brings it the events of texts by AWS End User Messaging.
    #[serde(default)]
    reads_text_events: bool,
    /// It may put messages into that queue.
    #[serde(default)]
    puts_into_queue: bool,
    /// The settings that only some Lambdas get. The variables of a Lambda have little room.
    #[serde(default)]
    settings: Vec<String>,
    /// The partition keys of the items that it may reach, by action (`shared/src/table/keys.rs`).
    #[serde(default)]
    table: BTreeMap<TableAction, Vec<String>>,
    /// The lists of the index that it may read.
    #[serde(default)]
    lists: Vec<String>,
    /// The secrets that it may read.
    #[serde(default)]
    secrets: Vec<Secret>,
    /// The secrets that it may read and rotate.
    #[serde(default)]
    rotates: Vec<Secret>,
    /// The S3 actions that it may perform on the objects of the bucket.
    #[serde(default)]
    pictures: Vec<String>,
    /// The S3 actions that it may perform on the anchors of the audit trail, which it may list, too.
    #[serde(default)]
    anchors: Vec<String>,
    /// The kinds of messages that it may send.
    #[serde(default)]
    sends: Vec<Message>,
    /// The comments, by the key that follows them.
    #[serde(skip)]
    comments: BTreeMap<String, Vec<String>>,
}

/// An action on an item. A transaction needs the actions of its parts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum TableAction {
    GetItem,
    BatchGetItem,
    Query,
    ConditionCheckItem,
    PutItem,
    UpdateItem,
    DeleteItem,
}

#[derive(Clone, Copy, Deserialize)]
enum Secret {
    #[serde(rename = "hash keys")]
    HashKeys,
    #[serde(rename = "signing keys")]
    SigningKeys,
    /// The credentials of senders. Lambdas that send texts read them in any case.
    #[serde(rename = "senders")]
    Senders,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum Message {
    /// Notices, and codes by way of e-mail.
    #[serde(rename = "texts")]
    Texts,
    /// Codes on all channels, and notices.
    #[serde(rename = "codes")]
    Codes,
    #[serde(rename = "e-mails")]
    Mails,
}

impl LambdaFile {
    pub(super) fn parse(yaml: &str) -> Result<Self, serde_yaml_ng::Error> {
        let mut comments = BTreeMap::new();
        let mut pending = Vec::new();
        for line in yaml.lines().map(str::trim) {
            match line.split_once(':') {
                _ if line.starts_with('#') => pending.push(line.to_owned()),
                Some((key, _)) => {
                    drop(comments.insert(key.to_owned(), std::mem::take(&mut pending)))
                }
                None => {}
            }
        }

        Ok(Self { comments, ..serde_yaml_ng::from_str(yaml)? })
    }

    /// The lines of the Lambda's resource in the template.
    pub(super) fn function(&self, name: &str) -> Vec<String> {
        let id = pascal(name);
        let mut lines = self.comments("description");
        lines.extend([
            format!("{id}:"),
            "  Type: AWS::Serverless::Function".to_owned(),
            "  Metadata: { SkipBuild: true }".to_owned(),
            "  Properties:".to_owned(),
        ]);

        let mut properties = vec![
            format!("FunctionName: !Sub ${{AWS::StackName}}_{name}"),
            format!("Description: {}", scalar(&self.description)),
            format!("CodeUri: target/lambda/{name}"),
        ];

        if self.canary {
            properties.extend(self.comments("canary"));
            properties.extend(CANARY.lines().map(str::to_owned));
        }

        if self.sends_for_strangers {
            properties.extend(self.comments("sends_for_strangers"));
            let limit =
                format!("!If [Has{id}Concurrency, !Ref {id}Concurrency, !Ref AWS::NoValue]");
            properties.push(format!("ReservedConcurrentExecutions: {limit}"));
        }

        for (key, property, value) in
            [("memory", "MemorySize", self.memory), ("timeout", "Timeout", self.timeout)]
        {
            if let Some(value) = value {
                properties.extend(self.comments(key));
                properties.push(format!("{property}: {value}"));
            }
        }

        if let Some(schedule) = &self.schedule {
            properties.extend(self.comments("schedule"));
            properties.push("Events:".to_owned());
            properties.push(format!(
                "  Schedule: {{ Type: Schedule, Properties: {{ Schedule: {schedule} }} }}"
            ));
        }

        for (key, reads, event) in [
            ("reads_stream", self.reads_stream, STREAM_EVENT),
            ("reads_queue", self.reads_queue, QUEUE_EVENT),
            ("reads_text_events", self.reads_text_events, TEXT_EVENT),
        ] {
            if reads {
                properties.extend(self.comments(key));
                properties.extend(event.lines().map(str::to_owned));
            }
        }

        let variables = self.variables();
        if !variables.is_empty() {
            properties.extend(self.comments("settings"));
            properties.extend(["Environment:", "  Variables:"].map(str::to_owned));
            properties.extend(variables.iter().map(|name| format!("    {name}: {}", value(name))));
        }

        let statements = self.statements();
        if !statements.is_empty() {
            properties.extend(["Policies:", "  - Statement:"].map(str::to_owned));
            properties.extend(indented(6, statements));
        }

        lines.extend(indented(4, properties));
        lines
    }

    /// The variables that it gets beside those of Globals: its own settings, and the names of what it
    /// may reach.
    pub(super) fn variables(&self) -> Vec<&str> {
        let secrets = || self.secrets.iter().chain(&self.rotates);
        let (texts, codes) = (self.sends_texts(), self.sends(Message::Codes));
        let reaches = [
            // Lambda refuses a version to which nothing that changed is passed.
            (self.canary, "SETTINGS_VERSION"),
            (secrets().any(|it| matches!(it, Secret::HashKeys)), "HASH_KEYS_SECRET_ARN"),
            (secrets().any(|it| matches!(it, Secret::SigningKeys)), "KEYS_SECRET_ARN"),
            (!self.pictures.is_empty(), "AVATAR_BUCKET"),
            (!self.pictures.is_empty(), "AVATAR_BASE_URL"),
            (!self.anchors.is_empty(), "AUDIT_BUCKET"),
            (self.puts_into_queue, "BACK_CHANNEL_QUEUE_URL"),
            (texts, "TEXT_SENDERS"),
            (texts || self.reads_senders(), "SENDERS_SECRET_ARN"),
            (texts, "TEXT_PRICES_USD"),
            (texts, "EUM_ORIGINATION_IDENTITY"),
            (codes, "EUM_CONFIGURATION_SET"),
            (codes, "EUM_NOTIFY_CONFIGURATION"),
            (self.sends_mails(), "EMAIL_SMTP_URL"),
        ];
        let reached = reaches.into_iter().filter_map(|(does, name)| does.then_some(name));
        self.settings.iter().map(String::as_str).chain(reached).collect()
    }

    /// The statements of its policy. SAM gives each function its own role with them.
    fn statements(&self) -> Vec<String> {
        let mut lines = self.comments("table");
        for (action, keys) in &self.table {
            let action = format!("{action:?}");
            lines.extend(self.comments(&action));
            lines.extend(statement(&format!("dynamodb:{action}"), "Resource: !GetAtt Table.Arn"));
            lines.push(leading_keys(keys));
        }

        if !self.lists.is_empty() {
            lines.extend(self.comments("lists"));
            lines.extend(statement("dynamodb:Query", "Resource: !Sub ${Table.Arn}/index/lists"));
            lines.push(leading_keys(&self.lists));
        }

        let resource = |secrets: &[Secret]| match secrets {
            [secret] => format!("Resource: {}", secret.reference()),
            secrets => {
                format!(
                    "Resource: [{}]",
                    secrets.iter().map(|it| it.reference()).collect::<Vec<_>>().join(", ")
                )
            }
        };

        if !self.secrets.is_empty() {
            lines.extend(self.comments("secrets"));
            let is_own = |secret: &&Secret| !matches!(secret, Secret::Senders);
            let own: Vec<_> = self.secrets.iter().filter(is_own).copied().collect();
            lines.extend(statement("secretsmanager:GetSecretValue", &resource(&own)));
            if self.reads_senders() {
                lines.extend(SENDERS_SECRET.lines().map(str::to_owned));
            }
        }

        if !self.rotates.is_empty() {
            lines.extend(self.comments("rotates"));
            let actions =
                ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];
            lines.extend(statement(
                &of_service("secretsmanager", &actions),
                &resource(&self.rotates),
            ));
        }

        if !self.pictures.is_empty() {
            lines.extend(self.comments("pictures"));
            lines.extend(statement(
                &of_service("s3", &self.pictures),
                "Resource: !Sub ${AvatarBucket.Arn}/*",
            ));
        }

        if !self.anchors.is_empty() {
            lines.extend(self.comments("anchors"));
            let anchors = "Resource: !Sub ${AuditBucket.Arn}/anchors/*";
            lines.extend(statement(&of_service("s3", &self.anchors), anchors));
            lines.extend(statement("s3:ListBucket", "Resource: !GetAtt AuditBucket.Arn"));
            lines.push("  Condition: { StringEquals: { s3:prefix: anchors/ } }".to_owned());
        }

        if self.puts_into_queue {
            lines.extend(self.comments("puts_into_queue"));
            lines.extend(statement("sqs:SendMessage", "Resource: !GetAtt BackChannelQueue.Arn"));
        }

        if !self.sends.is_empty() {
            lines.extend(self.comments("sends"));
            lines.extend(self.sends.iter().flat_map(|message| message.statement()));
            if self.sends_texts() {
                lines.extend(
                    [OTHER_SENDERS, SENDERS_SECRET]
                        .iter()
                        .flat_map(|it| it.lines())
                        .map(str::to_owned),
                );
            }
        }

        lines
    }

    fn reads_senders(&self) -> bool {
        self.secrets.iter().any(|secret| matches!(secret, Secret::Senders))
    }

    fn sends_mails(&self) -> bool {
        self.sends(Message::Mails)
    }

    fn sends_texts(&self) -> bool {
        self.sends(Message::Texts) || self.sends(Message::Codes)
    }

    fn sends(&self, message: Message) -> bool {
        self.sends.contains(&message)
    }

    /// The comments that precede a key.
    fn comments(&self, key: &str) -> Vec<String> {
        self.comments.get(key).cloned().unwrap_or_default()
    }
}

/// A version for each change of code and settings, and an alias that a canary moves to it.
const CANARY: &str = "\
AutoPublishAlias: live
AutoPublishAliasAllProperties: true
VersionDeletionPolicy: Delete
VersionDescription: !Sub settings ${SettingsVersion}
DeploymentPreference: { Enabled: true }";

/// The changes of users, from now on. SAM gives the function the right to read the stream. A change is
/// tried until the stream no longer has it, after a day, and waits no longer than a second for others.
const STREAM_EVENT: &str = "\
Events:
  Changes:
    Type: DynamoDB
    Properties:
      Stream: !GetAtt Table.StreamArn
      StartingPosition: LATEST
      BatchSize: 100
      MaximumBatchingWindowInSeconds: 1
      BisectBatchOnFunctionError: true
      FunctionResponseTypes: [ReportBatchItemFailures]
      FilterCriteria:
        Filters:
          - Pattern: '{\"eventName\":[\"MODIFY\",\"REMOVE\"],\"dynamodb\":{\"Keys\":{\"sk\":{\"S\":[\"USER\"]}}}}'
      DestinationConfig:
        OnFailure: { Type: SQS, Destination: !GetAtt BackChannelDeadLetters.Arn }";

/// The messages of the queue. SAM gives the function the right to take them.
const QUEUE_EVENT: &str = "\
Events:
  Messages:
    Type: SQS
    Properties:
      Queue: !GetAtt BackChannelQueue.Arn
      BatchSize: 10
      FunctionResponseTypes: [ReportBatchItemFailures]";

/// The events of texts and calls. SAM gives EventBridge the right to call the function.
const TEXT_EVENT: &str = "\
Events:
  Deliveries:
    Type: EventBridgeRule
    Properties:
      Pattern:
        source: [aws.sms-voice]
        detail-type: [Text Message Delivery Status Updated, Voice Message Delivery Status Updated]
      RetryPolicy: { MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 30 }";

/// The rights to send texts by other senders than SNS, if the deployment has any.
const OTHER_SENDERS: &str = "\
- !If
  - HasOtherSenders
  - Effect: Allow
    Action: [sms-voice:SendNotifyTextMessage, sms-voice:SendNotifyVoiceMessage, sms-voice:SendTextMessage, sms-voice:SendVoiceMessage]
    Resource: !Sub arn:${AWS::Partition}:sms-voice:${AWS::Region}:${AWS::AccountId}:*
  - !Ref AWS::NoValue
- !If
  - HasWhatsappAws
  - Effect: Allow
    Action: social-messaging:SendWhatsAppMessage
    Resource: !Ref WhatsappPhoneNumberArn
  - !Ref AWS::NoValue";

/// The right to read the credentials of senders, if the deployment has any.
const SENDERS_SECRET: &str = "\
- !If
  - HasSendersSecret
  - Effect: Allow
    Action: secretsmanager:GetSecretValue
    Resource: !Ref SendersSecretArn
  - !Ref AWS::NoValue";

impl Secret {
    fn reference(self) -> &'static str {
        match self {
            Self::HashKeys => "!Ref HashKeysSecret",
            Self::SigningKeys => "!Ref SigningKeysSecret",
            Self::Senders => "!Ref SendersSecretArn",
        }
    }
}

impl Message {
    fn statement(self) -> [String; 3] {
        match self {
            // A phone number has no ARN. This allows every phone and no topic.
            Self::Texts | Self::Codes => {
                statement("sns:Publish", "NotResource: !Sub arn:${AWS::Partition}:sns:*:*:*")
            }
            Self::Mails => statement(
                "ses:SendEmail",
                "Resource: [!Sub \"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*\", !Sub \"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/*\"]",
            ),
        }
    }
}

/// The value of a variable that not all Lambdas get: a parameter or a resource of the same name,
/// with a few exceptions.
fn value(variable: &str) -> String {
    match variable {
        "HASH_KEYS_SECRET_ARN" => Secret::HashKeys.reference().to_owned(),
        "KEYS_SECRET_ARN" => Secret::SigningKeys.reference().to_owned(),
        "AVATAR_BASE_URL" => "!If [HasAvatarBaseUrl, !Ref AvatarBaseUrl, !If [HasAvatarCdn, !Sub \
                              \"https://${AvatarDistribution.DomainName}\", \"\"]]"
            .to_owned(),
        "BACK_CHANNEL_QUEUE_URL" => "!Ref BackChannelQueue".to_owned(),
        name => format!("!Ref {}", pascal(name)),
    }
}

fn statement(action: &str, resource: &str) -> [String; 3] {
    ["- Effect: Allow".to_owned(), format!("  Action: {action}"), format!("  {resource}")]
}

fn leading_keys(keys: &[String]) -> String {
    let keys = keys.join(", ");
    format!(
        r#"  Condition: {{ "ForAllValues:StringLike": {{ "dynamodb:LeadingKeys": [{keys}] }} }}"#
    )
}

/// A text as YAML. It is quoted if it would otherwise be read as something else.
fn scalar(text: &str) -> String {
    match serde_yaml_ng::from_str(text) {
        Ok(Value::String(read)) if read == text => text.to_owned(),
        _ => format!("{text:?}"),
    }
}

/// One action of a service, or a list of them, as YAML.
fn of_service(service: &str, actions: &[impl AsRef<str>]) -> String {
    let actions: Vec<_> =
        actions.iter().map(|action| format!("{service}:{}", action.as_ref())).collect();
    match actions.as_slice() {
        [action] => action.clone(),
        actions => format!("[{}]", actions.join(", ")),
    }
}

pub(super) fn indented(spaces: usize, lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(move |line| {
        if line.is_empty() { line } else { format!("{}{line}", " ".repeat(spaces)) }
    })
}

/// The name, the folder below `functions/` and the file of every Lambda, in the order of `lib.rs`.
pub(super) fn read_all() -> Vec<(String, String, LambdaFile)> {
    let mut folders = folders();
    let names = ENDPOINTS.iter().map(|endpoint| endpoint.name).chain(OTHER_LAMBDAS);
    let files = names.map(|name| {
        let folder = folder(name);
        let there = folders.iter().position(|known| *known == folder);
        folders.remove(
            there.unwrap_or_else(|| panic!("{name} has no functions/{folder}/lambda.yaml")),
        );

        let yaml = fs::read_to_string(root().join(&folder).join("lambda.yaml")).unwrap();
        let file = LambdaFile::parse(&yaml)
            .unwrap_or_else(|error| panic!("functions/{folder}/lambda.yaml: {error}"));

        (name.to_owned(), folder, file)
    });

    let files = files.collect();
    assert!(
        folders.is_empty(),
        "functions/lib.rs names no endpoint for the lambda.yaml in {folders:?}"
    );

    files
}

/// The folder of a Lambda.
fn folder(name: &str) -> String {
    match ENDPOINTS.iter().find(|endpoint| endpoint.name == name) {
        Some(endpoint) => endpoint.module.replace(' ', "").replace("::", "/"),
        None => {
            let of_name = |folder: &String| folder.replace(['/', '_'], "-") == name;
            folders()
                .into_iter()
                .find(of_name)
                .unwrap_or_else(|| panic!("{name} has no lambda.yaml"))
        }
    }
}

/// The folders that have a `lambda.yaml`.
fn folders() -> Vec<String> {
    let (mut found, mut waiting) = (Vec::new(), vec![root()]);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else if entry.file_name() == "lambda.yaml" {
                found.push(
                    folder.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"),
                );
            }
        }
    }

    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn a_comment_stays_before_the_entry_that_it_describes() {
    let yaml = "# Why.\ndescription: \"A: b\"\ntable:\n  # Which.\n  GetItem: [A]\n# Whom.\nsends: [texts]\n";
    let lines = LambdaFile::parse(yaml).unwrap().function("x-y").join("\n");
    for (comment, next) in
        [("# Why.", "XY:"), ("# Which.", "- Effect: Allow"), ("# Whom.", "- Effect: Allow")]
    {
        let (_, rest) = lines.split_once(comment).unwrap();
        assert!(rest.trim_start().starts_with(next), "{lines}");
    }
    assert!(lines.contains("Description: \"A: b\""));
}

#[test]
fn an_unknown_entry_of_a_lambda_file_is_refused() {
    for wrong in
        ["tables: {}", "table: { Scan: [A] }", "secrets: [all]", "sends: [faxes]", "memory: much"]
    {
        assert!(LambdaFile::parse(&format!("description: x\n{wrong}\n")).is_err(), "{wrong}");
    }
}
