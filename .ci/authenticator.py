"""Sets up an authenticator app with its otpauth URI, and signs in with its codes, as pyotp makes
them."""

import json
import os
import time
import urllib.error
import urllib.request

import pyotp

URL, PHONE, PASSWORD = os.environ["URL"], "+14155550123", "correct horse battery"


def call(path, body=None, token=None, method=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def ok(answer):
    status, body = answer
    assert status in (200, 202), answer
    return body


def refused(answer, code):
    assert answer[0] >= 400 and answer[1]["code"] == code, answer


def second_factor(method, code):
    pending = ok(call("/v1/auth/login", {"phone": PHONE, "password": PASSWORD}))
    assert pending["mfa_required"] and "access_token" not in pending, pending
    return call("/v1/auth/mfa", {"mfa_token": pending["mfa_token"], "method": method, "code": code})


for _ in range(1200):
    try:
        ok(call("/health"))
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.5)

challenge = ok(call("/v1/auth/register", {"phone": PHONE, "password": PASSWORD}))
text = ok(call("/_local/messages?to=%2B14155550123"))[-1]["body"]
token = ok(call("/v1/otp/verify", {"challenge_id": challenge["challenge_id"], "code": text[:6]}))["access_token"]

enrolment = ok(call("/v1/me/totp", token=token, method="POST"))
app = pyotp.parse_uri(enrolment["otpauth_uri"])
assert isinstance(app, pyotp.TOTP) and app.secret == enrolment["secret"]
assert (app.name, app.issuer, app.digits, app.interval) == (PHONE, "Latchkey", 6, 30)

at = int(time.time())
recovery_codes = ok(call("/v1/me/totp/confirm", {"code": app.at(at)}, token))["recovery_codes"]
refused(second_factor("totp", app.at(at)), "otp_incorrect")  # was used up when it confirmed the app
refused(second_factor("totp", app.at(at, 4)), "otp_incorrect")  # two minutes ahead
session = ok(second_factor("totp", app.at(at, 1)))  # the next step's code: a clock may be one step ahead
assert ok(call("/v1/me", token=session["access_token"]))["mfa"] == ["totp"]
ok(second_factor("recovery_code", recovery_codes[0]))
refused(second_factor("recovery_code", recovery_codes[0]), "otp_incorrect")
print("pyotp signed in as", session["user"]["id"])
