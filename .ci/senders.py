"""Plays Twilio and the service behind a webhook: takes their texts, and reports on them. The requests and
signatures are checked and made by `twilio` and `standardwebhooks`."""

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

from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

URL, ISSUER, ADMIN, BRITON = os.environ["URL"], os.environ["ISSUER"], os.environ["ADMIN_PHONE"], "+447400123456"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
WEBHOOK = Webhook(json.load(open("target/senders.json"))["webhook"]["secret"])
texts = []


class Vendors(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        texts.append((self.path, dict(self.headers), body))
        answer = b'{"sid": "SM1", "status": "queued", "error_code": null}'
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

code = re.search(r"\d{6}", dict(urllib.parse.parse_qsl(texts[0][2]))["Body"])[0]
status, session = call("/v1/otp/verify", json.dumps({"challenge_id": challenge, "code": code}), {"content-type": JSON})
assert status == 200, session
counts = call("/v1/reports?days=2", headers={"authorization": f"Bearer {session['access_token']}"})[1]["items"]
counted = {(each["sender"], each["country"]): [each[name] for name in ("sent", "delivered", "failed")] for each in counts}
assert counted == {("twilio", "US"): [1, 1, 0], ("webhook", "GB"): [1, 0, 1]}, counts
print("twilio and standardwebhooks sign reports that count once")
