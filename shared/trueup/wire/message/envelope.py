"""The envelope: one message with 1 to 500 requests.

Both arguments are JSON text. A body keeps its own text from the producer's hands to the worker's judgement: it is cut
out of the array, never parsed and dumped again, so no decimal is touched and each body is judged alone.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from trueup.errors import TrueupError
from trueup.limits import (
    ENVELOPE_BYTES_MAX,
    ENVELOPE_REQUESTS_MAX,
    EXTERNAL_ID_CHARS_MAX,
    FOUND_CHARS_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    META_BYTES_MAX,
)
from trueup.wire.message.json_split import split_array, split_object
from trueup.wire.message.signature import SECONDS_AHEAD_MAX
from trueup.wire.values import timestamp

VERSION = 1

CommitKind = Literal["commit", "credit"]  # what an entry of `commits.create` may say of itself
Kind = Literal["commit", "credit", "usage"]
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_UUID_CHARS = 36
_AHEAD_MAX = timedelta(seconds=SECONDS_AHEAD_MAX)
_ID_CHARS_TOLD = 64
_LOWER_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_LOWER_UUIDS = re.compile(f"{_LOWER_UUID}(?:,{_LOWER_UUID})*")
RequestId = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{_UUID.pattern}$"})]  # all judged in `_ids`
IdempotencyKey = Annotated[
    str, msgspec.Meta(min_length=1, max_length=IDEMPOTENCY_KEY_CHARS_MAX, pattern=r"\A[^\x00]*\Z")
]


FormCode = Literal[  # why a row of a file is no request at all
    "csv_row_shape",
    "csv_quotes",
    "not_utf8",
    "cell_unreadable",
    "cell_missing",
    "lookup_not_found",
    "lookup_ambiguous",
]
Found = Annotated[str, msgspec.Meta(max_length=FOUND_CHARS_MAX, pattern=r"\A[^\x00]*\Z")]
Name = Annotated[str, msgspec.Meta(max_length=EXTERNAL_ID_CHARS_MAX, pattern=r"\A[^\x00]*\Z")]


class FormProblem(NamedTuple):
    """The problem of a row's form: its code, and what was found where.

    Attributes:
        customer: as the row says it, if that can be told; by it and by the key its outcome is found.
        key: that it would have used; of a usage line its transaction id.
    """

    code: FormCode
    found: str
    customer: str | None = None
    key: str | None = None


class BadEnvelope(TrueupError):
    """The message has another form than an envelope's; which of its requests is to blame cannot matter."""


class UnknownVersion(TrueupError):
    """The message is an envelope of a version that this worker does not know."""


def _canonical_uuid(value: object) -> object:
    if isinstance(value, str) and not _UUID.fullmatch(value):
        raise ValueError("must be a UUID such as 13117714-3f05-48e5-a6e9-a66093f13b4d")
    return value


def _rfc3339(value: object) -> object:
    return timestamp(value) if isinstance(value, str | int | float) else value


_CanonicalUuid, _Rfc3339 = BeforeValidator(_canonical_uuid), BeforeValidator(_rfc3339)


class Meta(BaseModel):
    """Meta of an envelope, said once for all of its requests: the first argument.

    Attributes:
        anew_before: an instant of the database's clock that the sender has read: requests that were refused before it
            are judged anew. Retries of the same send keep it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    account: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
    batch_id: Annotated[UUID, _CanonicalUuid] | None = None
    sent_at: Annotated[AwareDatetime, _Rfc3339]
    anew_before: Annotated[AwareDatetime, _Rfc3339] | None = None
    reply: bool = False


class _Version(BaseModel):
    v: StrictInt


class _Named(BaseModel):
    """As much of any version's meta as can be told."""

    account: Any = None
    batch_id: Any = None


