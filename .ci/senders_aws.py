"""Plays AWS End User Messaging. `botocore` has AWS's model of it: it checks our requests and their signatures, and
makes the same ones. With `NOTIFY=1`, codes go by AWS Notify. At the end, `boto3` sends texts and calls by the service
that `cargo run` embeds, and reads its answers and errors."""

import json
import os
import re

import boto3
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from senders_run import VENDORS, asked, send_code, start

SERVICE, REGION, KEYS = "pinpoint-sms-voice-v2", "eu-central-1", ("local", "local-secret")
BRITON, INDIAN = "+447400123456", "+919876543210"


def client(url):
    config = Config(retries={"max_attempts": 0}, parameter_validation=False)
    keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), KEYS))
    return boto3.client(SERVICE, REGION, endpoint_url=url, config=config, **keys)


THEIRS = client(VENDORS)
MODEL = THEIRS.meta.service_model


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


def check_signature(path, headers, body):
    """The signature is the one that botocore makes of the same request at the same time."""
    scope, names, signature = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=(\w+)", headers["authorization"]
    ).groups()
    date = headers["x-amz-date"]
    assert scope == f"{KEYS[0]}/{date[:8]}/{REGION}/{MODEL.signing_name}/aws4_request", scope
    assert {"host", "x-amz-date", "x-amz-target"} <= set(names.split(";")), names

    signer = SigV4Auth(Credentials(*KEYS), MODEL.signing_name, REGION)
    signed = {name: headers[name] for name in names.split(";")}
    request = AWSRequest("POST", VENDORS + path, data=body.encode(), headers=signed)
    request.context["timestamp"] = date
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert signer.signature(text, request) == signature, text


def check(operation, phone, **fields):
    """The request for a code is one of this operation, as AWS models it. Returns its parameters."""
    _, path, headers, body = send_code(phone, **fields)
    parameters = json.loads(body)
    shape = MODEL.operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    assert not problems(shape, parameters), problems(shape, parameters)
    check_signature(path, headers, body)

    send = getattr(THEIRS, xform_name(operation))
    their_path, their_headers, their_body = asked(lambda: send(**parameters))
    assert (path, parameters) == (their_path, json.loads(their_body)), (path, parameters, their_body)
    for name in ("x-amz-target", "content-type"):
        assert headers[name] == their_headers[name], (name, headers[name], their_headers[name])
    return parameters


def has(parameters, **expected):
    found = {name: parameters.get(name) for name in expected}
    assert found == expected, (found, expected)


def texts_and_calls():
    text = check("SendTextMessage", BRITON)
    has(text, DestinationPhoneNumber=BRITON, OriginationIdentity="phone-1", ConfigurationSetName="codes")
    has(text, MaxPrice="0.50000", MessageType="TRANSACTIONAL", DestinationCountryParameters=None)
    registered = {"IN_ENTITY_ID": os.environ["SMS_ENTITY_ID"], "IN_TEMPLATE_ID": os.environ["SMS_TEMPLATE_ID"]}
    for language in ("en", "es", "hi", "ar"):
        has(check("SendTextMessage", INDIAN, locale=language), DestinationCountryParameters=registered)
    for language, voice in (("en", "JOANNA"), ("es", "LUPE"), ("hi", "JOANNA"), ("ar", "ZEINA")):
        spoken = check("SendVoiceMessage", BRITON, channel="voice", locale=language)
        has(spoken, OriginationIdentity="phone-2", VoiceId=voice, MaxPricePerMinute="0.50000")


def codes_of_notify():
    for channel, operation in (("sms", "SendNotifyTextMessage"), ("voice", "SendNotifyVoiceMessage")):
        for language in ("en", "es", "hi", "ar"):
            code = check(operation, BRITON, channel=channel, locale=language)
            has(code, NotifyConfigurationId="notify-1", DestinationPhoneNumber=BRITON, OriginationIdentity=None)
            assert re.fullmatch(r"\d{6}", code["TemplateVariables"]["code"]), code


def embedded_service():
    """The embedded service takes each operation, and refuses in AWS's words."""
    embedded = client(os.environ["AWS"])
    to = {"DestinationPhoneNumber": BRITON}
    notify = {"NotifyConfigurationId": "notify-1", "TemplateVariables": {"code": "123456"}}
    for answer in (
        embedded.send_text_message(**to, MessageBody="Hello"),
        embedded.send_voice_message(**to, MessageBody="Hello", OriginationIdentity="phone-2"),
        embedded.send_notify_text_message(**to, **notify),
        embedded.send_notify_voice_message(**to, **notify),
    ):
        assert re.fullmatch(r"[0-9a-f-]{36}", answer["MessageId"]), answer

    refused = {
        "INVALID_PARAMETER": lambda: embedded.send_text_message(**to),
        "UNKNOWN_OPERATION": lambda: embedded.describe_phone_numbers(),
    }
    for reason, ask in refused.items():
        try:
            raise AssertionError(ask())
        except embedded.exceptions.ValidationException as error:
            assert error.response["Reason"] == reason, error.response
            assert reason in MODEL.shape_for("ValidationException").members["Reason"].enum, reason


start()
if os.environ.get("NOTIFY"):
    codes_of_notify()
    print("botocore accepts the codes of AWS Notify, and makes the same requests")
else:
    texts_and_calls()
    embedded_service()
    print("botocore accepts the texts and calls of AWS End User Messaging, and makes the same requests")
