"""Envelopes, whatever they hold."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trueup.wire.message.envelope import (
    BadEnvelope,
    Meta,
    QueuedRequest,
    UnknownVersion,
    read_envelope,
    read_meta,
    read_requests,
)
from trueup.wire.message.json_split import split_array
from trueup.wire.message.packing import content_of, write_envelope

META = Meta(account="acme", sent_at=datetime(2026, 11, 22, tzinfo=UTC))

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
keys = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255)
rows = st.tuples(st.uuids(), st.sampled_from(["commit", "credit"]), keys, documents.map(json.dumps) | st.binary())


@given(st.lists(rows, min_size=1, max_size=8))
def test_reading_undoes_writing(given_rows: list[tuple[UUID, Any, str | None, str | bytes]]) -> None:
    """Ids, kinds, keys and texts come out as they went in."""
    requests = [QueuedRequest(str(row[0]), row[1], row[2], *content_of(row[3])) for row in given_rows]
    read = read_envelope(*write_envelope(META, requests))
    assert read.meta == META
    assert [_plain(each) for each in read.requests] == [_plain(each) for each in requests]


def _plain(request: QueuedRequest) -> tuple[object, ...]:
    """White space around a body is no part of it."""
    text = request.text.encode() if isinstance(request.text, str) else request.text
    text = text if request.raw else text.strip(b" \t\r\n")
    return request.id, request.kind, request.idempotency_key, text, request.raw, request.raw_bytes


UPPER, LOWER = str(UUID(int=0xABCDEF)).upper(), str(UUID(int=2**127 + 0xABCDEF))
nearly_ids = st.sampled_from(
    [
        LOWER,
        UPPER,
        LOWER * 2,
        f"{LOWER},{LOWER}",
        f"{LOWER},",
        f",{LOWER}",
        LOWER[:-1],
        "",
        ",",
        f"{LOWER}\n",
        LOWER + "0",
    ]
)


@given(st.lists(nearly_ids, min_size=1, max_size=6))
@example([LOWER * 2, ""])
@example([f"{LOWER},{LOWER}", LOWER[:-1]])
def test_ids_are_judged_one_by_one(ids: list[str]) -> None:
    """However many stand side by side, the envelope is read only when each of them is a UUID."""
    text = json.dumps([{"id": each, "body": {}} for each in ids])
    if set(ids) <= {LOWER, UPPER}:
        assert [each.id for each in read_requests(text)] == [each.lower() for each in ids]
    else:
        with pytest.raises(BadEnvelope, match="is no UUID"):
            read_requests(text)


hostile = (
    st.text()
    | documents.map(json.dumps)
    | st.lists(st.sampled_from(['{"id":"', '"', "\\", "[", "]", "{", "}", ",", ":", '"body"', "NaN", "1"])).map("".join)
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.uuids().map(str) | documents,
                "body": documents,
                "raw": documents,
                "kind": documents,
                "idempotency_key": documents,
                "raw_bytes": documents,
            },
        )
    ).map(json.dumps)
)


@given(hostile)
@example('[{"id":"3d5b0d2e-7e55-4f3a-9a63-0000000000ab","body":NaN,"body"}]')
def test_whatever_comes_in_is_read_or_refused(text: str) -> None:
    """Nothing but the two named errors is ever raised."""
    with contextlib.suppress(BadEnvelope):
        assert 1 <= len(read_requests(text)) <= 500
    with contextlib.suppress(BadEnvelope, UnknownVersion):
        assert read_meta(text).v == 1


@given(st.lists(documents, max_size=5))
def test_splitting_agrees_with_parsing(elements: list[Any]) -> None:
    """The texts of an array's elements are those that it was joined of, NaN and all."""
    texts = [json.dumps(element).encode() for element in elements]
    assert split_array(b" [" + b" , ".join(texts) + b"] ") == texts
