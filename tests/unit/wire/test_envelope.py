"""Reading and writing envelopes."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from trueup.limits import BODY_BYTES_MAX, ENVELOPE_BYTES_MAX, ENVELOPE_REQUESTS_MAX
from trueup.wire.message.envelope import (
    BadEnvelope,
    Envelope,
    Meta,
    QueuedRequest,
    UnknownVersion,
    read_envelope,
    read_meta,
    read_requests,
)
from trueup.wire.message.packing import content_of, is_json, pack, raw_content, write_envelope
from trueup.wire.request.read import read_body

ID = "3d5b0d2e-7e55-4f3a-9a63-0000000000ab"
META = Meta(account="acme", sent_at=datetime(2026, 11, 22, tzinfo=UTC), batch_id=UUID(ID), reply=True)


def request(text: str = "{}", *, number: int = 1, **more: Any) -> QueuedRequest:
    """A request with an id of its own."""
    return QueuedRequest(str(UUID(int=number)), "commit", None, text, **more)


def entry(**more: Any) -> str:
    """One element of the second argument, as JSON; `body` is JSON text already."""
    body = more.pop("body", None)
    text = json.dumps({"id": ID} | more)
    return text if body is None else f'{text[:-1]},"body":{body}}}'


def test_a_message_from_another_language_is_read() -> None:
    """The fields of an envelope, with upper-case id and spaces, whatever their order."""
    text = f' [ {{"body" : {{"amount": 1.10, "a": [1, 2]}} , "kind":"credit", "id":"{ID.upper()}"}} ] '
    meta = '{"sent_at": "2026-11-22T10:00:00+01:00", "account": "acme", "v": 1}'
    envelope = read_envelope(meta, text)
    assert envelope.requests == [QueuedRequest(ID, "credit", None, b'{"amount": 1.10, "a": [1, 2]}')]
    assert (envelope.meta.account, envelope.meta.batch_id, envelope.meta.reply) == ("acme", None, False)


def test_null_means_left_out() -> None:
    """Null for an optional field is the same as leaving it out; a null body is a body."""
    (read,) = read_requests(f"[{entry(body='null', kind=None, idempotency_key=None, raw=None, raw_bytes=None)}]")
    assert read == QueuedRequest(ID, "commit", None, b"null")


def test_what_is_written_is_read_again() -> None:
    """Every field survives, and a raw row too."""
    requests = [
        request('{"amount":0.10}', number=1),
        QueuedRequest(str(UUID(int=2)), "credit", 'k"\\', '{"ü":"\\u0000"}'),
        request('{"broken', number=3, raw=True),
        request("beginning", number=4, raw=True, raw_bytes=300_000),
    ]
    read = read_envelope(*write_envelope(META, requests))
    assert read.meta == META
    assert [(each.id, each.kind, each.idempotency_key, each.raw, each.raw_bytes) for each in read.requests] == [
        (each.id, each.kind, each.idempotency_key, each.raw, each.raw_bytes) for each in requests
    ]
    assert [texts(each) for each in read.requests] == [texts(each) for each in requests]


def texts(queued: QueuedRequest) -> str:
    """The text of a request, whichever type it has."""
    return queued.text if isinstance(queued.text, str) else queued.text.decode()


@pytest.mark.parametrize(
    "broken",
    [
        '{"amount": NaN}',
        '{"a": "\\ud800"}',
        '{"a": 01}',
        '{"a": "\\x"}',
        '{"a": "\t"}',
        '{"a": True, "b": "]},{\\"id\\""}',
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 5_000 + "{}" + "}" * 5_000,
    ],
)
def test_one_unreadable_body_does_not_touch_its_neighbours(broken: str) -> None:
    """No parser reads such an array as a whole; only the row to blame is judged json_invalid."""
    good = '{"name": "a ] } , \\" b"}'
    read = read_requests(f"[{entry(body=good)},{entry(body=broken)},{entry(body=good, raw=None)}]")
    assert [texts(each) for each in read] == [good, broken, good]
    verdict = read_body(read[1].text, "commit")
    assert isinstance(verdict, list)
    assert verdict[0].code in ("json_invalid", "too_deep")


@pytest.mark.parametrize(
    "requests",
    [
        "",
        "null",
        "{}",
        "[]",
        "[1]",
        "[{}]",
        "[" + entry() + "]",
        "[" + entry(body="{}", raw="x") + "]",
        "[" + entry(body="{}", raw_bytes=1) + "]",
        "[" + entry(raw="x", raw_bytes=-1) + "]",
        "[" + entry(raw=7) + "]",
        "[" + entry(body="{}", kind="invoice") + "]",
        "[" + entry(body="{}", idempotency_key="") + "]",
        "[" + entry(body="{}", idempotency_key="k" * 256) + "]",
        "[" + entry(body="{}", idempotency_key="\0") + "]",
        "[" + entry(body="{}", idempotencykey="k") + "]",
        "[" + entry(body="{}", id=None) + "]",
        "[" + entry(body="{}", id=ID.replace("-", "")) + "]",
        "[" + entry(body="{}", id=f"urn:uuid:{ID}") + "]",
        "[" + entry(body="{}", id=ID + "\n") + "]",
        "[" + entry(body="{}") + ",]",
        "[" + entry(body="NaN") + ",]",
        "[" + entry(body="NaN") + "}",
        "[" + entry(body='"open') + "]",
        "[" + entry(body="NaN}") + "]",
        "[" + entry(body="NaN", kind="x") + "]",
        '[{"id":"' + ID + '", NaN}]',
        "[" * 100_000,
        "\ud800",
        "[" + ",".join([entry(body="{}")] * (ENVELOPE_REQUESTS_MAX + 1)) + "]",
        "[" + ",".join([entry(body="NaN")] * (ENVELOPE_REQUESTS_MAX + 1)) + "]",
        "[" + entry(body=json.dumps("x" * ENVELOPE_BYTES_MAX)) + "]",
    ],
)
def test_broken_shapes_are_bad_envelopes(requests: str) -> None:
    """Whatever is wrong around the bodies parks the envelope as a whole."""
    with pytest.raises(BadEnvelope):
        read_requests(requests)


@pytest.mark.parametrize("version", ["0", "2", "99999999999999999999"])
def test_other_versions_are_unknown(version: str) -> None:
    """A version is judged before anything else of the meta."""
    with pytest.raises(UnknownVersion, match=version):
        read_meta(f'{{"v": {version}, "anything": ["else"]}}')


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "[]",
        "{}",
        '{"v": 1}',
        '{"v": "1"}',
        '{"v": true}',
        '{"v": 1, "account": "acme"}',
        '{"v": 1, "account": "", "sent_at": "2026-01-01T00:00:00Z"}',
        '{"v": 1, "account": "a\\u0000", "sent_at": "2026-01-01T00:00:00Z"}',
        '{"v": 1, "account": "acme", "sent_at": "2026-01-01T00:00:00"}',
        '{"v": 1, "account": "acme", "sent_at": "2026-01-01T00:00:00Z", "batchid": 1}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_broken_metas_are_bad_envelopes(meta: str) -> None:
    """Missing, mistyped and unknown fields, and what is no JSON."""
    with pytest.raises(BadEnvelope):
        read_meta(meta)


def test_arguments_that_are_no_text_are_bad_envelopes() -> None:
    """A foreign producer that sends objects in place of JSON text is told so."""
    with pytest.raises(BadEnvelope, match="not a text"):
        read_envelope({"v": 1}, [])  # type: ignore[arg-type]


def test_packing_keeps_order_and_limits() -> None:
    """At most 500 requests, and at most 1 MiB of text, an envelope."""
    small = list(pack(request(number=number) for number in range(1201)))
    assert [len(each.requests) for each in small] == [500, 500, 201]
    large = list(pack(request(json.dumps("ü" * 120_000, ensure_ascii=False), number=number) for number in range(9)))
    assert [len(each.requests) for each in large] == [4, 4, 1]
    for packed in small + large:
        assert len(packed.text.encode()) <= ENVELOPE_BYTES_MAX
        assert [each.id for each in read_requests(packed.text)] == [each.id for each in packed.requests]


def test_packing_nothing_makes_nothing() -> None:
    """No request, no envelope."""
    assert list(pack([])) == []


def test_more_than_an_envelope_holds_is_refused() -> None:
    """Cutting is `pack`'s business."""
    with pytest.raises(ValueError, match="2 envelopes"):
        write_envelope(META, [request(number=number) for number in range(501)])


