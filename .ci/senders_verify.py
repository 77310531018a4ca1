"""Plays Twilio Verify. Twilio's library makes the same requests: for a code, and when it was right."""

import json
import time
import urllib.parse

from senders_run import ADMIN, JSON, call, requests, send_code, start
from senders_twilio import check_as_twilio

CHANNELS = {"voice": "call", "sms": "sms"}


def told(before):
    """The request by which Twilio is told of a right code."""
    for _ in range(100):
        if len(requests) > before:
            return requests[-1]
        time.sleep(0.1)
    raise SystemExit("Twilio is not told that a code was right")


def check(channel, locale):
    """A code goes out and signs in. Twilio is told of it beside the sign-in."""
    challenge, *request = send_code(ADMIN, channel=channel, locale=locale)
    code = dict(urllib.parse.parse_qsl(request[2]))["CustomCode"]
    assert code.isdigit() and len(code) == 6, request
    fields = {"to": ADMIN, "channel": CHANNELS[channel], "custom_code": code, "locale": locale}
    check_as_twilio(*request, lambda client: client.verify.v2.services("VA1").verifications.create(**fields))

    before = len(requests)
    guess = json.dumps({"challenge_id": challenge, "code": code})
    status, session = call("/v1/otp/verify", guess, {"content-type": JSON})
    assert status == 200, session
    approve = lambda client: client.verify.v2.services("VA1").verifications("SM1").update(status="approved")
    check_as_twilio(*told(before), approve)


start()
for channel in CHANNELS:
    for locale in ("en", "es", "hi", "ar"):
        check(channel, locale)
print("twilio makes the same requests to Twilio Verify")
