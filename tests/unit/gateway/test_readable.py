"""Schemas in the form that readers show: equal to what they were."""

from typing import Any

import pytest

from trueup.wire.values import UUID_PATTERN
from trueup_worker.gateway.docs.readable import readable

NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (
            {"anyOf": [{"type": "string", "maxLength": 9}, NULL], "default": None, "title": "Name"},
            {"type": ["string", "null"], "maxLength": 9, "default": None, "title": "Name"},
        ),
        (
            {"anyOf": [{"type": "string", "enum": ["a"]}, NULL]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"type": "array", "items": {"type": "string", "pattern": UUID_PATTERN}},
            {"type": "array", "items": {"type": "string", "pattern": UUID_PATTERN, "format": "uuid"}},
        ),
        ({"anyOf": [{"$ref": "#/x"}, NULL]}, {"anyOf": [{"$ref": "#/x"}, NULL]}),
        ({"anyOf": [{"type": "string", "const": "a"}, NULL]}, {"anyOf": [{"type": "string", "const": "a"}, NULL]}),
        ({"anyOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
    ],
)
def test_schemas(given: dict[str, Any], made: dict[str, Any]) -> None:
    """Null joins the types where that says the same; formats have their names."""
    assert readable(given) == made
