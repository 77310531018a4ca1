"""For FastAPI: dependencies that verify the caller's access token."""

# Without `from __future__ import annotations`: FastAPI could not read the types of the functions below.
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer

from latchkey.errors import InvalidToken, KeysUnavailable
from latchkey.tokens import Caller, Verifier

__all__ = ["Caller", "Guard"]

Dependency = Callable[..., Awaitable[Caller]]


class Guard:
    """The dependencies of one app: `Depends(guard.current_user)`, `Depends(guard.require("orders:read"))`.

    The button *Authorize* of the docs page signs in with a password, if you pass
    `swagger_ui_init_oauth={"clientId": client_id}` to `FastAPI`.
    """

    current_user: Dependency
    """Returns the caller. Refuses with 401 if there is no valid token."""

    def __init__(self, issuer: str, client_id: str = "default", *, verifier: Verifier | None = None) -> None:
        self.verifier = verifier or Verifier(issuer, client_id)
        token_url = f"{self.verifier.issuer}/oauth2/token"
        bearer = OAuth2PasswordBearer(tokenUrl=token_url, refreshUrl=token_url, auto_error=False)

        async def current_user(token: Annotated[str | None, Depends(bearer)]) -> Caller:
            if not token:
                raise HTTPException(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
            try:
                return await self.verifier.verify_async(token)
            except InvalidToken as error:
                header = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                raise HTTPException(401, str(error), header) from error
            except KeysUnavailable as error:
                raise HTTPException(503, "The token cannot be verified now.", {"Retry-After": "5"}) from error

        self.current_user = current_user

    def require(self, *permissions: str, acr: str | None = None, max_age: int | None = None) -> Dependency:
        """Returns a dependency that needs all `permissions`, and refuses with 403 otherwise.

        With `acr="aal2"` the caller must have signed in with both factors, and with `max_age` (seconds)
        recently. If not, the refusal is 401 with the demand, by which clients sign in again (RFC 9470).
        """

        async def check(caller: Annotated[Caller, Depends(self.current_user)]) -> Caller:
            missing = [permission for permission in permissions if not caller.has(permission)]
            if missing:
                scope = " ".join(permissions)
                header = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
                raise HTTPException(403, f"This needs the permission {missing[0]}.", header)
            if not _is_strong(caller, acr, max_age):
                raise HTTPException(401, "Sign in again.", {"WWW-Authenticate": _demand(acr, max_age)})
            return caller

        return check


def _is_strong(caller: Caller, acr: str | None, max_age: int | None) -> bool:
    is_recent = max_age is None or (caller.auth_time is not None and time.time() - caller.auth_time <= max_age)
    return is_recent and (acr is None or caller.acr == acr)


def _demand(acr: str | None, max_age: int | None) -> str:
    demand = 'Bearer error="insufficient_user_authentication"'
    if acr is not None:
        demand += f', acr_values="{acr}"'
    if max_age is not None:
        demand += f", max_age={max_age}"
    return demand
