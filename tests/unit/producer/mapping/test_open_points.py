"""A mapping with open points is refused, with the key of each."""

import pytest

from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.mapping.read import parse_mapping


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[fields]\nname = "TODO: which?"', "fields.name = 'TODO: which?'"),
        ('[fields]\nname = { column = "A", values = { x = "TODO" } }', "fields.name.values.x = 'TODO'"),
        ('[dates]\nformat = "TODO: MM/DD or DD/MM"\n[fields]\nname = "A"', "dates.format = 'TODO: MM/DD or DD/MM'"),
        ('[fields]\nname = "A"\n[[skip]]\ncolumn = "B"\nis = ["TODO: lost"]', "skip.0.is.0 = 'TODO: lost'"),
    ],
)
def test_an_open_point_is_told_with_its_key(text: str, told: str) -> None:
    """Wherever it stands, before anything else of the mapping is judged."""
    with pytest.raises(WrongMapping, match="has open points") as refused:
        parse_mapping(text.encode(), name="deals.toml")
    assert told in str(refused.value)


def test_many_open_points_are_counted() -> None:
    """The first twenty are told one by one."""
    fields = "\n".join(f'"custom_fields.{number}" = "TODO: {number}"' for number in range(25))
    with pytest.raises(WrongMapping, match="and 5 more"):
        parse_mapping(f"[fields]\n{fields}".encode(), name="deals.toml")


def test_a_text_that_only_contains_the_word_is_none() -> None:
    """A column may be called so."""
    assert parse_mapping(b'[fields]\nname = "My TODO"', name="deals.toml").fields["name"].column == "My TODO"
