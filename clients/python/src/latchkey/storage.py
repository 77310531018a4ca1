"""Where the tokens of a session are kept."""

import json
import os
import tempfile
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Keeps strings by name: `session` has both tokens, and `device` outlives the session.

    Any object with these methods works, such as one that writes to a keyring.
    """

    def get(self, name: str) -> str | None: ...

    def set(self, name: str, value: str | None) -> None:
        """Stores a value. `None` removes the stored one."""


class MemoryStorage:
    """Keeps tokens until the process ends."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self._kept.get(name)

    def set(self, name: str, value: str | None) -> None:
        if value is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = value


class FileStorage:
    """Keeps tokens in a file that only its owner can read. One process at a time may use it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def set(self, name: str, value: str | None) -> None:
        kept = self._read()
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
        # `mkstemp` makes files that only the owner can read, and a rename leaves no half file.
        handle, temporary = tempfile.mkstemp(dir=self._path.parent)
        with os.fdopen(handle, "w") as file:
            json.dump(kept, file)
        os.replace(temporary, self._path)

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}
