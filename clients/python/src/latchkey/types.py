"""The responses that the clients read. A test compares them with the OpenAPI document.

Later versions of the service may add fields, which are kept.
"""

from typing import Any, Literal, NotRequired, TypedDict, Union


# How a code is sent.
Channel = Literal["sms", "whatsapp", "voice", "email"]


class Challenge(TypedDict):
    """A code that was sent, and waits to be verified."""

    challenge_id: str
    channel: str
    to: str
    code_length: int
    expires_in: int
    resend_in: int
    attempts_left: int


class User(TypedDict):
    """A user. Times are ISO 8601, in UTC."""

    id: str
    phone: NotRequired[str | None]
    phone_verified: bool
    email: NotRequired[str | None]
    email_verified: bool
    username: NotRequired[str | None]
    name: NotRequired[str | None]
    locale: NotRequired[str | None]
    avatar_url: NotRequired[str | None]
    avatar_thumbnail_url: NotRequired[str | None]
    has_password: bool
    mfa: list[str]
    roles: list[str]
    status: str
    created_at: str
    updated_at: str
    last_sign_in_at: NotRequired[str | None]
    external_id: NotRequired[str | None]
    """The id that the user has elsewhere."""
    metadata: dict[str, Any]
    """The metadata that the user may read and write."""
    app_metadata: dict[str, Any]
    """The metadata that the user may read, and only administrators may write."""
    erase_at: NotRequired[str | None]


class SignedIn(TypedDict):
    """A session has begun."""

    status: Literal["signed_in"]
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    token_type: str
    scope: str
    device_token: NotRequired[str | None]
    device_expires_in: NotRequired[int | None]
    is_new_user: bool
    user: User


class MfaRequired(TypedDict):
    """The user has a second factor: continue with `second_factor`."""

    status: Literal["mfa_required"]
    mfa_required: bool
    mfa_token: str
    methods: list[str]
    expires_in: int


class ImportResult(TypedDict):
    """The result of a record of `import_users`."""

    status: Literal["created", "updated", "unchanged", "refused"]
    id: NotRequired[str | None]
    """The user's id here, unless the record was refused."""
    external_id: NotRequired[str | None]
    left_out: list[str]
    """The fields of the record that the user does not have here."""
    code: NotRequired[str | None]
    """The code of the refusal."""
    reason: NotRequired[str | None]
    """Why the record was refused."""


SignIn = Union[SignedIn, MfaRequired]
Json = dict[str, Any]
