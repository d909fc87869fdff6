"""Whatever lies on the queue, reading it ends in a message or in a refusal, never in anything else."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trueup.limits import TASK_ARGUMENTS_MAX
from trueup.wire.message.names import ATTEMPT_HEADER, REQUEST_ID_HEADER, SIGNATURE_HEADER, TASK_CREATE
from trueup_worker.celery.element import payload_of
from trueup_worker.celery.form import CONTENT_TYPE, read_body, read_headers
from trueup_worker.celery.refusal import Refused

texts = st.text(st.characters(), max_size=20)  # lone surrogates too
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
GOOD = {
    "body": b64encode(b'[["{}", "[]"], {}, {}]').decode(),
    "content-type": CONTENT_TYPE,
    "content-encoding": "utf-8",
    "headers": {"task": TASK_CREATE, "id": "1", "trueup-signature": "v1", "trueup-request-id": "r1"},
    "properties": {
        "body_encoding": "base64",
        "delivery_tag": "1",
        "delivery_info": {"exchange": "", "routing_key": ""},
    },
}
places = st.sampled_from(
    [(), *((name,) for name in GOOD), *((part, name) for part in ("headers", "properties") for name in GOOD[part])]
)


def put(message: Any, place: tuple[str, ...], value: Any) -> Any:
    """The message with another value in one place."""
    return {**message, place[0]: put(message[place[0]], place[1:], value)} if place else value


def read(element: bytes) -> list[Any]:
    """What the task would get."""
    payload = payload_of(element, queue="commits")
    assert set(payload["headers"]) == {
        "task",
        "id",
        "root_id",
        "parent_id",
        "compression",
        SIGNATURE_HEADER,
        ATTEMPT_HEADER,
        REQUEST_ID_HEADER,
    }
    assert all(value is None or isinstance(value, str | int) for value in payload["headers"].values())
    assert payload["properties"]["delivery_info"] == {"exchange": "", "routing_key": "commits"}
    assert read_headers(payload["headers"]).told() == payload["headers"]
    return read_body(payload["body"], content_type=payload["content-type"], encoding=payload["content-encoding"])


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"headers":' + b"[" * 100_000)
def test_any_element(element: bytes) -> None:
    """Bytes and JSON of any form."""
    with pytest.raises(Refused):
        read(element)


@given(places, values)
def test_any_value_in_any_place(place: tuple[str, ...], value: Any) -> None:
    """A good message with something else in one place of it."""
    try:
        arguments = read(json.dumps(put(GOOD, place, value)).encode())
    except Refused:
        return
    assert arguments == ["{}", "[]"] or place == ("body",)


@given(values)
@example([["a\ud800", "b"], {}, {}])
def test_any_body(value: Any) -> None:
    """Its arguments are scalars, and few; nothing else is asked for."""
    try:
        arguments = read_body(json.dumps(value).encode(), content_type=CONTENT_TYPE, encoding=None)
    except Refused:
        return
    assert arguments == value[0]
    assert len(arguments) <= TASK_ARGUMENTS_MAX
    assert all(each is None or isinstance(each, str | int | float) for each in arguments)


def test_good_texts_of_any_characters() -> None:
    """Text is text: NUL, quotes, a lone surrogate in a row that travels raw."""
    for text in ("\x00", '"\\', "\N{SNOWMAN}", "\ud800", "\udfff\ud800 and more"):
        body = json.dumps([[text, text], {}, {"chain": None}]).encode()
        assert read_body(body, content_type=CONTENT_TYPE, encoding="UTF-8") == [text, text]
