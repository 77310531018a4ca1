"""Plays AWS End User Messaging Social. `botocore` has AWS's model of it: it checks our requests and their signatures,
and makes the same ones. `boto3` sends messages by the service that `cargo run` embeds, and reads its errors."""

import base64
import json
import os
import re

from senders_aws_model import Service
from senders_run import ACCOUNTS, VENDORS, asked, send_code, start

ACCOUNT = ACCOUNTS["whatsapp_aws"]
BRAZILIAN = "+5511961234567"
AWS = Service("socialmessaging")
THEIRS = AWS.client(VENDORS)


def check_message(language, template_language):
    """The code goes out as AWS models it. Returns its parameters."""
    _, path, headers, body = send_code(BRAZILIAN, locale=language)
    sent = json.loads(body)
    parameters = sent | {"message": base64.b64decode(sent["message"], validate=True)}
    AWS.check_parameters("SendWhatsAppMessage", parameters)
    AWS.check_signature(path, headers, body)
    their_path, their_headers, their_body = asked(lambda: THEIRS.send_whatsapp_message(**parameters))
    assert (path, sent) == (their_path, json.loads(their_body)), (path, sent, their_body)
    assert headers["content-type"] == their_headers["content-type"], (headers, their_headers)

    message = json.loads(parameters["message"])
    assert parameters["originationPhoneNumberId"] == ACCOUNT["phone_number_id"], parameters
    assert (message["to"], message["template"]["name"]) == (BRAZILIAN, ACCOUNT["template"]), message
    assert message["template"]["language"]["code"] == template_language, message
    return parameters


def refused(ask):
    try:
        raise AssertionError(ask())
    except AWS.client(VENDORS).exceptions.ClientError as error:
        answer = error.response
    code = answer["Error"]["Code"]
    errors = {shape.name for shape in AWS.model.operation_model("SendWhatsAppMessage").error_shapes}
    assert code in errors, (code, errors)
    modelled = AWS.model.shape_for(code)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == modelled.metadata["error"]["httpStatusCode"], answer
    return code


def embedded_service(parameters):
    """The embedded service takes the message, and refuses in AWS's words."""
    embedded = AWS.client(os.environ["AWS"])
    send = lambda **changed: embedded.send_whatsapp_message(**parameters | changed)
    assert re.fullmatch(r"[0-9a-f-]{36}", send()["messageId"])
    assert refused(lambda: send(message=b"{}")) == "InvalidParametersException"
    assert refused(lambda: send(metaApiVersion="23")) == "InvalidParametersException"
    assert refused(lambda: send(originationPhoneNumberId="+14155550100")) == "ResourceNotFoundException"


start()
check_message("es", "es")
# The template has no Hindi, so the message is in the first language that it has.
embedded_service(check_message("hi", "en_US"))
print("botocore accepts the messages of AWS End User Messaging Social, and makes the same requests")
