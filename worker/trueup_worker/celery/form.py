"""The form of a message: Celery's protocol 2 as a plain `send_task` sends it, and nothing that makes Celery do more.

`eta`, `expires`, `timelimit` and whatever else is not named here means nothing and is not even read: a request has its
outcome however late it comes. What is named has the type that Celery gives it; null stands for a member that is not
there.
"""

import json
import re
from itertools import islice
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from trueup.limits import CELERY_ID_CHARS_MAX, TASK_ARGUMENTS_MAX
from trueup.store.requests.parking import Reason
from trueup.wire.message.json_split import parts_of_array
from trueup.wire.message.names import ATTEMPT_HEADER, REQUEST_ID_HEADER, SIGNATURE_HEADER
from trueup_worker.celery.refusal import Refused

CONTENT_TYPE = "application/json"
ENCODINGS = (None, "utf-8", "utf8", "us-ascii", "ascii")

T = TypeVar("T")
Id = Annotated[str, Meta(min_length=1, max_length=CELERY_ID_CHARS_MAX)]
Argument = str | int | float | bool | None

_IN_ARGUMENTS = re.compile(r" - at `\$\[[01]\]")


class Headers(Struct, frozen=True, gc=False):
    """The headers that Celery, kombu or Trueup would read."""

    task: Id
    id: Id
    root_id: Id | None = None
    parent_id: Id | None = None
    compression: str | None = None
    signature: str | None = field(name=SIGNATURE_HEADER, default=None)
    attempt: str | int | None = field(name=ATTEMPT_HEADER, default=None)
    request_id: Any = field(name=REQUEST_ID_HEADER, default=None)  # no reason to refuse a request, whatever it is
    lang: str | None = None
    shadow: str | None = None
    origin: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    retries: int | None = None
    group_index: int | None = None
    replaced_task_nesting: int | None = None
    ignore_result: bool | None = None
    stamped_headers: list[str] | None = None
    callbacks: None = None
    errbacks: None = None
    chain: None = None
    chord: None = None
    group: None = None

    def told(self) -> dict[str, Any]:
        """Members that Celery is given."""
        return {
            "task": self.task,
            "id": self.id,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "compression": self.compression,
            SIGNATURE_HEADER: self.signature,
            ATTEMPT_HEADER: self.attempt,
            REQUEST_ID_HEADER: self.request_id if isinstance(self.request_id, str) else None,
        }


class DeliveryInfo(Struct, frozen=True, gc=False):
    """Queue that the sender named; it is taken for granted that the message lies where it was found."""

    exchange: str | None
    routing_key: str | None


class Properties(Struct, frozen=True, gc=False):
    """The properties that kombu's Redis transport would read."""

    delivery_tag: Id
    delivery_info: DeliveryInfo
    body_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int | None = None
    delivery_mode: int | None = None


class Element(Struct, frozen=True, gc=False):
    """A message as an element of a Redis list."""

    body: str
    headers: Headers
    properties: Properties
    content_type: str | None = field(name="content-type", default=None)
    content_encoding: str | None = field(name="content-encoding", default=None)


class _Nothing(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Keyword arguments: none of our tasks takes any."""


class _Embed(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Celery's embed: callbacks and chains, none of which a message of ours has."""

    callbacks: None = None
    errbacks: None = None
    chain: None = None
    chord: None = None
    group: None = None


_Arguments = Annotated[list[Argument], Meta(max_length=TASK_ARGUMENTS_MAX)]

_element = msgspec.json.Decoder(Element)
_body = msgspec.json.Decoder(tuple[_Arguments, _Nothing | None, _Embed | None])
_rest = msgspec.json.Decoder(tuple[_Nothing | None, _Embed | None])
_syntax = msgspec.json.Decoder(msgspec.Raw)


def read_element(text: bytes) -> Element:
    """Read an element of the broker's list.

    Raises:
        Refused: it is no JSON, or no message.
    """
    return _read(_element, text)


def read_headers(headers: Any) -> Headers:
    """Read the headers of a message, by whatever transport it came.

    Raises:
        Refused: they are not those of a task of protocol 2.
    """
    try:
        return msgspec.convert(headers, Headers)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Refused("rejected", f"headers: {error}") from None


def read_body(body: bytes, *, content_type: Any, encoding: Any) -> list[Argument]:
    """The arguments that a body gives its task.

    Raises:
        Refused: it is no JSON, or not of Celery's form, or has keyword arguments, or asks for more than the task.
    """
    if content_type != CONTENT_TYPE:
        raise Refused("rejected", f"the content type is {str(content_type)[:100]!r} instead of {CONTENT_TYPE}")
    if encoding not in ENCODINGS and str(encoding).lower() not in ENCODINGS:
        raise Refused("undecodable", f"the content's encoding is {str(encoding)[:100]!r} instead of utf-8")
    try:
        arguments, _, _ = _read(_body, body)
    except Refused as refused:
        if refused.reason != "undecodable":
            raise
        return _read_odd_texts(body, refused)
    return arguments


def _read(decoder: "msgspec.json.Decoder[T]", text: bytes) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        told = str(error)
        reason: Reason = "wrong_arity" if _IN_ARGUMENTS.search(told) else "rejected"
        raise Refused(reason if _is_json(text) else "undecodable", told) from None
    except (ValueError, RecursionError) as error:
        raise Refused("undecodable", str(error)) from None


def _is_json(text: bytes) -> bool:
    try:
        _syntax.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _read_odd_texts(body: bytes, refused: Refused) -> list[Argument]:
    """Two texts that only Python's decoder takes: they hold lone surrogates, which spoil one row of an envelope."""
    try:
        arguments, *rest = islice(parts_of_array(body), 4)
        texts = list(islice(parts_of_array(arguments), TASK_ARGUMENTS_MAX + 1))
        if len(texts) <= TASK_ARGUMENTS_MAX and all(text.startswith(b'"') for text in texts):
            _read(_rest, b"[" + b",".join(rest) + b"]")
            return [json.loads(text) for text in texts]
    except (ValueError, RecursionError):
        pass
    raise refused
