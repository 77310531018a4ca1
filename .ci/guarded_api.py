"""Calls examples/guarded-api in the emulated account, and checks whom the Lambda authorizer and the
JWT authorizer let in."""

import base64
import hmac
import json
import re
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

ADMIN_PHONE, USER_PHONE = "+14155550181", "+14155550182"
PASSWORD = "correct horse battery"
APP, OTHER_APP = "default", "shop"
CACHE_SECONDS = 2
# The example's route for writing requires this permission. Administrators have it.
WRITE_PERMISSION = "users:write"
LAMBDA, JWT = "/orders", "/jwt/orders"


def call(method, url, token=None, body=None, form=None):
    """Sends a request. Returns the status and the JSON body."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        data, headers["content-type"] = json.dumps(body).encode(), "application/json"
    if form is not None:
        data, headers["content-type"] = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def tampered(token):
    """A token with the same signature and other claims."""
    head, claims, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    claims["roles"] = ["Admin"]
    claims["scope"] = WRITE_PERMISSION
    claims = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{claims}.{signature}"


def totp(secret):
    """The code that an authenticator app shows now (RFC 6238)."""
    step = struct.pack(">Q", int(time.time()) // 30)
    tag = hmac.digest(base64.b32decode(secret), step, "sha1")
    number = struct.unpack(">I", tag[tag[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class GuardedApi:
    def __init__(self, latchkey, url, inbox):
        self.latchkey, self.url, self.inbox = latchkey, url, inbox

    def post(self, path, body, token=None, status=200):
        answer = call("POST", self.latchkey + path, token, body)
        assert answer[0] == status, f"{path}: {answer}"
        return answer[1]

    def prove(self, challenge, phone):
        _, messages = call("GET", self.inbox.format(phone=urllib.parse.quote(phone)))
        code = re.findall(r"\b(\d{6}) is your", json.dumps(messages))[-1]
        return self.post("/v1/otp/verify", {"challenge_id": challenge["challenge_id"], "code": code})

    def token(self, app=APP):
        """An access token of a new session of the user."""
        form = {"grant_type": "password", "client_id": app, "username": USER_PHONE, "password": PASSWORD}
        status, answer = call("POST", f"{self.latchkey}/oauth2/token", form=form)
        assert status == 200, answer
        return answer["access_token"]

    def administrator(self):
        """An access token of the administrator. In prod, administrators need a second factor."""
        send = lambda: self.post("/v1/otp/send", {"phone": ADMIN_PHONE}, status=202)
        one_factor = self.prove(send(), ADMIN_PHONE)["access_token"]
        self.post("/v1/apps", {"client_id": OTHER_APP, "name": "Shop"}, one_factor, 401)

        secret = self.post("/v1/me/totp", {}, one_factor)["secret"]
        codes = self.post("/v1/me/totp/confirm", {"code": totp(secret)}, one_factor)["recovery_codes"]
        waiting = self.prove(send(), ADMIN_PHONE)
        second = {"mfa_token": waiting["mfa_token"], "method": "recovery_code", "code": codes[0]}
        return self.post("/v1/auth/mfa", second)["access_token"]

    def expect(self, status, method, path, token=None):
        answer = call(method, self.url + path, token)
        assert answer[0] == status, f"{method} {path}: expected {status}, got {answer}"
        return answer[1]

    def check(self):
        admin = self.administrator()
        self.post("/v1/apps", {"client_id": OTHER_APP, "name": "Shop", "grant_types": ["password"]}, admin, 201)
        sign_up = {"phone": USER_PHONE, "password": PASSWORD}
        user = self.prove(self.post("/v1/auth/register", sign_up, status=202), USER_PHONE)["user"]["id"]
        good = self.token()

        # Both authorizers tell the API who the caller is.
        caller = self.expect(200, "GET", LAMBDA, good)["caller"]
        assert (caller["sub"], caller["client_id"], caller["roles"], caller["permissions"]) == (user, APP, ["User"], [])
        claims = self.expect(200, "GET", JWT, good)["caller"]
        assert (claims["sub"], claims["aud"], claims["iss"]) == (user, APP, claims["iss"].rstrip("/"))

        # API Gateway itself refuses a request without a token; a refusal of the Lambda authorizer
        # is a 403.
        for path, refused in ((LAMBDA, 403), (JWT, 401)):
            self.expect(401, "GET", path)
            self.expect(refused, "GET", path, "junk")
            self.expect(refused, "GET", path, tampered(good))
            self.expect(refused, "GET", path, good[:-8] + "AAAAAAAA")
            self.expect(refused, "GET", path, self.token(OTHER_APP))
            # A cached decision for one route does not apply to another.
            self.expect(200, "GET", path, good)
            self.expect(403, "POST", path, good)
            self.expect(200, "POST", path, admin)

        # After a sign-out, the Lambda authorizer refuses the token immediately, or once its cached
        # decision expires. The JWT authorizer checks only the token, so it accepts it until it
        # expires.
        gone = self.token()
        self.post("/v1/auth/logout", {}, gone, 204)
        self.expect(403, "GET", LAMBDA, gone)
        self.expect(200, "GET", JWT, gone)
        self.post("/v1/auth/logout", {}, good, 204)
        time.sleep(CACHE_SECONDS + 0.5)
        self.expect(403, "GET", LAMBDA, good)

    def check_new_token(self):
        """A new token opens both routes, even after a rotation of the keys."""
        token = self.token()
        self.expect(200, "GET", LAMBDA, token)
        self.expect(200, "GET", JWT, token)
