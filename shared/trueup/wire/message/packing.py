"""Putting requests into envelopes: the writing half of `trueup.wire.message.envelope`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from trueup.limits import BODY_BYTES_MAX, ENVELOPE_BYTES_MAX, ENVELOPE_REQUESTS_MAX, RAW_EXCERPT_BYTES
from trueup.wire.message.envelope import VERSION, Meta, QueuedRequest

_NEVER_JSON = "\N{REPLACEMENT CHARACTER}"  # as the last character it makes any text invalid, inside a string or outside
_RAW_TEXT_BYTES_MAX = ENVELOPE_BYTES_MAX // 2  # a row of control characters grows sixfold when it is quoted
_syntax = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.encode


class Span(NamedTuple):
    """The least and the greatest id of an envelope's requests: those of one sender lie side by side."""

    first: str
    last: str


Content = tuple[str, bool, int | None]
"""What travels of one row or body: the last three fields of `QueuedRequest`."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Requests that fit into one envelope, and the envelope's second argument."""

    requests: list[QueuedRequest]
    text: str

    @property
    def span(self) -> Span:
        """Between which ids its requests are."""
        return span_of(request.id for request in self.requests)


def span_of(ids: Iterable[str]) -> Span:
    """Between which ids these are; in lower case, they have the order of their text."""
    known = list(ids)
    return Span(min(known), max(known))


def content_of(text: bytes | str, *, size_bytes: int | None = None, is_parsed: bool = False) -> Content:
    """Decide how a row or body travels: as itself when it is JSON, else as raw.

    Args:
        text: the row, or the beginning of one that is too large to be held.
        size_bytes: the size of the whole row; left out when `text` is all of it.
        is_parsed: a parser has taken it for JSON, but for the encoding of its texts.
    """
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    size = len(octets) if size_bytes is None else size_bytes
    if size <= BODY_BYTES_MAX:
        try:
            whole = octets.decode()
        except UnicodeDecodeError:
            return raw_content(octets, size_bytes=size)
        if is_parsed or is_json(whole):
            return whole, False, None
    return raw_content(octets, size_bytes=size)


def raw_content(octets: bytes, *, size_bytes: int) -> Content:
    """Text that travels for a row that is no request: certain to be judged `json_invalid`, or `body_too_large`.

    What is not UTF-8 is written with backslashes. As that may turn it into JSON by accident (an escaped backslash), and
    a beginning may be JSON where the whole was not, such texts are closed with a character that ends no JSON.
    """
    text = octets.decode("utf-8", "backslashreplace")
    if size_bytes > BODY_BYTES_MAX or len(_encode(text)) > _RAW_TEXT_BYTES_MAX:
        beginning = octets[:RAW_EXCERPT_BYTES].decode("utf-8", "backslashreplace")
        return beginning + _NEVER_JSON, True, size_bytes
    return (text + _NEVER_JSON if is_json(text) else text), True, None


def is_json(text: bytes | str) -> bool:
    """Tell whether a text is syntactically one JSON value, so that it can be pasted into another."""
    try:
        _syntax.decode(text if isinstance(text, str) else text.decode())
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return True


def write_requests(requests: Iterable[QueuedRequest]) -> str:
    """The second argument of `commits.create`, of requests that came in one envelope."""
    return f"[{','.join(map(_entry, requests))}]"


def write_envelope(meta: Meta, requests: Iterable[QueuedRequest]) -> tuple[str, str]:
    """Both arguments of `commits.create`; body texts are pasted, never parsed.

    Raises:
        ValueError: the requests do not fit into one envelope (`pack` cuts them).
    """
    packs = list(pack(requests))
    if len(packs) != 1:
        raise ValueError(f"the requests fill {len(packs)} envelopes, not one")
    told = write_meta(
        meta.account, sent_at=meta.sent_at, batch_id=meta.batch_id, anew_before=meta.anew_before, reply=meta.reply
    )
    return told, packs[0].text


def write_meta(
    account: str,
    *,
    sent_at: datetime,
    batch_id: UUID | None = None,
    anew_before: datetime | None = None,
    reply: bool = False,
) -> str:
    """The first argument of `commits.create`, as `Meta` reads it; the model takes five times as long to write."""
    members: dict[str, object] = {"v": VERSION, "account": account, "sent_at": sent_at, "reply": reply}
    if batch_id is not None:
        members["batch_id"] = batch_id
    if anew_before is not None:
        members["anew_before"] = anew_before
    return _encode(members).decode()


def pack(requests: Iterable[QueuedRequest]) -> Iterator[Pack]:
    """Cut requests, in their order, into envelopes of at most 500 requests and 1 MiB of text."""
    packed: list[QueuedRequest] = []
    entries: list[str] = []
    size = 1
    for request in requests:
        entry = _entry(request)
        entry_bytes = (len(entry) if entry.isascii() else len(entry.encode())) + 1  # the comma or the closing bracket
        if packed and (len(packed) == ENVELOPE_REQUESTS_MAX or size + entry_bytes > ENVELOPE_BYTES_MAX):
            yield Pack(packed, f"[{','.join(entries)}]")
            packed, entries, size = [], [], 1
        packed.append(request)
        entries.append(entry)
        size += entry_bytes
    if packed:
        yield Pack(packed, f"[{','.join(entries)}]")


def _entry(request: QueuedRequest) -> str:
    members = f'{{"id":"{request.id}"' if request.kind == "usage" else f'{{"id":"{request.id}","kind":"{request.kind}"'
    if request.idempotency_key is not None:
        members += f',"idempotency_key":{_encode(request.idempotency_key).decode()}'
    text = request.text if isinstance(request.text, str) else request.text.decode()
    if not request.raw:
        return f'{members},"body":{text}}}'
    size = "" if request.raw_bytes is None else f',"raw_bytes":{request.raw_bytes}'
    form = ""
    if request.form is not None:
        code, found, customer, key = request.form
        form = f',"form":"{code}","found":{_encode(found).decode()}'
        form += "" if customer is None else f',"customer":{_encode(customer).decode()}'
        form += "" if key is None else f',"key":{_encode(key).decode()}'
    return f'{members},"raw":{_encode(text).decode()}{size}{form}}}'
