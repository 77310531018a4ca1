"""An AWS account on this machine, for .ci/deploy-emulated: ministack, with the features that the
template needs besides.

ministack runs CloudFormation, API Gateway, the Lambdas themselves, DynamoDB, SNS and Secrets
Manager in one process. With AUTH=true, it restricts every function to its own role. Added here, by
wrapping its handlers:

- `dynamodb:LeadingKeys`, so that the key prefixes in the policies take effect;
- TLS, for policies that require it;
- `credentials` of an integration: API Gateway may call only functions that this role may invoke.
  Without credentials, it may call functions whose own permission allows it, such as an authorizer.
  Preflights reach routes;
- routes and authorizers in an API's OpenAPI `Body`, where template.yaml has its routes, and where
  SAM writes those of an AWS::Serverless::HttpApi;
- the host names of the APIs, by which a JWT authorizer finds its issuer's keys;
- Secrets Manager's rotation, in its four steps, on demand and for a RotationSchedule; ARNs as a
  secret's Ref;
- a table's TTL;
- what `latchkey doctor` asks besides: emulated_operations.py.

deploy/emulated_limits.py adds what AWS refuses.

CodeDeploy and alarms on metric math are accepted, but nothing is created. ministack ignores
point-in-time recovery, encryption and deletion protection. The tests in
functions/promises/template/ check those.
"""

import contextvars
import fnmatch
import json
import os
import re
import socketserver
import threading
from urllib.parse import unquote

import emulated_limits
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import apigateway, dynamodb, iam, lambda_svc, secretsmanager
from ministack.services.cloudformation import provisioners, stacks

import emulated_operations  # noqa: F401

HANDLERS = provisioners._RESOURCE_HANDLERS
PARTITION_KEY = "pk"


# --- IAM: the partition keys of a DynamoDB request ----------------------------------------------------


def partition_keys(request):
    """Every partition key that a request names. A transaction yields none: AWS checks each of its
    items separately, while here all of them would be one request."""
    if not isinstance(request, dict):
        return
    for name in ("Key", "Item"):
        if value := request.get(name, {}).get(PARTITION_KEY):
            yield from value.values()
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    for name, value in re.findall(r"(#?\w+)\s*=\s*(:\w+)", request.get("KeyConditionExpression", "")):
        if names.get(name, name) == PARTITION_KEY:
            yield from values[value].values()
    for table in request.get("RequestItems", {}).values():
        for part in table.get("Keys", []) if isinstance(table, dict) else table:
            yield from partition_keys({"Key": part} if isinstance(table, dict) else next(iter(part.values())))


plain_dynamodb_context = iam_actions.dynamodb_service_context


def dynamodb_context(body):
    context = plain_dynamodb_context(body)
    keys = list(partition_keys(json.loads(body or b"{}")))
    return {**context, "dynamodb:LeadingKeys": keys} if keys else context


iam_actions.dynamodb_service_context = dynamodb_context

# There is no TLS within one machine, but the bucket's policy requires it.
plain_pin_request_origin = iam_evaluator.pin_request_origin
iam_evaluator.pin_request_origin = lambda source_ip, _: plain_pin_request_origin(source_ip, True)


# --- API Gateway: the role in which it calls a function -----------------------------------------------

plain_invoke = apigateway._invoke_lambda_proxy


def trusts_api_gateway(role_arn):
    """Whether API Gateway may assume a role. It names no source account and no source ARN when it
    does, so a statement with a condition never applies."""
    role = iam._roles.get_scoped(get_account_id(), None, role_arn.rsplit("/", 1)[-1])
    trust = role["AssumeRolePolicyDocument"] if role else {"Statement": []}
    trust = json.loads(unquote(trust)) if isinstance(trust, str) else trust
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        and statement["Action"] == "sts:AssumeRole"
        and not statement.get("Condition")
        for statement in trust["Statement"]
    )


def can_start(function_arn):
    """Whether Lambda can decrypt the variables of a function, in the function's role."""
    function = lambda_svc._functions.get(function_arn.split(":")[6])
    return function is None or emulated_limits.may_decrypt_variables(function["config"]["Role"])


def may_invoke(role_arn, function_arn):
    account = get_account_id()
    policies = iam_evaluator._gather_role_policies(role_arn.rsplit("/", 1)[-1], account)
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action="lambda:InvokeFunction",
        resource_arn=function_arn,
        region=get_region(),
    )
    return trusts_api_gateway(role_arn) and iam_evaluator.evaluate(context, policies).decision == "Allow"


