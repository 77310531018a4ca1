"""Deploys template.yaml into an emulated account and tests it there: after an update from the
previous commit's template, after a rotation of the signing keys, and after an update that changes a
setting. Then a second stack in the same region, and one of the same name in another region, are
deployed. Also deploys and tests examples/guarded-api, whose callers Latchkey authenticates, and the
edge. `latchkey doctor` has to name faults that are put in, and `latchkey smoke` has to pass. Every
function runs in its own IAM role."""

import base64
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3

import edge_check
from doctor_check import DoctorCheck
from free_port import free_port
from guarded_api import ADMIN_PHONE, APP, CACHE_SECONDS, WRITE_PERMISSION, GuardedApi

SAM, MINISTACK_PYTHON = sys.argv[1:]
FOLDER = pathlib.Path("target/emulated").absolute()
REGION = "eu-central-1"
OTHER_REGION = "us-west-2"
STACK = "latchkey"
SECOND_STACK = "latchkey-dev"
GUARDED_STACK = "guarded-api"
ORIGIN = "https://app.example.com"
MAIL_FROM = "id@example.com"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]

BEGAN = time.monotonic()
PORT = free_port()
ENDPOINT = f"http://127.0.0.1:{PORT}"
INBOX = f"{ENDPOINT}/_ministack/sns/sms-messages?phoneNumber={{phone}}"
# The AWS variables of this environment are left out, so that no real account is reached.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": ENDPOINT}
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
ENVIRONMENT |= CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}


def step(what):
    print(f"-- {what} ({time.monotonic() - BEGAN:.0f} s)", flush=True)


def client(service, region=REGION):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def start_account():
    # The functions inherit this environment, so it holds only what they need.
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | CREDENTIALS
    environment |= {
        "AUTH": "true",
        "GATEWAY_PORT": str(PORT),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
    }
    log = open(FOLDER / "account.log", "wb")
    account = subprocess.Popen([MINISTACK_PYTHON, "deploy/emulated_aws.py"], env=environment, stdout=log, stderr=log)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{ENDPOINT}/_ministack/health")
            return account
        except OSError:
            time.sleep(0.1)
    sys.exit("the emulated account does not start; see target/emulated/account.log")


def deploy(template="template.yaml", **settings):
    """Runs `sam deploy` as for production, except for settings that this account does not support."""
    known = re.findall(r"^  (\w+):\n    Type: (?:String|Number)$", pathlib.Path(template).read_text(), re.MULTILINE)
    parameters = {
        "Environment": "prod",
        "Architecture": ARCHITECTURE,
        "Tracing": "Active",
        "DeploymentType": "Canary10Percent5Minutes",
        "AllowedOrigins": ORIGIN,
        "AdminPhone": ADMIN_PHONE,
        "OtpSendConcurrency": 5,
        "OtpResendConcurrency": 5,
        "AlarmEmail": "alarms@example.com",
        "EmailFrom": MAIL_FROM,
        # All requests come from one IP address.
        "OtpSendsPerIpPerHour": 1000,
    } | settings
    parameters = {name: value for name, value in parameters.items() if name in known}
    options = ["--config-env", "prod", "--no-confirm-changeset", "--stack-name", STACK, "--template-file", template]
    sam_deploy(options, parameters)


def deploy_previous(**settings):
    """Deploys the previous commit's template with the Lambdas of this one. Returns whether it could:
    a shallow clone has no previous commit, and a Lambda may have gone since."""
    previous = subprocess.run(["git", "show", "HEAD~1:template.yaml"], capture_output=True, text=True)
    folders = re.findall(r"CodeUri: (\S+)", previous.stdout)
    if previous.returncode != 0 or not all(pathlib.Path(folder).is_dir() for folder in folders):
        return False
    # Beside template.yaml, since the paths of the Lambdas are relative to it.
    file = pathlib.Path("previous-template.yaml")
    file.write_text(previous.stdout)
    try:
        deploy(str(file), **settings)
    finally:
        file.unlink()
    return True


