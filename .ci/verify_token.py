"""Signs in, and verifies the access token with the key set alone, as another service would."""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt

URL, PHONE = os.environ["URL"], "+14155550123"


def call(path, body=None, token=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


for _ in range(600):
    try:
        call("/health")
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.5)

challenge = call("/v1/otp/send", {"phone": PHONE})
text = call("/_local/messages?" + urllib.parse.urlencode({"to": PHONE}))[-1]["body"]
session = call("/v1/otp/verify", {"challenge_id": challenge["challenge_id"], "code": text[:6]})
token = session["access_token"]
user = call("/v1/me", token=token)

key = jwt.PyJWKClient(URL + "/.well-known/jwks.json").get_signing_key_from_jwt(token)
claims = jwt.decode(token, key, algorithms=["RS256"], audience="default", issuer=URL, leeway=5)
assert claims["sub"] == user["id"] == session["user"]["id"]
assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
try:
    jwt.decode(token, key, algorithms=["RS256"], audience="another-app", issuer=URL)
    raise SystemExit("a token of one app was accepted by another")
except jwt.InvalidAudienceError:
    pass
print("PyJWT verified the token of", claims["sub"])
