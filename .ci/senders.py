"""Plays Twilio, Vonage, WhatsApp and the service behind a webhook: takes their texts and calls, and reports on them. The
requests and signatures are checked and made by `twilio`, `vonage-messages` with `pyjwt`, `pywa`, and `standardwebhooks` in Python
and JavaScript."""

import hashlib
import json
import re
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree
from datetime import UTC, datetime, timedelta

import jwt
import senders_whatsapp
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from senders_run import ACCOUNTS, ADMIN, FORM, JSON, call, report, requests, send_code, start
from senders_twilio import check_as_twilio
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse
from vonage_messages.models import Sms

BRITON, FRENCH, AMERICAN = "+447400123456", "+33612345678", "+14155550123"
WEBHOOK = Webhook(ACCOUNTS["webhook"]["secret"])


def call_back(token, address, signed_address, **fields):
    signature = RequestValidator(token).compute_signature(signed_address, fields)
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    return report(address, urllib.parse.urlencode(fields), headers)


def report_by_webhook(address, body, at):
    body = json.dumps(body)
    headers = {"content-type": JSON, "webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp()))}
    return report(address, body, headers | {"webhook-signature": WEBHOOK.sign("msg_1", at, body)})


def report_in_javascript(address, body, received):
    body, at = json.dumps(body), int(time.time())
    asked = {"secret": ACCOUNTS["webhook"]["secret"], "received": received, "report": {"id": "msg_2", "at": at, "body": body}}
    node = subprocess.run(["node", ".ci/senders_webhook.mjs"], input=json.dumps(asked), capture_output=True, check=True, text=True)
    headers = {"content-type": JSON, "webhook-id": "msg_2", "webhook-timestamp": str(at), "webhook-signature": node.stdout}
    return report(address, body, headers)


def report_by_vonage(address, body, secret, hashed=None):
    body = json.dumps(body)
    claims = {"iat": int(time.time()), "iss": "Vonage", "application_id": "app-1"}
    claims["payload_hash"] = hashlib.sha256((hashed or body).encode()).hexdigest()
    return report(address, body, {"content-type": JSON, "authorization": "Bearer " + jwt.encode(claims, secret, "HS256")})


start()

# Twilio. Of the two auth tokens, either signs.
first = len(requests)
challenge, path, headers, body = send_code(ADMIN)
text = dict(urllib.parse.parse_qsl(body))
assert path == "/2010-04-01/Accounts/AC1/Messages.json" and text["To"] == ADMIN, (path, text)
address = text["StatusCallback"]
fields = {"body": text["Body"], "from_": "+14155550100", "validity_period": int(text["ValidityPeriod"]), "status_callback": address}
check_as_twilio(path, headers, body, lambda client: client.messages.create(ADMIN, **fields))
with_port = address.replace("https://id.example.com/", "https://id.example.com:443/")
sent = {"MessageSid": "SM1", "MessageStatus": "sent", "To": ADMIN, "From": "+14155550100", "ErrorCode": "", "Name": "Zoë & Co"}
delivered = sent | {"MessageStatus": "delivered"}
assert call_back("a-wrong-token", address, address, **delivered) == 404
assert call_back("new-token", address, address + "A", **delivered) == 404
assert call_back("old-token", address, address, **sent) == 204
for _ in range(10):
    assert call_back("new-token", address, with_port, **delivered) == 204

# Twilio's calls, whose words are TwiML.
for language, spoken in (("en", "en-US"), ("es", "es-US"), ("hi", "hi-IN"), ("ar", "arb")):
    _, path, headers, body = send_code(AMERICAN, channel="voice", locale=language)
    words = xml.etree.ElementTree.fromstring(dict(urllib.parse.parse_qsl(body))["Twiml"])[0].text
    assert "Zoë & Co" in words and len(re.findall(r"\d", words)) == 12, words
    response = VoiceResponse()
    response.say(words, language=spoken)
    fields = {"from_": "+14155550100", "twiml": response, "timeout": 25}
    check_as_twilio(path, headers, body, lambda client: client.calls.create(AMERICAN, **fields))

# The webhook. Its library checks our signature, and the age of the request.
_, path, headers, body = send_code(BRITON)
text = WEBHOOK.verify(body, headers)["data"]
assert path == "/webhook" and text["to"] == BRITON and text["id"] == headers["webhook-id"], (path, text)
failed = {"type": "text.failed", "timestamp": datetime.now(UTC).isoformat(), "data": {"id": text["id"], "reason": "unreachable"}}
assert report_by_webhook(text["report_url"], failed, datetime.now(UTC) - timedelta(minutes=6)) == 404
assert report_by_webhook(text["report_url"], failed, datetime.now(UTC)) == 204
assert report_in_javascript(text["report_url"], failed, {"body": body, "headers": dict(headers)}) == 204

# Vonage. Its library knows the fields of a text; the private key's public half checks the token.
_, path, headers, body = send_code(FRENCH)
text = json.loads(body)
assert path == "/v1/messages", path
Sms(**{"from_": text.pop("from"), **text})
public = load_pem_private_key(ACCOUNTS["vonage"]["private_key"].encode(), None).public_key()
claims = jwt.decode(headers["authorization"].removeprefix("Bearer "), public, ["RS256"])
assert claims["application_id"] == "app-1" and text["to"] == FRENCH[1:], (claims, text)
delivered = {"message_uuid": "1", "status": "delivered", "client_ref": text["client_ref"], "channel": "sms"}
secret = ACCOUNTS["vonage"]["signature_secret"]
assert report_by_vonage(text["webhook_url"], delivered, "a-wrong-secret-of-32-bytes-or-more") == 404
assert report_by_vonage(text["webhook_url"], delivered, secret, "another body") == 404
for _ in range(10):
    assert report_by_vonage(text["webhook_url"], delivered, secret) == 204

# WhatsApp.
senders_whatsapp.check()

code = re.search(r"\d{6}", dict(urllib.parse.parse_qsl(requests[first][2]))["Body"])[0]
status, session = call("/v1/otp/verify", json.dumps({"challenge_id": challenge, "code": code}), {"content-type": JSON})
assert status == 200, session
counts = call("/v1/reports?days=2", headers={"authorization": f"Bearer {session['access_token']}"})[1]["items"]
counted = {(each["sender"], each["country"]): [each[name] for name in ("sent", "delivered", "failed")] for each in counts}
assert counted == {("whatsapp", "BR"): [1, 1, 0], ("twilio", "US"): [1, 1, 0], ("vonage", "FR"): [1, 1, 0], ("webhook", "GB"): [1, 0, 1]}, counts
print("twilio and pywa make the same requests; they, vonage and standardwebhooks sign reports that count once")