def deploy_another(stack, region):
    """Deploys one more stack from nothing, and signs nobody in: a text and the keys show that it works.
    Returns the ids of its keys."""
    parameters = {"Environment": "dev", "Architecture": ARCHITECTURE, "AvatarCdn": "false"}
    options = ["--config-env", "default", "--stack-name", stack, "--region", region]
    sam_deploy(options, parameters)
    url = api_url(stack, region)
    wait_until_ready(url)
    new_code_length(url)
    return published_keys(url)


def deploy_guarded_api():
    """Deploys examples/guarded-api as its README says."""
    parameters = {
        "AuthorizerArn": outputs()["AuthorizerArn"],
        "Issuer": outputs()["Issuer"],
        "ClientId": APP,
        "WritePermission": WRITE_PERMISSION,
        "CacheSeconds": CACHE_SECONDS,
    }
    options = ["--stack-name", GUARDED_STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    sam_deploy(options, parameters, "examples/guarded-api")


def sam_deploy(options, parameters, folder="."):
    with open(FOLDER / "deploy.log", "wb") as log:
        subprocess.run(
            [SAM, "deploy", *options]
            + ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
            check=True,
        )


def outputs():
    stack = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def api_url(stack=STACK, region=REGION):
    api = client("cloudformation", region).describe_stack_resource(StackName=stack, LogicalResourceId="Api")
    return f"{ENDPOINT}/_aws/execute-api/{api['StackResourceDetail']['PhysicalResourceId']}/$default"


def end_to_end_tests(url):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "LATCHKEY_URL": url,
        "LATCHKEY_INBOX": INBOX,
        "LATCHKEY_ORIGIN": ORIGIN,
        "LATCHKEY_SESSION": str(FOLDER / "session.json"),
    }
    command = ["cargo", "test", "--quiet", "--locked", "--package", "local", "--test", "end_to_end"]
    subprocess.run(command, env=environment, check=True)


def get(url):
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def wait_until_ready(url):
    """Waits for the first rotation, which CloudFormation does not wait for. Until it is done, /health
    says so and nothing else."""
    for _ in range(600):
        try:
            return get(f"{url}/health")
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            assert (error.code, problem.get("code")) == (503, "not_ready"), problem
        time.sleep(0.1)
    sys.exit(f"{url} has no signing keys; see target/emulated/account.log")


def send_mail(url):
    """Sends a code by e-mail, which needs the right to the identity and to its configuration set."""
    body = json.dumps({"email": "person@example.com"}).encode()
    request = urllib.request.Request(f"{url}/v1/otp/send", body, {"content-type": "application/json"})
    assert get(request)["channel"] == "email"


def published_keys(url):
    return {key["kid"] for key in get(f"{url}/.well-known/jwks.json")["keys"]}


def signed_with():
    """The id of the key that signed the session that the tests left behind."""
    token = json.loads((FOLDER / "session.json").read_text())["access_token"]
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def rotate_keys(secret):
    def current():
        versions = client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
        return next(version for version, stages in versions.items() if "AWSCURRENT" in stages)

    before = current()
    client("secretsmanager").rotate_secret(SecretId=secret)
    for _ in range(300):
        if current() != before:
            return
        time.sleep(0.1)
    sys.exit("the keys were not rotated")


def new_code_length(url):
    body = json.dumps({"phone": "+14155559999"}).encode()
    request = urllib.request.Request(f"{url}/v1/otp/send", body, {"content-type": "application/json"})
    return get(request)["code_length"]


