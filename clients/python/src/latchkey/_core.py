"""What both clients do, without sending: each flow yields requests and gets their responses.

`client.py` runs the flows with httpx's client, and `async_client.py` with its asynchronous one.
"""

import base64
import json
import time
import uuid
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from latchkey.errors import LatchkeyError, body_of, refusal
from latchkey.storage import MemoryStorage, Storage

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Seconds to wait before the flow goes on."""

    seconds: float


@dataclass(frozen=True)
class Solve:
    """A proof of work to solve. The flow gets the solution."""

    challenge: dict[str, Any]


Step = httpx.Request | Pause | Solve
# Gets the response of a request, or the solution of a proof.
Flow = Generator[Step, Any, T]

# Seconds. An access token that expires sooner is refreshed before it is used.
MARGIN = 30
# Seconds. If the service asks for a longer wait, the refusal is raised.
_LONGEST_WAIT = 10
_IDEMPOTENT = ("GET", "PUT", "DELETE")
_STALE = ("token_expired", "token_invalid")
# The most records of a request of an import.
_IMPORTED_TOGETHER = 25


@dataclass(frozen=True)
class Call:
    """A request to the service."""

    method: str
    path: str
    json: Any = None
    content: bytes | None = None
    form: dict[str, str] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    retry_lost: bool = False
    """Whether to send the request once more if no response came."""
    basic: bool = False
    """Whether a confidential app authenticates."""


class Core:
    """The session of one person, and the flows that begin, refresh and end it."""

    def __init__(
        self, url: str, client_id: str | None, client_secret: str | None, client_ip: str | None, storage: Storage | None
    ) -> None:
        self.url = url.rstrip("/")
        self.client_id = client_id
        self.client_secret = client_secret
        self.client_ip = client_ip
        self.storage: Storage = storage or MemoryStorage()

    def session(self) -> dict[str, Any] | None:
        """The stored tokens, or `None` if nobody is signed in here."""
        try:
            kept = json.loads(self.storage.get("session") or "null")
        except ValueError:
            return None
        names = ("access_token", "refresh_token", "expires_at")
        return kept if isinstance(kept, dict) and all(kept.get(name) for name in names) else None

    def is_good(self, session: dict[str, Any], refused: str | None) -> bool:
        return bool(session["access_token"] != refused and time.time() < session["expires_at"] - MARGIN)

    def keep(self, pair: dict[str, Any]) -> None:
        session = {name: pair[name] for name in ("access_token", "refresh_token")}
        self.storage.set("session", json.dumps(session | {"expires_at": time.time() + pair["expires_in"]}))

    def known_device(self) -> dict[str, str]:
        token = self.storage.get("device")
        return {"device_token": token} if token else {}

    def app(self) -> dict[str, str]:
        return {"client_id": self.client_id} if self.client_id else {}

    def send(self, call: Call, token: str | None = None) -> Flow[Any]:
        """Sends a call and returns the body of its response. Retries once, if that is safe and can help."""
        try:
            return (yield from self._send_once(call, token))
        except LatchkeyError as error:
            wait = error.retry_after
            if call.method not in _IDEMPOTENT or error.status != 503 or wait is None or wait > _LONGEST_WAIT:
                raise
            yield Pause(wait)
        except httpx.TransportError:
            if not call.retry_lost:
                raise
            yield Pause(1)
        return (yield from self._send_once(call, token))

    def ask(self, path: str, body: dict[str, Any], once: bool = True) -> Flow[Any]:
        """Requests a message. If the service asks for a proof of work, it is solved and sent along."""
        asked = body | self.known_device()

        def call(sent: dict[str, Any]) -> Call:
            # A retry with the same key sends no second message.
            headers = {"idempotency-key": str(uuid.uuid4())} if once else {}
            return Call("POST", path, sent, headers=headers, retry_lost=once, basic=True)

        try:
            return (yield from self.send(call(asked)))
        except LatchkeyError as error:
            if error.proof is None:
                raise
            challenge = error.proof
        solution = yield Solve(challenge)
        return (yield from self.send(call(asked | {"proof": solution})))

    def sign_in(self, path: str, body: dict[str, Any]) -> Flow[Any]:
        """Sends one step of a sign-in, and keeps the tokens if it is the last one."""
        answer = yield from self.send(Call("POST", path, body, basic=True))
        if "access_token" in answer:
            self.keep(answer)
            if answer.get("device_token"):
                self.storage.set("device", answer["device_token"])
        return answer

    def refresh(self, refused: str | None) -> Flow[str | None]:
        """Returns a good access token. Refreshes the session if that is necessary."""
        session = self.session()
        if session is None:
            return None
        if self.is_good(session, refused):
            return str(session["access_token"])
        # If the response is lost, a retry gets a new pair in its place.
        call = Call("POST", "/v1/auth/refresh", {"refresh_token": session["refresh_token"]}, retry_lost=True, basic=True)
        try:
            pair = yield from self.send(call)
        except LatchkeyError as error:
            # A firewall or a gateway in between ends no session.
            is_own = error.code not in ("unexpected_answer", "forbidden")
            if error.status in (400, 401, 403) and is_own and self._is_still(session):
                self.storage.set("session", None)
            raise
        if self._is_still(session):
            self.keep(pair)
        return str(pair["access_token"])

    def sign_out(self, token: str | None, everywhere: bool) -> Flow[None]:
        self.storage.set("session", None)
        if everywhere:
            self.storage.set("device", None)
        if token is None:
            return
        try:
            yield from self.send(Call("POST", "/v1/auth/logout", {"all": everywhere}, retry_lost=True), token)
        except LatchkeyError as error:
            if error.status != 401:
                raise

    def _is_still(self, session: dict[str, Any]) -> bool:
        return bool((self.session() or {}).get("refresh_token") == session["refresh_token"])

    def _send_once(self, call: Call, token: str | None) -> Flow[Any]:
        headers = {"accept": "application/json"} | call.headers
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        elif call.basic and self.client_id and self.client_secret:
            pair = f"{self.client_id}:{self.client_secret}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        if self.client_ip is not None:
            headers["latchkey-client-ip"] = self.client_ip
        params = {name: value for name, value in call.params.items() if value is not None}
        body: dict[str, Any] = {"json": call.json, "content": call.content, "data": call.form}
        sent = {name: value for name, value in body.items() if value is not None}
        request = httpx.Request(call.method, self.url + call.path, params=params, headers=headers, **sent)
        response: httpx.Response = yield request
        if not response.is_success:
            raise refusal(response)
        if not response.content:
            return None
        answer = body_of(response)
        if answer is None:
            raise LatchkeyError(response.status_code, {})
        return answer


def is_stale(error: LatchkeyError) -> bool:
    """Whether a refresh may help: keys may have been rotated, or a clock may be wrong."""
    return error.code in _STALE


class Import:
    """The records of an import that are not sent yet, and the results of the others."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self.results: list[Any] = []
        self._records = iter(records)
        # The next part is the last one.
        self._parts: list[list[dict[str, Any]]] = []

    def next(self) -> Call | None:
        """The next request, or `None` at the end."""
        if not self._parts:
            self._parts.append(list(islice(self._records, _IMPORTED_TOGETHER)))
        if not self._parts[-1]:
            return None
        # The same records change nothing, so a lost response does no harm.
        return Call("POST", "/v1/users/import", {"users": self._parts[-1]}, retry_lost=True)

    def keep(self, answer: dict[str, Any]) -> None:
        self._parts.pop()
        self.results.extend(answer["results"])

    def split(self, error: LatchkeyError) -> None:
        """Halves a request that was refused because it is too large. Raises any other refusal."""
        part = self._parts.pop()
        if error.status != 413 or len(part) == 1:
            raise error
        middle = len(part) // 2
        self._parts += [part[middle:], part[:middle]]


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def address(phone: str | None, email: str | None, username: str | None = None) -> dict[str, Any]:
    one = given(phone=phone, email=email, username=username)
    if len(one) != 1:
        raise ValueError("Pass one address: a phone number or an e-mail address.")
    return one


def segment(value: str) -> str:
    """A value as a part of a path."""
    return quote(value, safe="")
