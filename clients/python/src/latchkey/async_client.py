"""The client for `async` code. It has the methods of `client.py`; a test compares them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx

from latchkey import proof
from latchkey._core import Call, Core, Flow, Import, Pause, Solve, Step, address, given, is_stale, segment
from latchkey.errors import LatchkeyError
from latchkey.storage import Storage
from latchkey.typed import read_code, read_recovery_code
from latchkey.types import Challenge, Channel, ImportResult, Json, SignedIn, SignIn, User

T = TypeVar("T")
# Seconds.
_TIMEOUT = 20.0


class AsyncClient:
    """A client of one Latchkey service for `async` code, with the session of one person.

    - `client_id` is the app that people sign in to; a confidential app also has a `client_secret`.
    - `client_ip` is the IP address of the person, if a confidential app on a server signs them in.
    - `storage` keeps the tokens. Default: in memory.
    - `http` sends the requests, if you need a proxy or other certificates.

    Refusals are `LatchkeyError`s. Without a response, it is httpx's own error.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        client_ip: str | None = None,
        storage: Storage | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._core = Core(url, client_id, client_secret, client_ip, storage)
        self._http = http or httpx.AsyncClient(timeout=_TIMEOUT)
        self._refreshing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections. The session stays in its storage."""
        await self._http.aclose()

    async def send_code(
        self,
        *,
        phone: str | None = None,
        email: str | None = None,
        locale: str | None = None,
        channel: Channel | None = None,
    ) -> Challenge:
        """Sends a sign-in code. If nobody has the address yet, `verify` then creates their account.

        A `channel` that the person has chosen is the only one that is used."""
        body = address(phone, email) | given(locale=locale, channel=channel) | self._core.app()
        return cast(Challenge, await self._run(self._core.ask("/v1/otp/send", body)))

    async def resend_code(self, challenge_id: str, *, channel: Channel | None = None) -> Challenge:
        """Sends the code of a challenge again, on the `channel` that the person has chosen.

        Fails until the challenge's `resend_in` seconds are over."""
        call = Call("POST", "/v1/otp/resend", {"challenge_id": challenge_id} | given(channel=channel), basic=True)
        return cast(Challenge, await self._run(self._core.send(call)))

    async def verify(self, challenge_id: str, code: str) -> SignIn:
        """Signs in with a code, as it was typed. If `status` is `mfa_required`, go on with `second_factor`."""
        body = {"challenge_id": challenge_id, "code": read_code(code)}
        return cast(SignIn, await self._run(self._core.sign_in("/v1/otp/verify", body)))

    async def register(
        self,
        *,
        phone: str | None = None,
        email: str | None = None,
        password: str | None = None,
        username: str | None = None,
        name: str | None = None,
        locale: str | None = None,
    ) -> Challenge:
        """Signs up. `verify` then proves the address, and creates the account."""
        account = given(password=password, username=username, name=name, locale=locale)
        body = address(phone, email) | account | self._core.app()
        return cast(Challenge, await self._run(self._core.ask("/v1/auth/register", body)))

    async def login(
        self, password: str, *, phone: str | None = None, email: str | None = None, username: str | None = None
    ) -> SignIn:
        """Signs in with a password. Like `verify`, it may result in `mfa_required`."""
        body = address(phone, email, username) | {"password": password} | self._core.app() | self._core.known_device()
        return cast(SignIn, await self._run(self._core.sign_in("/v1/auth/login", body)))

    async def forgot_password(self, *, phone: str | None = None, email: str | None = None) -> Challenge:
        """Sends a code for a new password. The result is the same if nobody has the address."""
        return cast(Challenge, await self._run(self._core.ask("/v1/password/forgot", address(phone, email), once=False)))

    async def second_factor(self, mfa_token: str, code: str, *, method: str = "totp") -> SignedIn:
        """Completes a sign-in with the code of an authenticator app, or a `recovery_code`."""
        read = read_code(code) if method == "totp" else read_recovery_code(code)
        body = {"mfa_token": mfa_token, "method": method, "code": read}
        return cast(SignedIn, await self._run(self._core.sign_in("/v1/auth/mfa", body)))

    def signed_in(self) -> bool:
        """Returns whether there is a session here. The service may have ended it already."""
        return self._core.session() is not None

    async def access_token(self) -> str | None:
        """Returns a token for calls to other services, valid for at least 30 seconds, or `None`."""
        return await self._token(None)

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session, and with `everywhere` those of the user's other devices. The tokens here are
        deleted in any case."""
        try:
            token = await self._token(None)
        except LatchkeyError as error:
            if error.status >= 500:
                raise
            # The session has already ended, so there is nothing to revoke.
            token = None
        finally:
            self._core.storage.set("session", None)
        await self._run(self._core.sign_out(token, everywhere))

    async def me(self) -> User:
        """Returns the signed-in user."""
        return cast(User, await self.request("GET", "/v1/me"))

    async def update_me(self, **fields: Any) -> User:
        """Changes fields of the signed-in user: `name`, `username`, `locale`, `metadata`. `None` removes one.

        Metadata is merged: a member that is `None` is removed, and the others stay."""
        return cast(User, await self.request("PATCH", "/v1/me", json=fields))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Calls any endpoint as the signed-in user, and returns the body of the response.

        `content` is a body that is no JSON, such as a picture. Parameters that are `None` are left out.
        """
        return await self._ask(Call(method.upper(), path, json, content, None, params or {}, headers or {}))

    async def _ask(self, call: Call) -> Any:
        token = await self._token(None)
        try:
            return await self._run(self._core.send(call, token))
        except LatchkeyError as error:
            if token is None or not is_stale(error):
                raise
        token = await self._token(token)
        return await self._run(self._core.send(call, token))

    # For administrators, and for apps.

    async def users(
        self,
        *,
        role: str | None = None,
        app: str | None = None,
        status: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        external_id: str | None = None,
    ) -> AsyncIterator[User]:
        """Yields all users, page by page; with a `phone`, a verified `email` or an `external_id`, the one who has
        it. Needs `users:read`."""
        filters = given(role=role, app=app, status=status, phone=phone, email=email, external_id=external_id)
        cursor: str | None = None
        while True:
            params = filters | given(cursor=cursor)
            page = await self.request("GET", "/v1/users", params=params)
            for user in page["items"]:
                yield user
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    async def user(self, user_id: str) -> User:
        """Returns a user. Needs `users:read`."""
        return cast(User, await self.request("GET", f"/v1/users/{segment(user_id)}"))

    async def user_by_phone(self, phone: str) -> User:
        """Returns the user who has a phone number. Needs `users:read`."""
        return cast(User, await self.request("GET", f"/v1/users/by-phone/{segment(phone)}"))

    async def create_user(self, **fields: Any) -> User:
        """Creates a user, with the fields of `POST /v1/users`. Needs `users:write`."""
        return cast(User, await self.request("POST", "/v1/users", json=fields))

    async def update_user(self, user_id: str, **fields: Any) -> User:
        """Changes fields of a user. `None` removes one, and metadata is merged. Needs `users:write`."""
        return cast(User, await self.request("PATCH", f"/v1/users/{segment(user_id)}", json=fields))

    async def import_users(self, records: Iterable[Json]) -> list[ImportResult]:
        """Brings users along from another service, with the fields of `POST /v1/users/import`, 25 in a request.

        Returns the result of each record, in their order: one that is refused stops no other. If a request
        fails, do it again: the same records change nothing. Needs `users:import`."""
        work = Import(records)
        while call := work.next():
            try:
                work.keep(await self._ask(call))
            except LatchkeyError as error:
                work.split(error)
        return cast(list[ImportResult], work.results)

    async def delete_user(self, user_id: str) -> None:
        """Erases a user. Needs `users:write`."""
        await self.request("DELETE", f"/v1/users/{segment(user_id)}")

    async def set_roles(self, user_id: str, roles: list[str], *, client_id: str | None = None) -> Json:
        """Replaces the roles that a user has in an app. Needs `roles:assign`."""
        body = {"roles": roles} | given(client_id=client_id)
        return cast(Json, await self.request("PUT", f"/v1/users/{segment(user_id)}/roles", json=body))

    async def introspect(self, token: str) -> Json:
        """Asks the service about a token of this confidential app: `active` is false after a sign-out."""
        call = Call("POST", "/oauth2/introspect", form={"token": token}, basic=True)
        return cast(Json, await self._run(self._core.send(call)))

    async def _token(self, refused: str | None) -> str | None:
        session = self._core.session()
        if session is None or self._core.is_good(session, refused):
            return None if session is None else str(session["access_token"])
        # All concurrent calls wait for the same refresh.
        async with self._refreshing:
            return await self._run(self._core.refresh(refused))

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    got = await self._do(step)
                except httpx.TransportError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(got)
        except StopIteration as end:
            return cast(T, end.value)

    async def _do(self, step: Step) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Solve):
            return await asyncio.to_thread(proof.solve, step.challenge)
        return await self._http.send(step)
