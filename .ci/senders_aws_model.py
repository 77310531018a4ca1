"""AWS's own model of a service, which `botocore` has: what a request may say, and how it is signed."""

import re

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from senders_run import VENDORS

REGION, KEYS = "eu-central-1", ("local", "local-secret")


def problems(shape, value, at=""):
    """What the model forbids and botocore lets pass: patterns, lengths, sizes and words of an enumeration."""
    limits, found = shape.metadata, []
    size = value if shape.type_name == "integer" else len(value)
    if not limits.get("min", size) <= size <= limits.get("max", size):
        found.append(f"{at}: {size} is not from {limits.get('min')} to {limits.get('max')}")
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        found.append(f"{at}: {value} does not match {limits['pattern']}")
    if "enum" in limits and value not in limits["enum"]:
        found.append(f"{at}: {value} is none of {limits['enum']}")
    if shape.type_name == "map":
        for key, one in value.items():
            found += problems(shape.key, key, f"{at}.{key}") + problems(shape.value, one, f"{at}.{key}")
    if shape.type_name == "structure":
        found += [one for name in value for one in problems(shape.members[name], value[name], f"{at}.{name}")]
    return found


class Service:
    def __init__(self, name):
        self.name = name
        self.model = self.client(VENDORS).meta.service_model

    def client(self, url):
        config = Config(retries={"max_attempts": 0}, parameter_validation=False)
        keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), KEYS))
        return boto3.client(self.name, REGION, endpoint_url=url, config=config, **keys)

    def check_parameters(self, operation, parameters):
        shape = self.model.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), report.generate_report()
        assert not problems(shape, parameters), problems(shape, parameters)

    def check_signature(self, path, headers, body, signed_too=frozenset()):
        """The signature is the one that botocore makes of the same request at the same time."""
        scope, names, signature = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)", headers["authorization"]
        ).groups()
        date = headers["x-amz-date"]
        assert scope == f"{KEYS[0]}/{date[:8]}/{REGION}/{self.model.signing_name}/aws4_request", scope
        assert {"host", "x-amz-date"} | signed_too <= set(names.split(";")), names

        signer = SigV4Auth(Credentials(*KEYS), self.model.signing_name, REGION)
        signed = {name: headers[name] for name in names.split(";")}
        request = AWSRequest("POST", VENDORS + path, data=body.encode(), headers=signed)
        request.context["timestamp"] = date
        text = signer.string_to_sign(request, signer.canonical_request(request))
        assert signer.signature(text, request) == signature, text
