"""ALTCHA's own library solves the proof of work that a suspected request is asked for."""

import os

import altcha
import requests

import clock_hour

URL = os.environ["URL"]
FIRST, PHONE, OTHER = "+14155550150", "+14155550151", "+14155550152"


def post(path, body, status):
    answer = requests.post(URL + path, json=body)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


# Neighbouring numbers are suspected.
clock_hour.wait_for_time(60)
post("/v1/otp/send", {"phone": FIRST}, 202)
refusal = post("/v1/otp/send", {"phone": PHONE}, 403)
assert refusal["code"] == "proof_required", refusal

challenge = altcha.Challenge.from_dict(refusal["proof"])
solution = altcha.solve_challenge(challenge)
proof = altcha.Payload(challenge, solution).to_base64()

post("/v1/otp/send", {"phone": OTHER, "proof": proof}, 403)
sent = post("/v1/otp/send", {"phone": PHONE, "proof": proof}, 202)

# Signing in ends the cooldown, so only the proof can be the reason of the refusal.
text = requests.get(f"{URL}/_local/messages", params={"to": PHONE}).json()[-1]["body"]
post("/v1/otp/verify", {"challenge_id": sent["challenge_id"], "code": text[:6]}, 200)
again = post("/v1/otp/send", {"phone": PHONE, "proof": proof}, 403)
assert again["code"] == "proof_required", again
print(f"altcha: number {solution.counter} was found in {solution.time:.0f} ms, and the proof works once")
