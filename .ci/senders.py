"""Plays Twilio, Vonage and the service behind a webhook: takes their texts, and reports on them. The requests and
signatures are checked and made by `twilio`, `vonage-messages` with `pyjwt`, and `standardwebhooks`."""

import hashlib
import http.server
import json
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator
from vonage_messages.models import Sms

URL, ISSUER, ADMIN = os.environ["URL"], os.environ["ISSUER"], os.environ["ADMIN_PHONE"]
BRITON, FRENCH = "+447400123456", "+33612345678"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ACCOUNTS = json.load(open("target/senders.json"))
WEBHOOK = Webhook(ACCOUNTS["webhook"]["secret"])
texts = []


class Vendors(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        texts.append((self.path, dict(self.headers), body))
        answer = b'{"sid": "SM1", "status": "queued", "error_code": null, "message_uuid": "1"}'
        self.send_response(201)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def call(path, body=None, headers=None):
    request = urllib.request.Request(URL + path, body.encode() if body else None, headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def text_to(phone):
    """Asks for a code. Returns the challenge, and what the vendor got."""
    status, challenge = call("/v1/otp/send", json.dumps({"phone": phone}), {"content-type": JSON})
    assert status == 202, challenge
    return challenge["challenge_id"], *texts[-1]


def report(address, body, headers):
    assert address.startswith(ISSUER + "/v1/reports/"), address
    return call(address.removeprefix(ISSUER), body, headers)[0]


def call_back(token, address, signed_address, **fields):
    signature = RequestValidator(token).compute_signature(signed_address, fields)
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    return report(address, urllib.parse.urlencode(fields), headers)


def report_by_webhook(address, body, at):
    body = json.dumps(body)
    headers = {"content-type": JSON, "webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp()))}
    return report(address, body, headers | {"webhook-signature": WEBHOOK.sign("msg_1", at, body)})


def report_by_vonage(address, body, secret, hashed=None):
    body = json.dumps(body)
    claims = {"iat": int(time.time()), "iss": "Vonage", "application_id": "app-1"}
    claims["payload_hash"] = hashlib.sha256((hashed or body).encode()).hexdigest()
    return report(address, body, {"content-type": JSON, "authorization": "Bearer " + jwt.encode(claims, secret, "HS256")})


threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["VENDORS"])), Vendors).serve_forever, daemon=True).start()
for _ in range(1200):
    try:
        if call("/health")[0] == 200:
            break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.5)

# Twilio. Of the two auth tokens, either signs.
challenge, path, headers, body = text_to(ADMIN)
text = dict(urllib.parse.parse_qsl(body))
assert path == "/2010-04-01/Accounts/AC1/Messages.json" and text["To"] == ADMIN, (path, text)
address = text["StatusCallback"]
with_port = address.replace("https://id.example.com/", "https://id.example.com:443/")
sent = {"MessageSid": "SM1", "MessageStatus": "sent", "To": ADMIN, "From": "+14155550100", "ErrorCode": "", "Name": "Zoë & Co"}
delivered = sent | {"MessageStatus": "delivered"}
assert call_back("a-wrong-token", address, address, **delivered) == 404
assert call_back("new-token", address, address + "A", **delivered) == 404
assert call_back("old-token", address, address, **sent) == 204
for _ in range(10):
    assert call_back("new-token", address, with_port, **delivered) == 204

# The webhook. Its library checks our signature, and the age of the request.
_, path, headers, body = text_to(BRITON)
text = WEBHOOK.verify(body, headers)["data"]
assert path == "/webhook" and text["to"] == BRITON and text["id"] == headers["webhook-id"], (path, text)
failed = {"type": "text.failed", "timestamp": datetime.now(UTC).isoformat(), "data": {"id": text["id"], "reason": "unreachable"}}
assert report_by_webhook(text["report_url"], failed, datetime.now(UTC) - timedelta(minutes=6)) == 404
assert report_by_webhook(text["report_url"], failed, datetime.now(UTC)) == 204

# Vonage. Its library knows the fields of a text; the private key's public half checks the token.
_, path, headers, body = text_to(FRENCH)
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

code = re.search(r"\d{6}", dict(urllib.parse.parse_qsl(texts[0][2]))["Body"])[0]
status, session = call("/v1/otp/verify", json.dumps({"challenge_id": challenge, "code": code}), {"content-type": JSON})
assert status == 200, session
counts = call("/v1/reports?days=2", headers={"authorization": f"Bearer {session['access_token']}"})[1]["items"]
counted = {(each["sender"], each["country"]): [each[name] for name in ("sent", "delivered", "failed")] for each in counts}
assert counted == {("twilio", "US"): [1, 1, 0], ("vonage", "FR"): [1, 1, 0], ("webhook", "GB"): [1, 0, 1]}, counts
print("twilio, vonage and standardwebhooks sign reports that count once")
