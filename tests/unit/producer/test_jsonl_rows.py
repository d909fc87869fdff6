"""JSONL rows."""

import json

import pytest

from trueup.limits import BODY_BYTES_MAX
from trueup.producer.files.opening.content import Line
from trueup.producer.files.requests.jsonl_rows import jsonl_rows
from trueup.producer.files.row import Row
from trueup.wire.message.envelope import Kind
from trueup.wire.request.read import read_body


def rows_of(*texts: str | bytes, kind: Kind = "commit") -> list[Row]:
    """The rows of some lines."""
    octets = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return list(jsonl_rows((Line(number, text, len(text)) for number, text in enumerate(octets, start=1)), kind))


def test_a_bare_body_travels_as_its_own_text() -> None:
    """Spaces, digits and order stay."""
    text = '{ "amount": 1.10,  "uniqueness_key": "k" }'
    assert rows_of(text, kind="credit") == [Row(1, "credit", None, text)]


def test_a_wrapper_names_kind_and_idempotency_key() -> None:
    """The body is cut out of it untouched."""
    (row,) = rows_of('{"kind": "credit", "body": { "amount": 1.10 }, "idempotency_key": "k"}')
    assert row == Row(1, "credit", "k", '{ "amount": 1.10 }', keyless=True)
    assert rows_of('{"body": {}}', kind="credit")[0].kind == "credit"


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "refund"},
        {"idempotency_key": ""},
        {"idempotency_key": "k" * 256},
        {"idempotency_key": 7},
        {"Kind": "credit"},
    ],
)
def test_a_wrapper_that_is_wrong_is_judged_as_a_body(more: dict[str, object]) -> None:
    """So that it is told, and its neighbours' envelope stays whole."""
    text = json.dumps({"body": {"uniqueness_key": "k"}} | more)
    (row,) = rows_of(text)
    assert (row.kind, row.idempotency_key, row.text) == ("commit", None, text)
    verdict = read_body(row.text, row.kind)
    assert isinstance(verdict, list)
    assert {"/body", f"/{next(iter(more))}"} <= {problem.path for problem in verdict if problem.code == "unknown_field"}


def test_blank_lines_are_skipped_and_counted() -> None:
    """A row's number is its line's."""
    assert [row.number for row in rows_of("", "{}", " \t", "{}")] == [2, 4]


@pytest.mark.parametrize(
    ("text", "keyless"),
    [
        ("{}", True),
        ('{"uniqueness_key": null}', True),
        ('{"uniqueness_key": "k"}', False),
        ('{"uniqueness_key": 7}', False),
        ('{"body": {"uniqueness_key": "k"}}', False),
        ('{"body": {}}', True),
        ("[]", False),
        ("{", False),
    ],
)
def test_rows_without_a_key_are_marked(text: str, *, keyless: bool) -> None:
    """Null is no key; what is no object cannot lack one."""
    assert rows_of(text)[0].keyless is keyless


@pytest.mark.parametrize("text", [b"{", b'"\xff"', b"{'a': 1}", b"[" * 100_000, b'{"body": {}', b"nonsense", b"\x00"])
def test_what_is_no_json_travels_as_raw(text: bytes) -> None:
    """Its outcome says json_invalid, and nothing else of the file suffers."""
    bad, good = rows_of(text, "{}")
    assert (bad.raw, bad.raw_bytes, good.raw) == (True, None, False)
    verdict = read_body(bad.text, "commit")
    assert isinstance(verdict, list)
    assert verdict[0].code in ("json_invalid", "too_deep")


@pytest.mark.parametrize("text", ["[]", "7", "null", '"text"', '{"a": {"a": 1e400}}'])
def test_json_of_any_shape_travels_as_a_body(text: str) -> None:
    """The worker judges it."""
    assert rows_of(text)[0].raw is False


def test_the_limit_is_the_body_s_and_not_the_line_s() -> None:
    """A wrapper around the largest body is not too large."""
    body = json.dumps("x" * (BODY_BYTES_MAX - 2))
    whole, larger = rows_of(f'{{"kind": "commit", "body": {body}}}', f'{{"body": {body[:-1]}x"}}')
    assert (whole.raw, larger.raw, larger.raw_bytes) == (False, True, BODY_BYTES_MAX + 1)
