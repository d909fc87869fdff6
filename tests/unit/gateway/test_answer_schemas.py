"""The schemas of answers are those of what is sent, and say what the classes say."""

from typing import Any, cast

import pytest

from trueup_worker.gateway.schema.answer_schemas import about, answer_schemas


def test_decimals_are_numbers() -> None:
    """They are encoded with all their digits, and not as text."""
    assert answer_schemas()["Segment"]["properties"]["amount"] == {"type": "number", "format": "decimal"}


def test_what_may_be_absent_is_never_null() -> None:
    """It is left out where there is none; null is what has to be there, and may be nothing."""
    schemas = answer_schemas()
    assert schemas["Commit"]["properties"]["name"] == {"type": "string"}
    assert "name" not in schemas["Commit"]["required"]
    assert {"type": "null"} in schemas["InvoicePage"]["properties"]["next_page"]["anyOf"]
    assert "next_page" in schemas["InvoicePage"]["required"]


@pytest.mark.parametrize(
    ("schema", "field", "members"),
    [
        ("Ready", "status", {"type": "string", "enum": ["ok", "unavailable"]}),
        ("ParkedPage", "counts", {"type": "object", "additionalProperties": {"type": "integer"}}),
    ],
)
def test_literals_say_what_they_are(schema: str, field: str, members: dict[str, object]) -> None:
    """Members of an enumeration are text, also as keys."""
    told = answer_schemas()[schema]["properties"][field]
    assert told.items() >= members.items()
    assert ("propertyNames" in told) == (field == "counts")


def test_a_docstring_describes_the_class_and_its_fields() -> None:
    """A field's words may take more than one line."""

    class Told:
        """Some words.

        Attributes:
            amount: how much
                of it.
            at: when.
        """

    assert about(cast("Any", Told)) == ("Some words.", {"amount": "how much of it.", "at": "when."})
