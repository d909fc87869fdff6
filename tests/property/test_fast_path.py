"""The fast path for usual requests says nothing that the long way does not say."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bodies import Body, Place, changed, credit, full, invoiced, postpaid, prepaid, recurringly, text
from tests.property.test_wire import JSON, places
from trueup.wire.message.envelope import Kind
from trueup.wire.request.fast_path import read_usual
from trueup.wire.request.normal import Normal, normalise
from trueup.wire.request.read import read_body

CASES = Path(__file__).parents[1] / "data" / "cases" / "commit-requests.jsonl"
USUAL = {"prepaid": prepaid(), "postpaid": postpaid(), "invoiced": invoiced(), "credit": credit()}
BODIES = st.sampled_from([*USUAL.values(), full(), recurringly()])
MARK = "put this in place"
# Numbers, times and texts, near and beyond what the normal form calls them.
WORDS = r"""
0 -0 1 01 +1 -1 1.0 1.50 0.1 .1 1. 1e3 1E-3 1e400 NaN Infinity 1_000 123456789012345678 1234567890123456789
0.123456789012 0.1234567890123 12345678901234567.89 true null "1" "2025-01-01T00:00:00Z" "2025-01-01t00:00:00z"
"2025-01-01T02:00:00+02:00" "2025-01-01T00:00:00.000000000Z" "2025-01-01T00:00:00.5Z" "2025-01-01T00:30:00Z"
"2025-02-30T00:00:00Z" "2025-01-01" "9999-01-01T00:00:00Z" "1970-01-01T00:00:00Z"
[] {} [null] {"a":null} {"a":"b"} [""] "" "\u0000" "\ud800" "\u0000" "é" "prepaid" "postpaid" "QUANTITY"
"spend" "commit_rate" "13117714-3F05-48E5-A6E9-A66093F13B4D" "13117714-3f05-48e5-a6e9-a66093f13b4d\n"
"131177143f0548e5a6e9a66093f13b4d" "{13117714-3f05-48e5-a6e9-a66093f13b4d}"
"""
SPELLINGS = st.sampled_from(WORDS.split())


def long_way(written: str | bytes, kind: Kind) -> Normal | None:
    """The normal form of a valid body."""
    body = read_body(written, kind)
    return None if isinstance(body, list) else normalise(body, kind)


def agrees(written: str | bytes, kind: Kind) -> bool:
    """True where the fast path says nothing, or the same."""
    usual = read_usual(written, kind)
    return usual is None or usual == long_way(written, kind)


@pytest.mark.parametrize("name", USUAL)
def test_usual_requests_take_the_shortcut(name: str) -> None:
    """The plain forms of each type of request take the fast path: else it would be of no use."""
    assert read_usual(text(USUAL[name]), "credit" if name == "credit" else "commit") is not None


def test_the_cases() -> None:
    """Every request of the cases is judged alike both ways."""
    for line in CASES.read_bytes().splitlines():
        assert agrees(line, "commit")
        assert agrees(line, "credit")


@pytest.mark.parametrize("place", [("access_schedule", "schedule_items", 0, "amount"), ("priority",), ("name",)])
def test_nesting_too_deep_for_a_parser(place: Place) -> None:
    """Goes the long way, which refuses it."""
    written = text(changed(prepaid(), place, MARK)).replace(json.dumps(MARK), "[" * 20_000 + "]" * 20_000)
    assert read_usual(written, "commit") is None
    assert agrees(written, "commit")


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), BODIES)
def test_any_value_anywhere(data: st.DataObject, body: Body) -> None:
    """Whatever is written at up to two places of a request, both ways judge it alike."""
    written = _spelt(data, body, data.draw(st.integers(1, 2)))
    assert agrees(written, "commit")
    assert agrees(written, "credit")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), BODIES, JSON, st.text(max_size=5))
def test_any_field_added(data: st.DataObject, body: Body, value: Any, name: str) -> None:
    """Whatever field is added, twice given ones too, both ways judge it alike."""
    place = data.draw(st.sampled_from([(), *(each[:-1] for each in places(body) if isinstance(each[-1], str))]))
    name = data.draw(st.sampled_from([name, "name", "type", "amount", "timestamp", "custom_fields", "uniqueness_key"]))
    written = text(changed(body, (*place, MARK), 0)).replace(
        f"{json.dumps(MARK)}: 0", f"{json.dumps(name)}: {json.dumps(value)}"
    )
    assert agrees(written, "commit")
    assert agrees(written, "credit")


@given(st.data(), BODIES)
def test_any_byte_changed(data: st.DataObject, body: Body) -> None:
    """With any one byte changed, both ways judge it alike."""
    octets = bytearray(text(body).encode())
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    assert agrees(bytes(octets), "commit")
    assert agrees(bytes(octets), "credit")


def _spelt(data: st.DataObject, body: Body, times: int) -> str:
    """The body's text with a value spelt otherwise at some places."""
    spellings = []
    for turn in range(times):
        place: Place = data.draw(st.sampled_from(places(body)))
        if MARK in str(place):
            continue
        body = changed(body, place, f"{MARK} {turn}")
        spellings.append((f'"{MARK} {turn}"', data.draw(SPELLINGS)))
    written = text(body)
    for mark, spelling in spellings:
        written = written.replace(mark, spelling)
    return written
