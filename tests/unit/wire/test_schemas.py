"""The JSON Schemas that producers in other languages use."""

from collections.abc import Iterator
from typing import Any

import pytest

from trueup.wire.schema import FOLDER, schemas, texts


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema with declared properties and a type, at any depth."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("name", texts())
def test_the_files_are_up_to_date(name: str) -> None:
    """The committed schemas are those of the types: `python -m trueup.wire.schema` writes them anew."""
    assert (FOLDER / name).read_text(encoding="utf-8") == texts()[name]


@pytest.mark.parametrize("name", schemas())
def test_unknown_fields_are_refused(name: str) -> None:
    """No object of any schema takes unknown fields."""
    found = list(objects(schemas()[name]))
    assert found
    assert all(schema["additionalProperties"] is False for schema in found)


def test_what_commits_have_and_credits_do_not() -> None:
    """A credit is a commit without type, invoice schedule and invoice contract."""
    commit, credit = (schemas()[f"{kind}-request.schema.json"] for kind in ("commit", "credit"))
    only_commits = {"type", "invoice_schedule", "invoice_contract_id"}
    assert commit["properties"].keys() - credit["properties"].keys() == only_commits
    assert set(credit["required"]) == {"customer_id", "priority", "product_id", "access_schedule"}
    assert set(commit["required"]) == {*credit["required"], "type"}


def test_numbers_are_numbers() -> None:
    """An amount is a JSON number greater than 0, never a text."""
    item = schemas()["commit-request.schema.json"]["$defs"]["AccessItem"]["properties"]
    assert item["amount"] == {"type": "number", "exclusiveMinimum": 0}


def test_an_envelope_needs_its_version() -> None:
    """The schema asks for what the worker asks for."""
    assert set(schemas()["envelope.schema.json"]["properties"]["meta"]["required"]) == {"v", "account", "sent_at"}
