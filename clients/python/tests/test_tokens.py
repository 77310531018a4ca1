"""Verifies tokens of the service, and refuses all others; then the same behind FastAPI."""

import asyncio
import base64
import json
import time
from typing import Annotated

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from conftest import Service
from latchkey import Client, InvalidToken, KeysUnavailable, Verifier
from latchkey.fastapi import Caller, Guard


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    with Client(service.url) as client:
        return service.sign_in(client)["access_token"]


def test_a_token_tells_its_user_and_its_permissions(service: Service, admin: Client) -> None:
    caller = Verifier(service.url).verify(admin.access_token() or "")
    assert caller.id == admin.me()["id"] and "Admin" in caller.roles
    assert caller.has("users:read") and not caller.has("orders:read")
    assert asyncio.run(Verifier(service.url).verify_async(caller.token)) == caller


def test_a_token_has_the_claims_that_its_app_takes_from_app_metadata(service: Service, admin: Client, client: Client) -> None:
    app = {"client_id": "studio", "name": "Studio", "token_claims": ["plan"]}
    admin.request("POST", "/v1/apps", json=app)
    with Client(service.url, client_id="studio") as studio:
        phone = service.new_phone()
        admin.create_user(phone=phone, app_metadata={"plan": "pro", "notes": "a secret of ours"})
        caller = Verifier(service.url, "studio").verify(service.sign_in(studio, phone)["access_token"])
    assert caller.claims["plan"] == "pro" and "notes" not in caller.claims


def test_other_tokens_are_refused(service: Service, token: str) -> None:
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    at = {"typ": "at+jwt", "kid": kid}
    admin = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["Admin"]}).encode()).rstrip(b"=").decode()
    forged = {
        "another key": jwt.encode(claims, stranger, "RS256", at),
        "another key, unknown": jwt.encode(claims, stranger, "RS256", at | {"kid": "unknown"}),
        "no signature": jwt.encode(claims, "", "none", at),
        "the public key as a secret": jwt.encode(claims, b"a public key" * 8, "HS256", at),
        "other claims": f"{header}.{admin}.{signature}",
        "an ID token": jwt.encode(claims, stranger, "RS256", at | {"typ": "JWT"}),
        "no key": jwt.encode(claims, stranger, "RS256", {"typ": "at+jwt"}),
        "no token": "hello",
        "empty": "",
    }
    verifier = Verifier(service.url)
    assert verifier.verify(token).id == claims["sub"]
    for what, text in forged.items():
        with pytest.raises(InvalidToken):
            verifier.verify(text)
            pytest.fail(what)
    for wrong in (Verifier(service.url, "shop"), Verifier(service.url, leeway=-10_000)):
        with pytest.raises(InvalidToken):
            wrong.verify(token)


def test_keys_are_kept_and_unknown_ones_are_looked_for_seldom(service: Service, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    fetched: list[float] = []
    verifier = Verifier(service.url, clock=lambda: now[0])
    fetch = verifier._fetch

    def counting() -> None:
        fetched.append(now[0])
        fetch()

    monkeypatch.setattr(verifier, "_fetch", counting)
    stranger = jwt.encode({}, "s" * 32, "HS256", {"typ": "at+jwt", "kid": "unknown"})

    for _ in range(10):
        verifier.verify(token)
        with pytest.raises(InvalidToken):
            verifier.verify(stranger)
    assert fetched == [0.0]
    now[0] = 11
    for _ in range(10):
        with pytest.raises(InvalidToken):
            verifier.verify(stranger)
    assert fetched == [0.0, 11]

    # The service is away when the keys have become old.
    verifier.issuer = "http://127.0.0.1:9"
    now[0] = 400
    with pytest.raises(InvalidToken, match="[Ii]ssuer"):
        verifier.verify(token)
    assert fetched == [0.0, 11, 400]
    verifier.issuer = service.url
    assert verifier.verify(token)
    with pytest.raises(KeysUnavailable):
        Verifier("http://127.0.0.1:9").verify(token)


def test_fastapi_lets_in_whoever_may(service: Service, admin: Client, token: str) -> None:
    guard = Guard(service.url)
    app = FastAPI()

    @app.get("/me")
    async def me(caller: Annotated[Caller, Depends(guard.current_user)]) -> str:
        return caller.id

    @app.get("/users")
    async def users(caller: Annotated[Caller, Depends(guard.require("users:read"))]) -> str:
        return caller.id

    @app.get("/recent", dependencies=[Depends(guard.require(max_age=3600))])
    @app.get("/strong", dependencies=[Depends(guard.require(acr="aal2", max_age=300))])
    async def strong() -> None: ...

    http = TestClient(app)

    def get(path: str, bearer: str | None) -> tuple[int, str]:
        response = http.get(path, headers={"authorization": f"Bearer {bearer}"} if bearer else {})
        return response.status_code, response.headers.get("www-authenticate", "")

    assert get("/me", token)[0] == get("/users", admin.access_token())[0] == get("/recent", token)[0] == 200
    assert get("/me", None) == (401, "Bearer")
    assert get("/me", "junk") == (401, 'Bearer error="invalid_token"')
    assert get("/users", token) == (403, 'Bearer error="insufficient_scope", scope="users:read"')
    demand = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age=300'
    assert get("/strong", token) == (401, demand)

    flows = app.openapi()["components"]["securitySchemes"]["OAuth2PasswordBearer"]["flows"]
    assert flows["password"]["tokenUrl"] == f"{service.url}/oauth2/token"

    away = FastAPI()
    away.get("/", dependencies=[Depends(Guard("http://127.0.0.1:9").current_user)])(strong)
    answer = TestClient(away).get("/", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_an_old_sign_in_is_not_recent(service: Service, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(service.url)
    app = FastAPI()
    app.get("/", dependencies=[Depends(guard.require(max_age=300))])(lambda: None)
    headers = {"authorization": f"Bearer {token}"}
    later = time.time() + 600
    assert TestClient(app).get("/", headers=headers).status_code == 200
    monkeypatch.setattr("latchkey.fastapi.time.time", lambda: later)
    assert TestClient(app).get("/", headers=headers).status_code == 401
