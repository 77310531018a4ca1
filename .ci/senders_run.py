"""The senders that `.ci/senders` plays, and what every check of them needs."""

import http.server
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

URL, VENDORS, ISSUER, ADMIN = (os.environ[name] for name in ("URL", "VENDORS", "ISSUER", "ADMIN_PHONE"))
ACCOUNTS = json.load(open(os.environ["SENDERS"]))
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# Every sender accepts a message. Each reads its own fields of this answer.
ANSWER = {
    "sid": "SM1", "status": "queued", "error_code": None, "message_uuid": "1", "MessageId": "1", "messageId": "1",
    "contacts": [{"input": "1", "wa_id": "1"}], "messages": [{"id": "wamid.1", "message_status": "accepted"}],
}  # fmt: skip
requests = []


class Vendors(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        requests.append((self.path, headers, body))
        answer = json.dumps(ANSWER).encode()
        self.send_response(201 if self.path.endswith(".json") else 200)
        self.send_header("content-type", JSON)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def start():
    """Plays the senders, and waits for the service."""
    address = ("127.0.0.1", urllib.parse.urlsplit(VENDORS).port)
    threading.Thread(target=http.server.ThreadingHTTPServer(address, Vendors).serve_forever, daemon=True).start()
    for _ in range(1200):
        try:
            if call("/health")[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise SystemExit("the service does not start; see target/senders.log")


def call(path, body=None, headers=None):
    request = urllib.request.Request(URL + path, body.encode() if body else None, headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def send_code(phone, **fields):
    """Asks for a code. Returns the challenge, and the request that its sender got: path, headers, body."""
    before = len(requests)
    status, challenge = call("/v1/otp/send", json.dumps({"phone": phone, **fields}), {"content-type": JSON})
    assert status == 202, challenge
    assert len(requests) == before + 1, requests[before:]
    return challenge["challenge_id"], *requests[-1]


def asked(ask):
    """The request that a library makes: path, headers, body."""
    before = len(requests)
    ask()
    assert len(requests) == before + 1, requests[before:]
    return requests[-1]


def to_vendors(url):
    """The address of the played senders, in place of a sender's own host."""
    return VENDORS + url[url.index("/", len("https://")) :]


def report(address, body, headers):
    assert address.startswith(ISSUER + "/v1/reports/"), address
    return call(address.removeprefix(ISSUER), body, headers)[0]
