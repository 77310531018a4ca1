"""Holds the functions' policies to the code: what a function may do is what its binary is able to call.

The linker leaves out what a binary never calls, and the SDK names every operation in a string: so the strings of a
binary tell which operations it can call. Takes the expanded template and the folder of the built Lambdas."""

import json
import pathlib
import re
import sys

import boto3

template = json.loads(pathlib.Path(sys.argv[1]).read_text())["Resources"]
binaries = pathlib.Path(sys.argv[2])

# How a binary names an operation of a service (as boto3 calls it), and what IAM calls the service.
SERVICES = {
    "dynamodb": (rb"DynamoDB_20120810\.(%s)", "dynamodb"),
    "secretsmanager": (rb"secretsmanager\.(%s)", "secretsmanager"),
    "sns": (rb"(%s)RequestSerializer", "sns"),
    "sesv2": (rb"(%s)RequestSerializer", "ses"),
}
# A transaction is no action of its own: it needs the actions of its parts.
TRANSACTION = "dynamodb:TransactWriteItems"
PARTS = {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}


def pattern(service):
    names = boto3.client(service, region_name="eu-central-1").meta.service_model.operation_names
    # The longest first: one name may begin like another.
    names = "|".join(sorted(names, key=len, reverse=True))
    return re.compile(SERVICES[service][0] % names.encode())


PATTERNS = {SERVICES[service][1]: pattern(service) for service in SERVICES}


def linked(binary):
    """The IAM actions of everything that a binary can call."""
    content = binary.read_bytes()
    return {f"{prefix}:{name.decode()}" for prefix in PATTERNS for name in PATTERNS[prefix].findall(content)}


def allowed(function_id):
    role = template[f"{function_id}Role"]["Properties"]
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow", f"{function_id}: {statement}"
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions


problems = []
for function_id, function in template.items():
    if function["Type"] != "AWS::Lambda::Function":
        continue
    name = function["Properties"]["FunctionName"]["Fn::Sub"].split("_")[1]
    can, may = linked(binaries / name / "bootstrap"), set(allowed(function_id))
    parts = PARTS if TRANSACTION in can else set()
    problems += [f"{name} may {action}, but cannot call it" for action in sorted(may - can - parts)]
    problems += [f"{name} can call {action}, but may not" for action in sorted(can - may - {TRANSACTION})]
    if parts and not parts & may:
        problems.append(f"{name} can make transactions, but may neither put nor delete")
if problems:
    sys.exit("\n".join(problems))
print("the policies fit the binaries")
