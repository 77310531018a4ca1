"""Clients that we did not write: PyJWT, authlib, a FastAPI service, and its docs page in a browser.

Two apps share one user: `shop`, which is public and a service with a docs page, and `office`, which
is confidential."""

import functools
import json
import os
import re
import shutil
import sys
import threading
import time

import fastapi.applications
import jwt
import requests
import uvicorn
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from joserfc.jwk import KeySet

from free_port import free_port

URL, ADMIN_PHONE = os.environ["URL"], os.environ["ADMIN_PHONE"]
AUTHENTICATION_METHODS = ["client_secret_basic", "client_secret_post", "none"]
PHONE, USERNAME, PASSWORD = "+14155550123", "ann", "correct horse battery"


def post(path, body, token=None, status=200):
    answer = requests.post(URL + path, json=body, headers={"authorization": f"Bearer {token}"} if token else {})
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def prove(challenge, phone):
    text = requests.get(f"{URL}/_local/messages", params={"to": phone}).json()[-1]["body"]
    return post("/v1/otp/verify", {"challenge_id": challenge["challenge_id"], "code": text[:6]})


def refused(kind, action, *arguments, **named):
    try:
        answer = action(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"not refused: {answer}")


def pyjwt(metadata, tokens, user):
    """A service that verifies tokens with the key set alone."""
    keys = jwt.PyJWKClient(metadata["jwks_uri"])

    def verify(token, app):
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["RS256"], audience=app, issuer=metadata["issuer"])

    for app, token in tokens.items():
        assert verify(token, app)["sub"] == user
        for other in tokens.keys() - {app}:
            refused(jwt.InvalidAudienceError, verify, token, other)


def authlib_resource_server(metadata, tokens, user):
    """The same, strictly as RFC 9068 requires."""

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return KeySet.import_key_set(requests.get(metadata["jwks_uri"]).json())

    for app, token in tokens.items():
        for audience in tokens:
            validator = Validator(issuer=metadata["issuer"], resource_server=audience)
            claims = validator.authenticate_token(token)
            if audience == app:
                validator.validate_token(claims, [], None)
                assert claims["sub"] == user
            else:
                refused(InvalidTokenError, validator.validate_token, claims, [], None)


def authlib_client(metadata, app, secret, method):
    """All steps of a client: sign in, call, refresh, introspect, revoke."""
    named = {"token_endpoint_auth_method": method, "revocation_endpoint_auth_method": method}
    client = OAuth2Session(app, secret, **named)
    token = client.fetch_token(metadata["token_endpoint"], grant_type="password", username=PHONE, password=PASSWORD)
    assert client.get(metadata["userinfo_endpoint"]).json()["phone_number"] == PHONE
    token = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert client.get(metadata["userinfo_endpoint"]).status_code == 200

    def active(token, hint):
        answer = client.introspect_token(metadata["introspection_endpoint"], token=token, token_type_hint=hint)
        return answer.json()

    if secret:
        assert active(token["access_token"], "access_token")["client_id"] == app
        assert active(token["refresh_token"], "refresh_token")["active"]
    revoked = client.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"])
    assert revoked.status_code == 200, revoked.text
    if secret:
        assert active(token["access_token"], "access_token") == {"active": False}
        wrong = OAuth2Session(app, secret + "x", token_endpoint_auth_method=method)
        grant = {"grant_type": "password", "username": PHONE, "password": PASSWORD}
        assert refused(OAuthError, wrong.fetch_token, metadata["token_endpoint"], **grant).error == "invalid_client"
    grant = {"grant_type": "password", "username": PHONE, "password": "another horse"}
    assert refused(OAuthError, client.fetch_token, metadata["token_endpoint"], **grant).error == "invalid_grant"
    again = {"refresh_token": token["refresh_token"]}
    assert refused(OAuthError, client.refresh_token, metadata["token_endpoint"], **again).error == "invalid_grant"


def authlib_machine(metadata, app, secret):
    """A machine gets a token of its own, which introspection knows."""
    client = OAuth2Session(app, secret, scope="stock:read")
    token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert token["scope"] == "stock:read" and "refresh_token" not in token
    answer = client.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
    assert (answer["active"], answer["sub"]) == (True, app), answer
    assert client.get(metadata["userinfo_endpoint"]).status_code == 401


