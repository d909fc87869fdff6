"""The text as a whole: size, JSON syntax and depth are judged first, each alone."""

from typing import Any

import pytest

from tests.bodies import (
    Table,
    full,
    prepaid,
    priced,
    text,
    told,
)
from trueup.wire.request.read import read_body

TABLE: Table = {
    "256 KiB and a byte": (b" " * (256 * 1024 + 1), ["body_too_large"]),
    "too large counts bytes, not characters": ("\u00e9" * (128 * 1024 + 1), ["body_too_large"]),
    "nothing": ("", ["json_invalid"]),
    "no UTF-8": (b'{"name": "\xff"}', ["json_invalid"]),
    "surrogate in bytes": (b'{"name": "\xed\xa0\x80"}', ["json_invalid"]),
    "escaped lone surrogate": (r'{"name": "\ud800"}', ["json_invalid"]),
    "lone surrogate in a text": ('{"name": "\ud800"}', ["json_invalid"]),
    "byte order mark": (b"\xef\xbb\xbf{}", ["json_invalid"]),
    "control character": (b'{"name": "\x01"}', ["json_invalid"]),
    "two values": ("{} {}", ["json_invalid"]),
    "trailing comma": ('{"a": 1,}', ["json_invalid"]),
    "leading zero": (priced("01"), ["json_invalid"]),
    "no digits after the point": (priced("9" * 5000 + "."), ["json_invalid"]),
    "no digits in the exponent": (priced("9" * 5000 + "e"), ["json_invalid"]),
    "leading zeros, 5,000 of them": (priced("0" * 5000), ["json_invalid"]),
    "underscore in a number": (priced("1_000"), ["json_invalid"]),
    "Infinity": (priced("Infinity"), ["json_invalid"]),
    "-Infinity": (priced("-Infinity"), ["json_invalid"]),
    "an open text of quotes": ('"' + '\\"' * 100_000, ["json_invalid"]),
    "300 lists": ("[" * 300 + "]" * 300, ["too_deep"]),
    "100,000 lists": ("[" * 100_000 + "]" * 100_000, ["too_deep"]),
    "100,000 objects, open": ('{"a":' * 40_000, ["too_deep"]),
    "eight levels in an unknown field": (prepaid(x=[[[[[[[]]]]]]]), ["too_deep"]),
    "eight levels in a known field": (prepaid(name=[[[[[[[]]]]]]]), ["too_deep"]),
    "100 lists": ("[" * 100 + "]" * 100, ["too_deep"]),
    "a list": ("[]", ["not_an_object"]),
    "null": ("null", ["not_an_object"]),
    "a text": ('"{}"', ["not_an_object"]),
    "a number too long to hold": ("9" * 5000, ["not_an_object"]),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_text(body: Any, expected: list[str]) -> None:
    """A text that holds no JSON object of bearable size and depth gets one problem, at the root."""
    assert told(body) == expected


def test_bytes_and_text_are_the_same() -> None:
    """A body is read from text as from its UTF-8."""
    written = text(full())
    assert read_body(written, "commit") == read_body(written.encode(), "commit")


def test_the_detail_of_a_syntax_error() -> None:
    """A syntax error says where it is."""
    (problem,) = read_body('{"a": }', "commit")
    assert problem.message == "must be valid JSON: expected value at line 1 column 7"
