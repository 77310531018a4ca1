"""What AWS refuses and ministack lets pass, for deploy/emulated_aws.py. Each of these made a template
fail on AWS alone. .ci/emulator_check.py shows each check the template without its remedy.

- a role's permissions boundary, which CloudFormation's roles lose in ministack;
- the key of a function's environment variables, which Lambda uses as the function's role, and
  therefore within its boundary;
- an identity of SES with a default configuration set: who sends needs the right to both;
- the size of a function's environment variables;
- the rate limits of an API's routes.
"""

import json
import time

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, iam
from ministack.services.cloudformation import provisioners

HANDLERS = provisioners._RESOURCE_HANDLERS
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_VARIABLES_BYTES = 4096


# --- IAM: permissions boundaries ----------------------------------------------------------------------


def with_boundary(action):
    plain = HANDLERS["AWS::IAM::Role"][action]

    def act(*args):
        name, attributes = plain(*args)
        # The arguments of create are the id, the properties and the stack. For update, the old
        # properties come before the new ones.
        properties = args[1] if action == "create" else args[2]
        iam._roles[name]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return name, attributes

    return act


HANDLERS["AWS::IAM::Role"] |= {action: with_boundary(action) for action in ("create", "update")}


def may_decrypt_variables(role_arn):
    """Whether Lambda can decrypt the variables of a function in this role. A grant of the key allows
    the role to, but the role's boundary limits that, too."""
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action="kms:Decrypt",
        resource_arn=f"arn:aws:kms:{get_region()}:{account}:key/aws-lambda",
        region=get_region(),
        service_context={"kms:viaservice": f"lambda.{get_region()}.amazonaws.com"},
    )
    grant = iam_evaluator.parse_policy_document({"Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]})
    boundary = iam_evaluator._permissions_boundary(iam._roles, role_arn.rsplit("/", 1)[-1], account)
    return iam_evaluator.evaluate(context, [grant], *boundary).decision == "Allow"


# --- SES: the default configuration set ---------------------------------------------------------------

plain_enforce = iam_evaluator.enforce


def enforce(access_key, action, service, region, *args, **kwargs):
    """Every identity has a default configuration set here, as one that the console sets up."""
    if action != "ses:SendEmail":
        return plain_enforce(access_key, action, service, region, *args, **kwargs)
    for resource in ("identity/example.com", "configuration-set/default"):
        arn = f"arn:aws:ses:{region}:{get_account_id()}:{resource}"
        if denied := plain_enforce(access_key, action, service, region, **{**kwargs, "resource_arn": arn}):
            return denied
    return None


iam_evaluator.enforce = enforce


# --- Lambda: the size of the variables ----------------------------------------------------------------


def check_variables(properties):
    """Refuses a function whose environment variables are too large, as Lambda does."""
    size = len(json.dumps(properties.get("Environment", {}).get("Variables", {}), separators=(",", ":")))
    if size > MAX_VARIABLES_BYTES:
        raise ValueError(
            "Lambda was unable to configure your environment variables because the environment variables you "
            f"have provided exceeded the 4KB limit: {size} bytes"
        )


def with_small_variables(action):
    plain = HANDLERS["AWS::Lambda::Function"][action]

    def act(*args, **kwargs):
        check_variables(args[1] if action == "create" else args[2])
        return plain(*args, **kwargs)

    return act


HANDLERS["AWS::Lambda::Function"] |= {action: with_small_variables(action) for action in ("create", "update")}


# --- API Gateway: rate limits -------------------------------------------------------------------------

# The requests that each route may still take in a burst, and when that was computed.
buckets = {}


def is_throttled(api_id, stage, route_key, now=None):
    """Takes a request from the route's bucket. Returns whether there is none left."""
    now = time.monotonic() if now is None else now
    described = apigateway._stages[api_id][stage]
    settings = described.get("routeSettings", {}).get(route_key) or described.get("defaultRouteSettings") or {}
    settings = {name.lower(): float(value) for name, value in settings.items() if name.lower().startswith("throttling")}
    if not settings:
        return False
    burst, rate = settings["throttlingburstlimit"], settings["throttlingratelimit"]
    left, since = buckets.get((api_id, stage, route_key), (burst, now))
    left = min(burst, left + (now - since) * rate)
    buckets[api_id, stage, route_key] = (left - 1 if left >= 1 else left, now)
    return left < 1
