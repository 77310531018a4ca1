"""Shows each check of deploy/emulated_limits.py the template as it is, and the template without the
remedy, as it was when it would have failed on AWS. Needs no server: the checks run in this process.

    emulator_check.py target/expanded-template.json
"""

import copy
import json
import os
import pathlib
import re
import sys

os.environ |= {"AUTH": "true", "GATEWAY_PORT": "1", "MINISTACK_REGION": "eu-central-1"}
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "deploy"))

import emulated_aws
import emulated_limits
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, iam

ACCOUNT, REGION = get_account_id(), get_region()
TEMPLATE = json.load(open(sys.argv[1], encoding="utf-8"))
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}
PSEUDO |= {"AWS::StackName": "latchkey"}
HANDLERS = emulated_aws.HANDLERS


def resolved(value):
    """A part of the template as CloudFormation hands it to a service. References to resources are their names."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return PSEUDO.get(value["Ref"], value["Ref"])
    if "Fn::GetAtt" in value:
        return ".".join(value["Fn::GetAtt"])
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+)\}", lambda name: PSEUDO.get(name[1], name[1]), value["Fn::Sub"])
    return {name: resolved(item) for name, item in value.items()}


def properties(resource):
    return resolved(copy.deepcopy(TEMPLATE["Resources"][resource]["Properties"]))


def without(value, text):
    """The value without the items of lists that contain a text. Fails if there is none."""
    if isinstance(value, dict):
        return {name: without(item, text) for name, item in value.items()}
    if isinstance(value, list):
        return [without(item, text) for item in value if not (isinstance(item, str) and text in item)]
    return value


def role_of(resource, boundary, role=None):
    """The ARN of a role that CloudFormation makes, within a boundary that it made before."""
    policy = HANDLERS["AWS::IAM::ManagedPolicy"]["create"]("FunctionBoundary", boundary, "latchkey")[0]
    # SAM's managed policies are AWS's own, and say nothing here.
    role = {**(role or properties(resource)), "PermissionsBoundary": policy, "ManagedPolicyArns": []}
    return HANDLERS["AWS::IAM::Role"]["create"](resource, role, "latchkey")[1]["Arn"]


def check(name, is_good, is_old_good):
    """A check accepts what the template has, and refuses what it had."""
    assert is_good, f"{name}: the template as it is is refused"
    assert not is_old_good, f"{name}: the old template is accepted"
    print(f"   {name}")


def allows(role_arn, action, resource):
    name = role_arn.rsplit("/", 1)[-1]
    context = iam_evaluator.EvalContext(role_arn, "AssumedRole", ACCOUNT, action, resource, REGION)
    limits = iam_evaluator._permissions_boundary(iam._roles, name, ACCOUNT)
    policies = iam_evaluator._gather_role_policies(name, ACCOUNT)
    return iam_evaluator.evaluate(context, policies, *limits).decision == "Allow"


def the_trust_of_the_api():
    old = properties("ApiRole")
    old["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    def is_trusted(role):
        arn = HANDLERS["AWS::IAM::Role"]["create"]("ApiRole", role, "latchkey")[1]["Arn"]
        return emulated_aws.trusts_api_gateway(arn)

    check("API Gateway names no source account when it assumes a role", is_trusted(properties("ApiRole")), is_trusted(old))


def the_rights_of_the_api():
    """API Gateway calls functions with a canary by their alias, and the others by their names."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:latchkey_"
    routes = [route for path in properties("Api")["Body"]["paths"].values() for route in path.values()]
    called = [route["x-amazon-apigateway-integration"]["uri"] for route in routes]
    assert f"{arn}otp-send:live" in called and f"{arn}otp-status" in called, called

    now, old = properties("ApiRole"), properties("ApiRole")
    old["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = f"{arn}*:live"

    def may_call(role, *functions):
        role_arn = HANDLERS["AWS::IAM::Role"]["create"]("ApiRole", role, "latchkey")[1]["Arn"]
        return all(emulated_aws.may_invoke(role_arn, function) for function in functions)

    check("API Gateway may call every function that has a route", may_call(now, *called), may_call(old, *called))
    for stranger in (f"{arn}keys-root", f"{arn}keys-root:live", f"{arn.replace('latchkey', 'latchkey-dev')}otp-send:live"):
        check(f"and not {stranger.rsplit('function:')[1]}", may_call(now, *called), may_call(now, stranger))


def the_key_of_the_variables():
    boundary = properties("FunctionBoundary")
    now = emulated_limits.may_decrypt_variables(role_of("OtpSendRole", boundary))
    old = emulated_limits.may_decrypt_variables(role_of("OtpSendRole", without(boundary, "lambda.")))
    check("Lambda decrypts variables as the function's role, within its boundary", now, old)


def the_boundary_of_a_role():
    boundary = properties("FunctionBoundary")
    unlimited = properties("OtpSendRole")
    anything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    unlimited["Policies"] = [{"PolicyName": "All", "PolicyDocument": anything}]
    role = role_of("OtpSendRole", boundary, unlimited)
    secret = allows(role, "secretsmanager:GetSecretValue", "HashKeysSecret")
    check("a boundary limits its role", secret, allows(role, "secretsmanager:DeleteSecret", "HashKeysSecret"))


def the_configuration_set():
    calls = []

    def enforce(access_key, action, service, region, resource_arn):
        calls.append(resource_arn)
        return None if allows(access_key, action, resource_arn) else "denied"

    boundary, role = properties("FunctionBoundary"), properties("MeEmailRole")
    emulated_limits.plain_enforce, plain = enforce, emulated_limits.plain_enforce
    denied = [
        emulated_limits.enforce(role_of("MeEmailRole", *parts), "ses:SendEmail", "ses", REGION)
        for parts in ((boundary, role), (boundary, without(role, "configuration-set")), (without(boundary, "configuration-set"), role))
    ]
    emulated_limits.plain_enforce = plain
    assert len(calls) == 6, calls
    check("an identity with a configuration set needs the right to both", denied[0] is None, denied[1] is None)
    check("and the boundary has to leave it", denied[0] is None, denied[2] is None)


def the_size_of_the_variables():
    def fits(characters):
        names = properties("OtpSend")["Environment"]["Variables"]
        variables = {name: "" for name in names} | {"ALLOWED_ORIGINS": "x" * characters}
        try:
            emulated_limits.check_variables({"Environment": {"Variables": variables}})
        except ValueError:
            return False
        return True

    longest = TEMPLATE["Parameters"]["AllowedOrigins"]["MaxLength"]
    check("the variables of a function take 4 KB", fits(longest), fits(3000))


def the_rate_of_a_route():
    settings = properties("Stage")["DefaultRouteSettings"] | {"ThrottlingRateLimit": "1", "ThrottlingBurstLimit": "2"}
    stage, route = {"routeSettings": {}, "defaultRouteSettings": settings}, "POST /v1/otp/send"
    apigateway._stages["api"] = {"$default": stage}
    throttled = [emulated_limits.is_throttled("api", "$default", route, now) for now in (0, 0, 0, 0.5, 1.5, 1.5)]
    assert throttled == [False, False, True, True, False, True], throttled
    assert not emulated_limits.is_throttled("api", "$default", "GET /other", 0)
    print("   a route takes its rate and its burst")


the_trust_of_the_api()
the_rights_of_the_api()
the_key_of_the_variables()
the_boundary_of_a_role()
the_configuration_set()
the_size_of_the_variables()
the_rate_of_a_route()
