"""What people type, by the corpus of all clients, and the types of responses, by the OpenAPI document."""

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from latchkey import read_code, read_phone, read_recovery_code, types

ROOT = Path(__file__).resolve().parents[3]


def corpus(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / f"corpus/{name}.json").read_text())
    assert found
    return found


def test_phone_numbers_are_read_or_refused_by_their_first_strange_character() -> None:
    for line in corpus("typed-phones"):
        if line["accepted"] is not None:
            assert read_phone(line["input"]) == line["accepted"], line
        else:
            with pytest.raises(ValueError) as refused:
                read_phone(line["input"])
            assert str(refused.value) == line["why"], line


def test_phone_numbers_are_read_as_people_write_them_in_each_country() -> None:
    for country in corpus("countries"):
        for typed, phone in country["typed"].items():
            assert read_phone(typed) == phone, country["region"]


def test_codes_are_read() -> None:
    for line in corpus("codes"):
        assert read_code(line["input"]) == line["accepted"], line
    for line in corpus("recovery-codes"):
        assert read_recovery_code(line["input"]).upper() == line["accepted"], line


SCHEMAS: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())["components"]["schemas"]


def fields(schema: dict[str, Any]) -> tuple[set[str], set[str]]:
    """All fields of a schema, and those that are always there."""
    if "$ref" in schema:
        return fields(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    every, required = set(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        more, needed = fields(part)
        every, required = every | more, required | needed
    return every, required


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (types.Challenge, "ChallengeView"),
        (types.SignedIn, "SignedIn"),
        (types.MfaRequired, "MfaRequired"),
        (types.User, "User"),
        (types.ImportResult, "ImportResult"),
    ],
)
def test_types_are_those_of_the_document(kind: Any, schema: str) -> None:
    every, required = fields(SCHEMAS[schema])
    typed = set(get_type_hints(kind))
    # The service may add fields, which is no reason for a new version of the client.
    assert typed <= every
    assert set(kind.__required_keys__) == required & typed