def hosted_sign_in(metadata, app, secret, method):
    """A sign-in on the hosted page, in a browser without JavaScript: authlib begins it, checks the
    answer, and exchanges the code."""
    callback = "https://office.example.com/callback"
    client = OAuth2Session(
        app, secret, token_endpoint_auth_method=method, scope="openid phone", redirect_uri=callback, code_challenge_method="S256"
    )
    verifier, browser = "v" * 43, requests.Session()

    def send(page, **fields):
        flow = re.search('name="flow" value="([^"]+)"', page.text)[1]
        form = {"flow": flow, "action": "continue", **fields}
        return browser.post(f"{URL}/sign-in", data=form, allow_redirects=False)

    for nonce in ("first", "second"):
        url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
        answer = browser.get(url, allow_redirects=False)
        if nonce == "first":
            page = send(answer, identifier=USERNAME)
            answer = send(page, password=PASSWORD)
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=answer.headers["location"], state=state, code_verifier=verifier
        )
        key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token["id_token"])
        claims = jwt.decode(token["id_token"], key, algorithms=["RS256"], audience=app, issuer=metadata["issuer"])
        assert (claims["nonce"], claims["phone_number"]) == (nonce, PHONE), claims
        assert client.get(metadata["userinfo_endpoint"]).json()["sub"] == claims["sub"]

    out = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": "https://office.example.com", "state": "bye"}
    answer = browser.get(metadata["end_session_endpoint"], params=out, allow_redirects=False)
    assert answer.headers["location"] == "https://office.example.com?state=bye", answer.headers
    assert refused(OAuthError, client.refresh_token, metadata["token_endpoint"], refresh_token=token["refresh_token"]).error == "invalid_grant"


def swagger_form(metadata, app):
    """The requests that the docs page of FastAPI sends, byte for byte, for each way to fill in its
    fields."""
    form = {"grant_type": "password", "scope": "", "username": USERNAME, "password": PASSWORD}
    headers = {"X-Requested-With": "XMLHttpRequest"}

    def token(form, basic=None):
        sent = headers | ({"Authorization": basic} if basic else {})
        answer = requests.post(metadata["token_endpoint"], data=form, headers=sent)
        assert answer.status_code == 200 and answer.json()["token_type"] == "Bearer", answer.text
        return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["aud"]

    # With only a username and password, the header holds empty credentials.
    assert token(form, "Basic Og==") == "default"
    assert token(form, requests.auth._basic_auth_str(app, "")) == app
    assert token(form | {"client_id": app, "client_secret": ""}) == app


class FastApi:
    """examples/fastapi, with a docs page that loads nothing from the network."""

    def __init__(self, port, app):
        os.environ |= {"ISSUER": URL, "CLIENT_ID": app}
        parts = {"swagger_js_url": "/parts/swagger-ui-bundle.js", "swagger_css_url": "/parts/swagger-ui.css"}
        parts["swagger_favicon_url"] = "/parts/favicon.png"
        fastapi.applications.get_swagger_ui_html = functools.partial(get_swagger_ui_html, **parts)
        sys.path.insert(0, "examples/fastapi")
        import main

        main.app.mount("/parts", StaticFiles(packages=[("fastapi_offline", "static")]))
        self.url = f"http://127.0.0.1:{port}"
        self.server = uvicorn.Server(uvicorn.Config(main.app, port=port, log_level="warning"))
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.05)

    def get(self, path, token=None):
        return requests.get(self.url + path, headers={"authorization": f"Bearer {token}"} if token else {})


def fastapi_service(service, tokens, user):
    assert service.get("/orders").status_code == 401
    assert service.get("/orders", "junk").status_code == 401
    assert service.get("/orders", tokens["office"]).status_code == 401
    assert service.get("/orders", tokens["shop"][:-8] + "AAAAAAAA").status_code == 401
    assert service.get("/orders", tokens["shop"]).json() == {"orders_of": user, "roles": ["Buyer"]}
    refusal = requests.post(f"{service.url}/orders", headers={"authorization": f"Bearer {tokens['shop']}"})
    assert refusal.status_code == 403, refusal.text