@pytest.mark.parametrize("text", ['{"a":1.10}', " [1] ", "null", '"\ufeff"'])
def test_json_travels_as_itself(text: str) -> None:
    """A text that can be pasted is not touched."""
    assert content_of(text) == content_of(text.encode()) == (text, False, None)


@pytest.mark.parametrize(
    "octets",
    [b"", b"{", b"{'a': 1}", b"NaN", b'"\xff"', b'{"a":"\\\xff"}', b"\xff\xfe", b"[" * 50_000, b'"\xed\xa0\x80"'],
)
def test_what_is_no_json_is_judged_so(octets: bytes) -> None:
    """Also where backslashes in place of bytes would make JSON of it by accident."""
    text, *raw = content_of(octets)
    assert raw == [True, None]
    verdict = read_body(text, "commit")
    assert isinstance(verdict, list)
    assert verdict[0].code in ("json_invalid", "too_deep")


def test_a_row_that_is_too_large_travels_as_its_beginning() -> None:
    """Its first 4 KiB and its size."""
    text, *raw = content_of(b'"' + b"x" * BODY_BYTES_MAX + b'"')
    assert raw == [True, BODY_BYTES_MAX + 2]
    assert len(text) <= 4097
    assert content_of(b'"' + b"x" * (BODY_BYTES_MAX - 2) + b'"')[1:] == (False, None)


def test_a_row_that_quoting_would_swell_is_cut() -> None:
    """Control characters take six bytes each: a whole row of them would burst the envelope."""
    text, is_raw, raw_bytes = content_of(b"\x01" * BODY_BYTES_MAX)
    assert (is_raw, raw_bytes) == (True, BODY_BYTES_MAX)
    assert not is_json(text)
    (packed,) = pack([request(text, raw=True, raw_bytes=raw_bytes)])
    assert read_requests(packed.text)[0].text == text


def test_a_refused_record_is_never_json() -> None:
    """A CSV record of one cell may look like a number."""
    assert not is_json(raw_content(b"123", size_bytes=3)[0])


def test_an_envelope_is_a_value() -> None:
    """Two readings of the same message are equal."""
    arguments = write_envelope(META, [request()])
    assert read_envelope(*arguments) == read_envelope(*arguments)
    assert isinstance(read_envelope(*arguments), Envelope)