class RequestEntry(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An element of the second argument, as it travels."""

    id: RequestId
    kind: CommitKind | None = None
    idempotency_key: IdempotencyKey | None = None
    body: Raw | UnsetType = UNSET
    raw: str | None = None
    raw_bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    form: FormCode | None = None
    found: Found | None = None
    customer: Name | None = None
    key: Name | None = None


class QueuedRequest(msgspec.Struct, frozen=True, gc=False):  # a frozen dataclass takes thrice as long to make
    """One request of an envelope.

    Attributes:
        id: a UUID in lower case; becomes the id of the commit.
        kind: commit, credit, or a line of usage.
        idempotency_key: the caller's, or None.
        text: the body's own text, untouched; of a raw row, what travelled of it.
        raw: the row was no JSON, or too large to travel whole.
        raw_bytes: the size of a row that did not travel whole.
        form: what its sender found wrong with the form of a raw row.
    """

    id: str
    kind: Kind
    idempotency_key: str | None
    text: str | bytes
    raw: bool = False
    raw_bytes: int | None = None
    form: FormProblem | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Envelope as read from a message."""

    meta: Meta
    requests: list[QueuedRequest]


_entries = msgspec.json.Decoder(
    Annotated[list[RequestEntry], msgspec.Meta(min_length=1, max_length=ENVELOPE_REQUESTS_MAX)]
)
_entry = msgspec.json.Decoder(RequestEntry)


def read_envelope(meta: str, requests: str, *, kind: Kind | None = None) -> Envelope:
    """Take a message apart; judges no body.

    Args:
        meta: the first argument of the task.
        requests: the second.
        kind: what all its requests are; None: what each says, by default a commit.

    Raises:
        UnknownVersion: `v` is a number other than 1.
        BadEnvelope: anything else is wrong; the message says what.
    """
    return Envelope(meta=read_meta(meta), requests=read_requests(requests, kind=kind))


def read_meta(meta: str) -> Meta:
    """Read the first argument.

    Raises:
        UnknownVersion, BadEnvelope: as for `read_envelope`.
    """
    text = _meta_text(meta)
    try:
        version = _Version.model_validate_json(text).v
        if version == VERSION:
            return Meta.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "".join(f".{part}" for part in problem["loc"])
        raise BadEnvelope(f"meta{where}: {problem['msg']}") from None
    raise UnknownVersion(f"envelope version {version}; this worker knows version {VERSION}")


def require_past(meta: Meta, *, now: datetime) -> None:
    """Raise `BadEnvelope` when the instant of a meta cannot have been read yet, but for what clocks may differ by."""
    if meta.anew_before is not None and meta.anew_before > now + _AHEAD_MAX:
        raise BadEnvelope("meta.anew_before: lies in the future: send an instant that was read from the database")


def account_of(meta: str) -> str | None:
    """The account that a first argument names, of whatever version; None when it names none that can be read."""
    named = _named(meta).account
    return named if isinstance(named, str) else None


def batch_of(meta: str) -> UUID | None:
    """The batch that a first argument names, of whatever version; None when it names none that can be read."""
    named = _named(meta).batch_id
    return UUID(named) if isinstance(named, str) and _UUID.fullmatch(named) else None


def _named(meta: str) -> _Named:
    try:
        return _Named.model_validate_json(_meta_text(meta))
    except (ValidationError, BadEnvelope):
        return _Named()


def read_requests(requests: str, *, kind: Kind | None = None) -> list[QueuedRequest]:
    """Read the second argument.

    Raises:
        BadEnvelope: as for `read_envelope`.
    """
    text = _utf8("requests", requests)
    if len(text) > ENVELOPE_BYTES_MAX:
        raise BadEnvelope(f"requests: {len(text)} bytes of text, where {ENVELOPE_BYTES_MAX} are allowed")
    try:
        entries = _entries.decode(text)
    except msgspec.ValidationError as error:
        raise BadEnvelope(f"requests: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        entries = _read_one_by_one(text)
    ids = _ids([entry.id for entry in entries])
    return [
        _queued(entry, request_id, kind or entry.kind or "commit")
        for entry, request_id in zip(entries, ids, strict=True)
    ]


def _ids(given: list[str]) -> list[str]:
    """The ids in lower case. Those that are so already, which is usual, are judged together, in a third of the time.

    As many UUIDs with commas between them as there are ids, and so many characters: no id has a comma in it.
    """
    joined = ",".join(given)
    if len(joined) == len(given) * (_UUID_CHARS + 1) - 1 and _LOWER_UUIDS.fullmatch(joined):
        return given
    for place, each in enumerate(given):
        if not _UUID.fullmatch(each):
            _refuse(f"id {each[:_ID_CHARS_TOLD]!r} of entry {place} is no UUID ({len(each)} characters)")
    return [each.lower() for each in given]


def _queued(entry: RequestEntry, request_id: str, kind: Kind) -> QueuedRequest:
    body, raw, raw_bytes = entry.body, entry.raw, entry.raw_bytes
    if body is not UNSET and raw is None and raw_bytes is None and entry.form is None:
        return QueuedRequest(request_id, kind, entry.idempotency_key, bytes(body))
    if body is UNSET and raw is not None:
        form = None
        if entry.form is not None:
            form = FormProblem(entry.form, entry.found or "", entry.customer, entry.key)
        return QueuedRequest(request_id, kind, entry.idempotency_key, raw, raw=True, raw_bytes=raw_bytes, form=form)
    raise BadEnvelope(f"requests: {entry.id} needs either body or raw (raw_bytes and form go with raw)")


def _read_one_by_one(text: bytes) -> list[RequestEntry]:
    """Isolate the entry that no parser reads; its body travels on as it is, for the worker to judge."""
    try:
        parts = split_array(text)
        if not 1 <= len(parts) <= ENVELOPE_REQUESTS_MAX:
            _refuse(f"{len(parts)} entries, where 1 to {ENVELOPE_REQUESTS_MAX} are allowed")
        return [_read_entry(part) for part in parts]
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        _refuse(str(error))


def _read_entry(text: bytes) -> RequestEntry:
    try:
        return _entry.decode(text)
    except (msgspec.DecodeError, RecursionError):
        members = dict(split_object(text))  # a member twice: the last one counts
        body, raw = members.pop(b'"body"', None), members.pop(b'"raw"', None)
        entry = _entry.decode(b"{" + b",".join(key + b":" + value for key, value in members.items()) + b"}")
        entry.body = UNSET if body is None else Raw(body)
        entry.raw = None if raw is None else _surrogates_replaced(raw)
        return entry


def _surrogates_replaced(text: bytes) -> str:
    """A string that only Python's parser reads: it holds lone surrogates, which no JSON text may."""
    value = json.loads(text)
    if not isinstance(value, str):
        _refuse("raw is not a text")
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _refuse(detail: str) -> NoReturn:
    raise BadEnvelope(f"requests: {detail}") from None


def _meta_text(meta: str) -> bytes:
    text = _utf8("meta", meta)
    if len(text) > META_BYTES_MAX:
        raise BadEnvelope(f"meta: {len(text)} bytes of text, where {META_BYTES_MAX} are allowed")
    return text


def _utf8(name: str, text: Any) -> bytes:
    if not isinstance(text, str):
        raise BadEnvelope(f"{name}: not a text")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadEnvelope(f"{name}: holds a lone surrogate") from None