def anchor_audit_trail():
    """Anchors the audit trail twice, with the rights of the deployed function, and verifies it with the
    operators' command. The events are too new to be anchored."""
    for _ in range(2):
        answer = client("lambda").invoke(FunctionName=f"{STACK}_audit-anchor", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
    found = latchkey("audit", "verify")
    assert found["anchors"] == 2, found


def rotate_root():
    """Introduces a next root of the hash keys, with the rights of the deployed function. It may be used
    two hours later, when all functions know it."""
    assert latchkey("keys", "status")["phase"] == "one"
    assert latchkey("keys", "rotate")["phase"] == "introduced"


def latchkey(*arguments):
    """What the operators' command prints, as in a terminal whose home folder is empty."""
    terminal = {"PATH": os.environ["PATH"], "HOME": str(FOLDER), "AWS_REGION": REGION} | CREDENTIALS
    command = ["target/debug/latchkey", *arguments, "--stack", STACK, "--json"]
    return json.loads(subprocess.run(command, env=terminal, stdout=subprocess.PIPE, check=True).stdout)


def doctor_check(url):
    """Runs the operators' command as in a terminal whose home folder is empty."""
    # The same packages as in .ci/docs, so that their dependencies are not compiled again.
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--package", "local", "--package", "cli"], check=True)
    regions = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    terminal = {"PATH": os.environ["PATH"], "HOME": str(FOLDER)} | CREDENTIALS | regions
    DoctorCheck(client, terminal, ENDPOINT, STACK, url, step).check()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    account = start_account()
    try:
        client("sesv2").create_email_identity(EmailIdentity="example.com")
        # Without CloudFront, the avatars' URLs are signed. The emulated account could not serve
        # pictures through CloudFront.
        step("first deployment, of the previous commit's template")
        if deploy_previous(AvatarCdn="false"):
            wait_until_ready(api_url())
            old_keys = published_keys(api_url())
            step("update to this template")
            deploy(AvatarCdn="false")
            assert published_keys(api_url()) == old_keys, "the update changed the keys"
        else:
            step("there is none; first deployment of this template")
            deploy(AvatarCdn="false")
        url = api_url()
        wait_until_ready(url)
        send_mail(url)
        step("end-to-end tests")
        end_to_end_tests(url)
        old_key = signed_with()
        step("another API, guarded by the Lambda authorizer and by API Gateway's own")
        deploy_guarded_api()
        guarded = GuardedApi(url, api_url(GUARDED_STACK), INBOX)
        guarded.check()
        step("rotation of the signing keys")
        rotate_keys(outputs()["SigningKeysSecretArn"])
        step("end-to-end tests; the previous session continues")
        end_to_end_tests(url)
        step("an update that changes a setting and adds CloudFront")
        deploy(OtpLength=8)
        assert new_code_length(url) == 8, "the functions run with the old settings"
        step("end-to-end tests; the previous session continues")
        end_to_end_tests(url)
        # The instances are new, so they have read the new key.
        assert signed_with() != old_key, "the old key still signs"
        assert {old_key, signed_with()} <= published_keys(url)
        # API Gateway still has the key set from before the rotation, which contains this key.
        guarded.check_new_token()
        # Before the edge, which closes this URL.
        step("latchkey doctor and latchkey smoke")
        doctor_check(url)
        step("the audit trail is anchored and verified")
        anchor_audit_trail()
        step("a next root of the hash keys")
        rotate_root()
        keys = published_keys(url)
        step("an edge in front of the API")
        edge_check.deploy(sam_deploy)
        deploy(EdgeSecrets=edge_check.SECRET, OtpSendsPerIpPerHour=2)
        edge_check.check(url, client)
        step("rotation of the edge's secret")
        edge_check.check_rotation(url, client, STACK, ENVIRONMENT)
        # Last: after a stack of the same name in another region, the emulated account answers requests
        # to the first stack with 500.
        step("a second stack in this region")
        keys = [keys, deploy_another(SECOND_STACK, REGION)]
        step("a stack of the same name in another region")
        keys.append(deploy_another(STACK, OTHER_REGION))
        assert len(set.union(*keys)) == sum(map(len, keys)), "stacks share keys"
        step("done")
    except BaseException:
        for name in ("deploy.log", "account.log"):
            if (FOLDER / name).exists():
                print(f"-- the end of {FOLDER / name}", (FOLDER / name).read_text(errors="replace")[-6000:], sep="\n")
        raise
    finally:
        account.terminate()
        account.wait()


main()