def lets_api_gateway_in(function_arn, source):
    """Whether a permission of the function or its alias lets an API or an authorizer call it."""
    source_arn = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{source}"
    return any(
        statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        and statement["Resource"] == function_arn
        and fnmatch.fnmatchcase(source_arn, statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*"))
        for statement in lambda_svc._functions[function_arn.split(":")[6]]["policy"]["Statement"]
    )


def route_key_of(api_id, method, path):
    return apigateway._match_route(api_id, method, path)["routeKey"]


async def invoke(integration, api_id, stage, path, method, *args, **kwargs):
    function_arn = apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
    role_arn = integration.get("credentialsArn", "")
    source = f"{api_id}/{stage}/{method}{path}"
    if emulated_limits.is_throttled(api_id, stage, route_key_of(api_id, method, path)):
        return 429, {"Content-Type": "application/json"}, b'{"message":"Too Many Requests"}'
    may_call = may_invoke(role_arn, function_arn) if role_arn else lets_api_gateway_in(function_arn, source)
    if not (may_call and can_start(function_arn)):
        # A real HTTP API returns the same. The access log has the reason.
        return 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'
    return await plain_invoke(integration, api_id, stage, path, method, *args, **kwargs)


async def ask_authorizer(authorizer, event, account_id, region):
    function_arn = apigateway._extract_lambda_ref_from_integration_uri(authorizer["authorizerUri"])
    source = f"{event['requestContext']['apiId']}/authorizers/{authorizer['authorizerId']}"
    if not lets_api_gateway_in(function_arn, source):
        return None
    return await plain_ask_authorizer(authorizer, event, account_id, region)


async def execute(api_id, stage, path, method, headers, body, query, account, region, raw_query=None):
    """Passes preflights to the routes if the API has no CORS settings. ministack would refuse
    them."""
    if method != "OPTIONS" or apigateway._apis.get(api_id, {}).get("corsConfiguration"):
        return await plain_execute(api_id, stage, path, method, headers, body, query, account, region, raw_query)
    route = apigateway._match_route(api_id, method, path)
    integration = apigateway._integrations[api_id][route["target"].removeprefix("integrations/")]
    lowercase = {name.lower(): value for name, value in headers.items()}
    return await invoke(integration, api_id, stage, path, method, lowercase, body, query, route["routeKey"])


apigateway._invoke_lambda_proxy = invoke
plain_ask_authorizer = apigateway._invoke_request_authorizer_lambda
apigateway._invoke_request_authorizer_lambda = ask_authorizer
plain_execute = apigateway._handle_execute_in_scope
apigateway._handle_execute_in_scope = execute


# --- API Gateway: the OpenAPI body of an API, and its name --------------------------------------------

HTTP_API = HANDLERS["AWS::ApiGatewayV2::Api"]
plain_http_api = dict(HTTP_API)
plain_urlopen = apigateway._urlopen_sync


def made(answer):
    status, _, body = answer
    if status >= 400:
        raise ValueError(body)
    return json.loads(body)


def route_key(path, method, operation):
    if operation.get("isDefaultRoute"):
        return "$default"
    return f"{'ANY' if method == 'x-amazon-apigateway-any-method' else method.upper()} {path}"


def read_body(api_id, body):
    apigateway._routes[api_id], apigateway._integrations[api_id], apigateway._authorizers[api_id] = {}, {}, {}
    authorizers = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        described = scheme["x-amazon-apigateway-authorizer"]
        kind, source = described["type"].upper(), described["identitySource"]
        authorizer = {name: value for name, value in described.items() if name != "type"}
        authorizer |= {"name": name, "authorizerType": kind, "identitySource": source if kind == "REQUEST" else [source]}
        authorizer_id = made(apigateway._create_authorizer(api_id, authorizer))["authorizerId"]
        authorizers[name] = {"authorizerId": authorizer_id, "authorizationType": "JWT" if kind == "JWT" else "CUSTOM"}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            described = operation["x-amazon-apigateway-integration"]
            integration = {
                "integrationType": described["type"].upper(),
                "integrationUri": described["uri"],
                "payloadFormatVersion": described["payloadFormatVersion"],
            }
            if "timeoutInMillis" in described:
                integration["timeoutInMillis"] = int(described["timeoutInMillis"])
            integration_id = made(apigateway._create_integration(api_id, integration))["integrationId"]
            # ministack's CreateIntegration drops the credentials.
            apigateway._integrations[api_id][integration_id]["credentialsArn"] = described.get("credentials", "")
            route = {"routeKey": route_key(path, method, operation), "target": f"integrations/{integration_id}"}
            for name, scopes in next(iter(operation.get("security", [])), {}).items():
                route |= authorizers[name] | {"authorizationScopes": scopes}
            made(apigateway._create_route(api_id, route))


def with_body(action):
    def act(*args):
        api_id, attributes = plain_http_api[action](*args)
        # The arguments of create are the id, the properties and the stack. For update, the old
        # properties come before the new ones.
        properties = args[1] if action == "create" else args[2]
        if body := properties.get("Body"):
            read_body(api_id, body)
        return api_id, attributes

    return act


HTTP_API["create"], HTTP_API["update"] = with_body("create"), with_body("update")


def urlopen(url, timeout):
    """Leads requests to an API's own host name to this server."""
    if isinstance(url, str) and (name := re.match(r"https://(\w+)\.execute-api\.[\w.-]+", url)):
        here = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/_aws/execute-api/{name[1]}/$default"
        url = here + url.removeprefix(name[0])
    return plain_urlopen(url, timeout)


apigateway._urlopen_sync = urlopen


# --- Secrets Manager: rotation ------------------------------------------------------------------------


def rotate(secret, token):
    """Runs the four steps, each as a call of the function. The first one that fails ends the
    rotation."""
    function_arn = secret["RotationLambdaARN"]
    function, config, _ = lambda_svc._get_func_record_for_ref(function_arn)
    if function is None:
        raise ValueError(f"unknown function {function_arn}")
    policy = json.dumps(function.get("policy") or {})
    if "secretsmanager.amazonaws.com" not in policy or secret["ARN"] not in policy:
        raise ValueError(f"Secrets Manager may not call {function_arn}")
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        event = {"SecretId": secret["ARN"], "ClientRequestToken": token, "Step": step}
        record = lambda_svc._execution_record_for_config(function, config)
        result = lambda_svc._execute_function_with_config_scope(record, event)
        if result.get("error") or result.get("throttle"):
            raise ValueError(f"rotation, {step}: {result.get('body')} {result.get('log')}")


def begin_rotation(secret, data):
    secret["RotationEnabled"] = True
    for name in ("RotationLambdaARN", "RotationRules"):
        if data.get(name):
            secret[name] = data[name]
    return data.get("ClientRequestToken") or new_uuid()


def rotate_later(secret, token):
    """Rotates a secret while the caller goes on, as on AWS. The function calls back into this server."""
    threading.Thread(target=contextvars.copy_context().run, args=(rotate, secret, token), daemon=True).start()


plain_rotate_secret = secretsmanager._rotate_secret


def rotate_secret(data):
    _, secret = secretsmanager._resolve(data.get("SecretId"))
    if not secret or secret.get("DeletedDate") or not (data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")):
        return plain_rotate_secret(data)
    token = begin_rotation(secret, data)
    rotate_later(secret, token)
    return secretsmanager.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})


