"""Verifies access tokens with the public key set, as a service does that people call with them."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from latchkey.errors import InvalidToken, KeysUnavailable

_ALGORITHMS = ("RS256", "ES256", "EdDSA")
# Until there are keys. Requests that arrive together wait for one try, and not for one each.
_FIRST_RETRY_SECONDS = 1.0
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


@dataclass(frozen=True)
class Caller:
    """The user of a valid access token."""

    id: str
    client_id: str
    session_id: str | None
    roles: tuple[str, ...]
    permissions: frozenset[str] | None
    """`None` if the token would be too long with them: then the service knows, and the token does not."""
    acr: str | None
    """`aal2` if both factors were used."""
    auth_time: int | None
    """When the user signed in, in seconds since 1970."""
    claims: dict[str, Any] = field(repr=False)
    token: str = field(repr=False)

    def has(self, permission: str) -> bool:
        """Whether the token itself shows the permission."""
        return self.permissions is not None and permission in self.permissions


class Verifier:
    """Verifies the tokens of one app. It fetches the key set, keeps it, and may be shared by threads.

    `leeway` is the accepted difference of clocks and `cache_seconds` the age at which the keys are
    fetched again, both in seconds. If that fails, the previous keys are kept. A token with an unknown
    key makes it fetch them early, but only once in `retry_seconds`, whatever strangers send.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str = "default",
        *,
        leeway: float = 5,
        cache_seconds: float = 300,
        retry_seconds: float = 10,
        timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer.rstrip("/")
        self.client_id = client_id
        self._leeway = leeway
        self._cache_seconds = cache_seconds
        self._retry_seconds = retry_seconds
        self._timeout = timeout
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()

    def verify(self, token: str) -> Caller:
        """Returns the token's user. Raises `InvalidToken`, or `KeysUnavailable` if nothing is known."""
        kid = _key_of(token)
        if self._is_due(kid):
            with self._lock:
                # Meanwhile another thread may have fetched them.
                if self._is_due(kid):
                    self._fetch()
        return self._check(token, kid)

    async def verify_async(self, token: str) -> Caller:
        """The same, without blocking the event loop while the keys are fetched."""
        kid = _key_of(token)
        if self._is_due(kid):
            async with self._async_lock:
                if self._is_due(kid):
                    await self._fetch_async()
        return self._check(token, kid)

    def _is_due(self, kid: str) -> bool:
        if self._tried_at is None:
            return True
        since = self._clock() - self._tried_at
        if self._fetched_at is None:
            return since > _FIRST_RETRY_SECONDS
        is_old = self._clock() - self._fetched_at > self._cache_seconds
        return (is_old or kid not in self._keys) and since > self._retry_seconds

    def _fetch(self) -> None:
        self._tried_at = self._clock()
        # If it fails, the previous keys are kept.
        with contextlib.suppress(httpx.HTTPError):
            self._keep(httpx.get(self._url, timeout=self._timeout))

    async def _fetch_async(self) -> None:
        self._tried_at = self._clock()
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=self._timeout) as http:
                self._keep(await http.get(self._url))

    @property
    def _url(self) -> str:
        return f"{self.issuer}/.well-known/jwks.json"

    def _keep(self, response: httpx.Response) -> None:
        response.raise_for_status()
        with contextlib.suppress(ValueError, KeyError, TypeError, jwt.PyJWTError):
            found = [jwt.PyJWK(key) for key in response.json()["keys"]]
            self._keys = {key.key_id: key for key in found if key.key_id and key.algorithm_name in _ALGORITHMS}
            self._fetched_at = self._tried_at

    def _check(self, token: str, kid: str) -> Caller:
        if self._fetched_at is None:
            raise KeysUnavailable(f"There is no key set at {self._url}. Check the issuer, or try again later.")
        key = self._keys.get(kid)
        if key is None:
            raise InvalidToken("The key of the token is unknown.")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self.client_id,
                issuer=self.issuer,
                leeway=self._leeway,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from error
        scope = claims.get("scope")
        return Caller(
            id=claims["sub"],
            client_id=claims.get("client_id", self.client_id),
            session_id=claims.get("sid"),
            roles=tuple(claims.get("roles", ())),
            permissions=None if scope is None else frozenset(scope.split()),
            acr=claims.get("acr"),
            auth_time=claims.get("auth_time"),
            claims=claims,
            token=token,
        )


def _key_of(token: str) -> str:
    """The id of the key that an access token (RFC 9068) names. Nothing is verified yet."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise InvalidToken(str(error)) from error
    if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
        raise InvalidToken("The token is no access token.")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise InvalidToken("The token names no key.")
    return kid
