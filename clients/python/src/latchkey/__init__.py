"""Signs people in through Latchkey, keeps them signed in, and verifies their tokens."""

from latchkey.async_client import AsyncClient
from latchkey.client import Client
from latchkey.errors import InvalidToken, KeysUnavailable, LatchkeyError, StepUp
from latchkey.storage import FileStorage, MemoryStorage, Storage
from latchkey.tokens import Caller, Verifier
from latchkey.typed import read_code, read_phone, read_recovery_code
from latchkey.types import Challenge, Channel, ImportResult, MfaRequired, SignedIn, SignIn, User

__all__ = [
    "AsyncClient",
    "Caller",
    "Challenge",
    "Channel",
    "Client",
    "FileStorage",
    "ImportResult",
    "InvalidToken",
    "KeysUnavailable",
    "LatchkeyError",
    "MemoryStorage",
    "MfaRequired",
    "SignIn",
    "SignedIn",
    "StepUp",
    "Storage",
    "User",
    "Verifier",
    "read_code",
    "read_phone",
    "read_recovery_code",
]