secretsmanager._rotate_secret = rotate_secret


def create_rotation_schedule(logical_id, props, stack_name):
    _, secret = secretsmanager._resolve(props["SecretId"])
    # In ministack, CloudFormation's numbers are texts.
    rules = {name: int(value) if str(value).isdigit() else value for name, value in props["RotationRules"].items()}
    token = begin_rotation(secret, {**props, "RotationRules": rules})
    if str(props.get("RotateImmediatelyOnUpdate", True)).lower() == "true":
        rotate_later(secret, token)
    return secret["ARN"], {}


HANDLERS["AWS::SecretsManager::RotationSchedule"] = {
    "create": create_rotation_schedule,
    "delete": lambda physical_id, props: None,
}
plain_runs_on_worker_thread = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = lambda kind: (
    kind == "AWS::SecretsManager::RotationSchedule" or plain_runs_on_worker_thread(kind)
)


# A secret's Ref is its ARN, but ministack returns its name.
SECRET = HANDLERS["AWS::SecretsManager::Secret"]
plain_secret = dict(SECRET)


def secret_name(arn):
    _, secret = secretsmanager._resolve(arn)
    return secret["Name"] if secret else arn


def with_arn(name, attributes):
    _, secret = secretsmanager._resolve(name)
    return secret["ARN"], attributes


SECRET["create"] = lambda *args: with_arn(*plain_secret["create"](*args))
SECRET["update"] = lambda arn, *args: with_arn(*plain_secret["update"](secret_name(arn), *args))
SECRET["delete"] = lambda arn, props: plain_secret["delete"](secret_name(arn), props)


# --- DynamoDB: TTL ------------------------------------------------------------------------------------

plain_create_table = HANDLERS["AWS::DynamoDB::Table"]["create"]


def create_table(logical_id, props, stack_name):
    name, attributes = plain_create_table(logical_id, props, stack_name)
    if specification := props.get("TimeToLiveSpecification"):
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification})
    return name, attributes


HANDLERS["AWS::DynamoDB::Table"]["create"] = create_table


# --- Resources that only matter on AWS ----------------------------------------------------------------

for kind in ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"):
    HANDLERS.setdefault(
        kind,
        {
            "create": lambda logical_id, props, stack_name: (f"{stack_name}-{logical_id}", {}),
            "delete": lambda physical_id, props: None,
        },
    )

plain_create_alarm = HANDLERS["AWS::CloudWatch::Alarm"]["create"]
HANDLERS["AWS::CloudWatch::Alarm"]["create"] = lambda logical_id, props, stack_name: (
    (f"{stack_name}-{logical_id}", {}) if "Metrics" in props else plain_create_alarm(logical_id, props, stack_name)
)


# --- Removes two fixed waits, of 40 and 50 ms, from every request -------------------------------------

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.002, 0.002, 0.250)

if __name__ == "__main__":
    from ministack.app import main

    main()
