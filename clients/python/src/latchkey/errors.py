"""What can go wrong."""

import re
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class StepUp:
    """The sign-in that a call needs (RFC 9470)."""

    acr_values: tuple[str, ...]
    """The accepted `acr`: `aal2` is a sign-in with both factors. Empty if one factor is enough."""
    max_age: int | None
    """How old the sign-in may be, in seconds. `None` if its age does not matter."""


class LatchkeyError(Exception):
    """A refusal of the service, with the fields of its problem document (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any], step_up: StepUp | None = None) -> None:
        self.status = status
        self.code: str = problem.get("code") or "unexpected_answer"
        """The stable code, or `unexpected_answer` if the response did not come from Latchkey."""
        self.detail: str = problem.get("detail") or (
            f"Unexpected response with status {status}. Check the URL of the API, or try again later."
        )
        self.attempts_left: int | None = problem.get("attempts_left")
        self.retry_after: int | None = problem.get("retry_after")
        self.errors: list[dict[str, str]] = problem.get("errors") or []
        self.proof: dict[str, Any] | None = problem.get("proof")
        self.request_id: str | None = problem.get("request_id")
        self.step_up = step_up
        super().__init__(f"{self.code}: {self.detail}")

    def field(self, name: str) -> str | None:
        """Returns what is wrong with a field of the request, if anything is."""
        return next((error["message"] for error in self.errors if error["field"] == name), None)


class InvalidToken(Exception):
    """An access token that is expired, forged, or of another app or issuer."""


class KeysUnavailable(Exception):
    """The key set could not be fetched, so nothing is known of the token."""


def refusal(response: httpx.Response) -> LatchkeyError:
    """Makes the error of a response with an error status."""
    problem: dict[str, Any] = {}
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem = body_of(response) or {}
    wait = response.headers.get("retry-after", "")
    if problem.get("retry_after") is None and wait.isdecimal():
        problem["retry_after"] = int(wait)
    problem.setdefault("request_id", response.headers.get("x-request-id"))
    needs_more = problem.get("code") == "insufficient_user_authentication"
    return LatchkeyError(response.status_code, problem, _step_up(response) if needs_more else None)


def body_of(response: httpx.Response) -> dict[str, Any] | None:
    """Returns the JSON object of a response, or `None` if it is something else, such as a page."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _step_up(response: httpx.Response) -> StepUp:
    challenge = response.headers.get("www-authenticate", "")

    def value(name: str) -> str:
        found = re.search(rf'\b{name}="?([^",]*)', challenge)
        return found[1] if found else ""

    max_age = value("max_age")
    return StepUp(tuple(value("acr_values").split()), int(max_age) if max_age.isdecimal() else None)
