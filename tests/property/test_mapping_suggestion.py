"""A suggestion of any table is a mapping, whatever stands in its cells."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.producer.files.mapping.open_points import OPEN
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.suggestion.suggest import suggest_mapping
from trueup.producer.files.suggestion.vocabulary import COLUMNS

_KNOWN = [name.strip() for names in COLUMNS.values() for name in names.split(",")]
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NAMES = st.one_of(st.sampled_from(_KNOWN), st.sampled_from(_KNOWN).map(str.title), _TEXT)
_CELLS = st.one_of(
    _TEXT,
    st.sampled_from(["", "2030-01-01", "3/4/2026", "31.12.2030", "1,200.00", "12.000", "USD", "Closed Won", "prepaid"]),
    st.from_regex(r"\A[0-9]{1,3}[.,/-][0-9]{1,3}([.,/-][0-9]{1,4})?\Z"),
    st.dates().map(str),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header and records of its length."""
    names = draw(st.lists(_NAMES, min_size=1, max_size=12))
    records = draw(st.lists(st.lists(_CELLS, min_size=len(names), max_size=len(names)), max_size=8))
    return names, records


@given(tables())
def test_a_suggestion_is_a_mapping_or_says_what_is_open(table: tuple[list[str], list[list[str]]]) -> None:
    """It can always be read, and with an open point it is refused by name."""
    names, records = table
    text = suggest_mapping("any", names, records).text
    assert all(each.isprintable() for line in text.splitlines() for each in line)
    if OPEN.strip() in str(tomllib.loads(text)):
        with pytest.raises(WrongMapping, match="open points"):
            parse_mapping(text.encode(), name="any")
        return
    mapping = parse_mapping(text.encode(), name="any")
    assert {source.column for source in mapping.fields.values() if source.column} <= set(names)
