"""JSONL: a line is a request, either a bare body or {"kind", "idempotency_key", "body"}; of usage a bare body."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trueup.producer.files.doubts.repeated_keys import KeyedRow, KeysSeen
from trueup.producer.files.opening.content import Line
from trueup.producer.files.row import Row
from trueup.wire.message.envelope import CommitKind, IdempotencyKey, Kind
from trueup.wire.message.packing import content_of


class _Outline(msgspec.Struct, gc=False):
    """Outline of a line: the members that are needed before it is sent."""

    body: Raw | UnsetType = UNSET
    uniqueness_key: Raw | UnsetType = UNSET
    transaction_id: Raw | UnsetType = UNSET


class _Wrapper(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line that says more than its body; one with any other key, kind or idempotency key is judged as a body."""

    body: Raw
    kind: CommitKind | None = None
    idempotency_key: IdempotencyKey | None = None


_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_outline = msgspec.json.Decoder(_Outline)
_wrapper = msgspec.json.Decoder(_Wrapper)


def jsonl_rows(lines: Iterable[Line], kind: Kind) -> Iterator[Row]:
    """The rows of a JSONL input; a row's number is its line's, and blank lines are skipped."""
    for line in lines:
        if line.text.strip():
            yield _row(line, kind)


def jsonl_keyless(lines: Iterable[Line], kind: Kind, keys: KeysSeen) -> Iterator[bool]:
    """Read of each row of a JSONL input only its key, and whether it is keyless: the first pass is waited for."""
    for line in lines:
        outline = _body_outline(line.text)
        if outline is None and not line.text.strip():
            continue
        key = _key(outline, kind)
        if key is not None:
            keys.add(key)
        yield key is None and outline is not None and kind != "usage"


def jsonl_keyed(lines: Iterable[Line], kind: Kind) -> Iterator[KeyedRow]:
    """The rows of a JSONL input that have a key."""
    for line in lines:
        if line.text.strip() and (key := _key(_body_outline(line.text), kind)) is not None:
            yield KeyedRow(line.number, key, hash(line.text.strip()))


def _body_outline(text: bytes) -> _Outline | None:
    """The outline of the body in a line; None: there is none that is an object."""
    try:
        outline = _outline.decode(text)
    except _NO_JSON:
        return _body_outline(text.removeprefix(_BOM)) if text.startswith(_BOM) else None
    wrapper = None if outline.body is UNSET else _wrapper_of(text)
    return outline if wrapper is None else _outline_of(bytes(wrapper.body))


def _key(outline: _Outline | None, kind: Kind) -> bytes | None:
    """The key of a body as it stands there; None: it has none."""
    raw = UNSET if outline is None else outline.transaction_id if kind == "usage" else outline.uniqueness_key
    text = b"null" if raw is UNSET else bytes(raw)
    return None if text == b"null" else text


def _row(line: Line, kind: Kind) -> Row:
    if kind == "usage":
        return Row(line.number, kind, None, *content_of(line.text, size_bytes=line.size_bytes))
    outline = _outline_of(line.text)
    if outline is None and line.text.startswith(_BOM):  # files put together have one in the middle
        text = line.text.removeprefix(_BOM)
        return _row(Line(line.number, text, line.size_bytes - len(_BOM)), kind)
    wrapper = _wrapper_of(line.text) if outline and outline.body is not UNSET else None
    if wrapper is None:
        content = content_of(line.text, size_bytes=line.size_bytes, is_parsed=outline is not None)
        return Row(line.number, kind, None, *content, keyless=_keyless(outline))
    body = bytes(wrapper.body)
    return Row(
        line.number,
        wrapper.kind or kind,
        wrapper.idempotency_key,
        *content_of(body),
        keyless=_keyless(_outline_of(body)),
    )


def _outline_of(text: bytes) -> _Outline | None:
    try:
        return _outline.decode(text)
    except _NO_JSON:
        return None


def _wrapper_of(text: bytes) -> _Wrapper | None:
    try:
        return _wrapper.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _keyless(outline: _Outline | None) -> bool:
    """Only a JSON object can lack a key: what is none creates nothing anyway."""
    return outline is not None and (outline.uniqueness_key is UNSET or bytes(outline.uniqueness_key) == b"null")
