"""Checks the functions' policies against the code: a function is allowed exactly the operations
that its binary can call.

The linker leaves out code that a binary never calls, and the SDK names every operation in a string.
So the strings of a binary show which operations it can call. Takes the expanded template and the
folder of the built Lambdas."""

import json
import pathlib
import re
import sys

import boto3

template = json.loads(pathlib.Path(sys.argv[1]).read_text())["Resources"]
binaries = pathlib.Path(sys.argv[2])

# By boto3's name of a service: how a binary names an operation, and what IAM calls the service.
SERVICES = {
    "dynamodb": (rb"DynamoDB_20120810\.(%s)", "dynamodb"),
    "secretsmanager": (rb"secretsmanager\.(%s)", "secretsmanager"),
    "sns": (rb"(%s)RequestSerializer", "sns"),
    "sqs": (rb"AmazonSQS\.(%s)", "sqs"),
    "pinpoint-sms-voice-v2": (rb"PinpointSMSVoiceV2\.(%s)", "sms-voice"),
    "socialmessaging": (rb"(%s)RequestSerializer", "social-messaging"),
    "sesv2": (rb"(%s)RequestSerializer", "ses"),
    "s3": (rb"(%s)RequestSerializer", "s3"),
}
# A signed URL passes the signer's right on to its holder, so a function that signs URLs of avatars
# needs that right itself. This text is in those URLs.
SIGNED_URL, SIGNED_ACTION = b"?response-content-type=image", "s3:GetObject"
# Actions that need further actions: avatars are stored with a tag.
NEEDED_BESIDE = {"s3:PutObject": {"s3:PutObjectTagging"}}
# Anchors have no tags.
NEVER_TAGS = "audit-anchor"
# The actions that have another name than their operations.
ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket", "sqs:SendMessageBatch": "sqs:SendMessage"}
# Code that only a few functions may contain: the folders of its crates, as messages of panics show
# them, and which functions may contain it.
CARRIED = {
    "the S3 SDK": (re.compile(rb"/aws-sdk-s3-\d"), lambda name, may: bool({"s3:DeleteObject", "s3:ListBucket"} & may)),
    "an image decoder": (re.compile(rb"/(image|zune-jpeg|image-webp|png|gif)-\d"), lambda name, may: name == "me-avatar-put"),
}
# The secrets: the setting that names each, and a text of the code that reads it.
SECRETS = {
    "KEYS_SECRET_ARN": re.compile(rb"holds no signing keys yet|AWSPENDING"),
    "HASH_KEYS_SECRET_ARN": re.compile(rb"is not of the form \{\"root\""),
}
# The SDK itself calls this for directory buckets, which we do not use.
NEVER_CALLED = {"s3:CreateSession"}
# IAM has no action for a transaction. It needs the actions of its parts.
TRANSACTION = "dynamodb:TransactWriteItems"
PARTS = {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}


def pattern(service):
    names = boto3.client(service, region_name="eu-central-1").meta.service_model.operation_names
    # The longest first, since one name may be the beginning of another.
    names = "|".join(sorted(names, key=len, reverse=True))
    return re.compile(SERVICES[service][0] % names.encode())


PATTERNS = {SERVICES[service][1]: pattern(service) for service in SERVICES}


def linked(binary):
    """The IAM actions of everything that a binary can call."""
    content = binary.read_bytes()
    actions = {f"{prefix}:{name.decode()}" for prefix in PATTERNS for name in PATTERNS[prefix].findall(content)}
    actions = {ACTIONS.get(action, action) for action in actions}
    if SIGNED_URL in content:
        actions.add(SIGNED_ACTION)
    if binary.parent.name == NEVER_TAGS:
        return actions
    return actions.union(*(NEEDED_BESIDE.get(action, ()) for action in actions))


def allowed(function_id):
    role = template[f"{function_id}Role"]["Properties"]
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            # A statement under a condition counts as if it held.
            statement = statement.get("Fn::If", [None, statement])[1]
            assert statement["Effect"] == "Allow", f"{function_id}: {statement}"
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions


problems = []
for function_id, function in template.items():
    if function["Type"] != "AWS::Lambda::Function":
        continue
    name = function["Properties"]["FunctionName"]["Fn::Sub"].split("_")[1]
    can, may = linked(binaries / name / "bootstrap"), set(allowed(function_id))
    content = (binaries / name / "bootstrap").read_bytes()
    for what, (marker, may_carry) in CARRIED.items():
        if bool(marker.search(content)) != may_carry(name, may):
            problems.append(f"{name} {'contains' if marker.search(content) else 'lacks'} {what}")
    settings = function["Properties"]["Environment"]["Variables"]
    for secret, marker in SECRETS.items():
        if bool(marker.search(content)) != (secret in settings):
            problems.append(f"{name} {'is not given' if marker.search(content) else 'never uses'} {secret}")
    parts = PARTS if TRANSACTION in can else set()
    problems += [f"{name} is allowed {action}, but never calls it" for action in sorted(may - can - parts)]
    problems += [f"{name} can call {action}, but is not allowed to" for action in sorted(can - may - {TRANSACTION} - NEVER_CALLED)]
    if parts and not parts & may:
        problems.append(f"{name} can make transactions, but none of their actions is allowed")
if problems:
    sys.exit("\n".join(problems))
print("the policies match the binaries")