def docs_page(service, app, user):
    """Uses the docs page like a person: Authorize, Try it out, Execute."""
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"):
        options.add_argument(option)
    options.add_argument("--window-size=1200,1600")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        find = lambda css: WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.CSS_SELECTOR, css))[0]
        browser.get(f"{service.url}/docs")
        find("button.authorize").click()
        find("#oauth_username").send_keys(USERNAME)
        find("#oauth_password").send_keys(PASSWORD)
        assert find("#client_id_password").get_attribute("value") == app
        find(".auth-btn-wrapper button.authorize").click()
        # The dialog offers to sign out once the sign-in has succeeded.
        WebDriverWait(browser, 20).until(lambda _: "Logout" in find(".auth-container").text)
        find(".auth-btn-wrapper .btn-done").click()
        find("#operations-default-orders_orders_get button").click()
        find(".try-out__btn").click()
        find("button.execute").click()
        answer = find(".live-responses-table .response .highlight-code, .live-responses-table .response pre").text
        assert user in answer, answer
    except BaseException:
        browser.save_screenshot("target/docs-page.png")
        print(*browser.get_log("browser"), sep="\n")
        raise
    finally:
        browser.quit()


def discovery(metadata):
    """Validates the metadata with authlib's own check of RFC 8414, as if the issuer of this machine
    were https."""
    text = json.dumps(metadata).replace("http://localhost", "https://localhost")
    AuthorizationServerMetadata(json.loads(text)).validate()


def main():
    for _ in range(1200):
        try:
            requests.get(f"{URL}/health")
            break
        except requests.ConnectionError:
            time.sleep(0.5)
    port = free_port()

    admin = prove(post("/v1/otp/send", {"phone": ADMIN_PHONE}, status=202), ADMIN_PHONE)["access_token"]
    # The role needs a permission, since authlib considers a token with an empty scope malformed.
    post("/v1/roles", {"name": "Buyer", "permissions": ["orders:read"]}, admin, 201)
    shop = {"client_id": "shop", "name": "Shop", "default_role": "Buyer"}
    shop["grant_types"] = ["password", "refresh_token"]
    shop["allowed_origins"] = [f"http://127.0.0.1:{port}"]
    post("/v1/apps", shop, admin, 201)
    office = {"client_id": "office", "name": "Office", "type": "confidential", "default_role": "Buyer", "first_party": True}
    office["grant_types"] = ["authorization_code", "password", "refresh_token", "client_credentials"]
    office["scopes"] = ["stock:read"]
    office["redirect_uris"] = ["https://office.example.com/callback"]
    office["post_logout_redirect_uris"] = ["https://office.example.com"]
    secret = post("/v1/apps", office, admin, 201)["client_secret"]
    sign_up = {"phone": PHONE, "username": USERNAME, "password": PASSWORD, "client_id": "shop"}
    user = prove(post("/v1/auth/register", sign_up, status=202), PHONE)["user"]["id"]

    metadata = requests.get(f"{URL}/.well-known/openid-configuration").json()
    grant = {"grant_type": "password", "username": PHONE, "password": PASSWORD}
    tokens = {}
    for app, client in (
        ("shop", OAuth2Session("shop", token_endpoint_auth_method="none")),
        ("office", OAuth2Session("office", secret)),
    ):
        tokens[app] = client.fetch_token(metadata["token_endpoint"], **grant)["access_token"]

    service = FastApi(port, "shop")
    checks = [
        (discovery, metadata),
        (pyjwt, metadata, tokens, user),
        (authlib_resource_server, metadata, tokens, user),
        *((authlib_client, metadata, "office", secret, method) for method in AUTHENTICATION_METHODS[:2]),
        (authlib_machine, metadata, "office", secret),
        (authlib_client, metadata, "shop", None, AUTHENTICATION_METHODS[2]),
        (hosted_sign_in, metadata, "office", secret, AUTHENTICATION_METHODS[0]),
        (swagger_form, metadata, "shop"),
        (fastapi_service, service, tokens, user),
    ]
    if shutil.which("chromium") and shutil.which("chromedriver"):
        checks.append((docs_page, service, "shop", user))
    else:
        print("SKIPPED: the docs page in a browser (chromium is not installed)", flush=True)
    for check, *arguments in checks:
        check(*arguments)
        print(check.__name__, *(each for each in arguments if each in AUTHENTICATION_METHODS), flush=True)


main()
