"""Plays AWS End User Messaging. `botocore` has AWS's model of it: it checks our requests and their signatures, and
makes the same ones. With `NOTIFY=1`, codes go by AWS Notify. At the end, `boto3` sends texts and calls by the service
that `cargo run` embeds, and reads its answers and errors."""

import json
import os
import re

from botocore import xform_name
from senders_aws_model import Service
from senders_run import VENDORS, asked, send_code, start

AWS = Service("pinpoint-sms-voice-v2")
THEIRS = AWS.client(VENDORS)
BRITON, INDIAN = "+447400123456", "+919876543210"


def check(operation, phone, **fields):
    """The request for a code is one of this operation, as AWS models it. Returns its parameters."""
    _, path, headers, body = send_code(phone, **fields)
    parameters = json.loads(body)
    AWS.check_parameters(operation, parameters)
    AWS.check_signature(path, headers, body, {"x-amz-target"})

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


TEMPLATES = {"sms": {"en": "text-en-1", "es": "text-es-1"}, "voice": {"es": "call-es-1"}}


def codes_of_notify():
    for channel, operation in (("sms", "SendNotifyTextMessage"), ("voice", "SendNotifyVoiceMessage")):
        for language in ("en", "es", "hi", "ar"):
            code = check(operation, BRITON, channel=channel, locale=language)
            has(code, NotifyConfigurationId="notify-1", DestinationPhoneNumber=BRITON, OriginationIdentity=None)
            has(code, TemplateId=TEMPLATES[channel].get(language))
            assert re.fullmatch(r"\d{6}", code["TemplateVariables"]["code"]), code


def embedded_service():
    """The embedded service takes each operation, and refuses in AWS's words."""
    embedded = AWS.client(os.environ["AWS"])
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
            assert reason in AWS.model.shape_for("ValidationException").members["Reason"].enum, reason


start()
if os.environ.get("NOTIFY"):
    codes_of_notify()
    print("botocore accepts the codes of AWS Notify, and makes the same requests")
else:
    texts_and_calls()
    embedded_service()
    print("botocore accepts the texts and calls of AWS End User Messaging, and makes the same requests")
