"""A suffix makes new keys of a file's keys."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bodies import prepaid
from trueup.producer.files.key_suffix import WrongSuffix, require_suffix, with_suffix
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.request.normal import normalise
from trueup.wire.request.read import read_body

ID = "0190a000-0000-7000-8000-000000000001"


def suffixed(text: str, key: str | None = None, **more: Any) -> QueuedRequest:
    """A request whose keys end with -r2."""
    return with_suffix(QueuedRequest(ID, "commit", key, text, **more), "-r2")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100))
def test_the_key_is_a_new_one(key: str) -> None:
    """Whatever the key, the worker reads it with the suffix, and the rest of the body as it was."""
    read = read_body(suffixed(json.dumps(prepaid(uniqueness_key=key)) + " \n").text, "commit")
    assert not isinstance(read, list)
    assert normalise(read, "commit") == {**_normal(prepaid()), "uniqueness_key": f"{key}-r2"}


def test_the_body_is_not_written_again() -> None:
    """Its numbers and spaces stay as they stand; of a key that is given twice the last one counts."""
    text = '{ "uniqueness_key": "a", "priority": 1.50, "uniqueness_key": "b" }'
    assert suffixed(text).text == text.removesuffix("}") + ',"uniqueness_key":"b-r2"}'


@pytest.mark.parametrize(
    "text", ["{}", '{"uniqueness_key": null}', '{"uniqueness_key": 7}', "[]", "7", '{"a": ', '{"uniqueness_key": ""}']
)
def test_without_a_key_it_stays_as_it_is(text: str) -> None:
    """A row without a key is sent as it stands."""
    assert suffixed(text).text == text


def test_a_raw_row_stays_as_it_is() -> None:
    """What is no JSON has no key."""
    assert suffixed('{"uniqueness_key": "a"}', raw=True).text == '{"uniqueness_key": "a"}'


@pytest.mark.parametrize(("key", "expected"), [(None, None), ("k", "k-r2"), ("k" * 253, "k" * 253)])
def test_an_idempotency_key_is_a_new_one(key: str | None, expected: str | None) -> None:
    """The first answer is not given again; a key that has no room for it stays, and is refused as used."""
    assert suffixed("{}", key).idempotency_key == expected


@pytest.mark.parametrize("suffix", ["", "x" * 33, "a\nb", "\0"])
def test_a_suffix_is_short_and_printed(suffix: str) -> None:
    """Anything else is refused before a file is read."""
    with pytest.raises(WrongSuffix):
        require_suffix(suffix)


def test_it_makes_another_batch() -> None:
    """The same content with another suffix, or with one, is another batch."""
    digests = {each.digest("ab") for each in (AS_IT_STANDS, Reading(key_suffix="-r2"), Reading(key_suffix="-r3"))}
    assert len(digests) == 3


def _normal(body: Any) -> Any:
    read = read_body(json.dumps(body), "commit")
    assert not isinstance(read, list)
    return normalise(read, "commit")
