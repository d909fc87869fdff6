"""From what a producer's program holds to a request that can travel."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from trueup.errors import TrueupError
from trueup.ids import new_id
from trueup.limits import IDEMPOTENCY_KEY_CHARS_MAX
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.message.packing import content_of
from trueup.wire.problems import Problem, error_body
from trueup.wire.request.read import read_body

RequestBody = Mapping[str, Any] | str | bytes

_IDEMPOTENCY_KEY = re.compile(rf"[^\0]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}", re.DOTALL)
_encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")


class InvalidRequest(TrueupError, ValueError):
    """The request breaks the rules of a commit request; it was not sent.

    Attributes:
        problems: everything that is wrong with it.
        position: its place among those that were submitted together, from 0.
    """

    def __init__(self, problems: list[Problem], *, position: int = 0) -> None:
        super().__init__(error_body(problems)["message"])
        self.problems = problems
        self.position = position


def request_of(
    body: RequestBody,
    *,
    request_id: UUID,
    kind: Kind = "commit",
    idempotency_key: str | None = None,
    validate: bool = True,
    position: int = 0,
) -> QueuedRequest:
    """A request that can travel.

    Raises:
        InvalidRequest: the body breaks the rules, and `validate` is on.
        ValueError: the idempotency key has not 1 to 255 characters.
        TypeError: the body holds something that JSON does not know.
    """
    if idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise ValueError(f"an idempotency key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters, and no NUL")
    text = body if isinstance(body, str | bytes) else body_json(body)
    if validate and isinstance(problems := read_body(text, kind), list):
        raise InvalidRequest(problems, position=position)
    return QueuedRequest(str(request_id), kind, idempotency_key, *content_of(text))


def requests_of(
    bodies: Iterable[RequestBody], *, kind: Kind, ids: Iterable[UUID] | None = None, validate: bool = True
) -> list[QueuedRequest]:
    """Requests that can travel, under the ids that are given, or new ones.

    Raises:
        ValueError: there are more or fewer ids than bodies.
        InvalidRequest, TypeError: as `request_of`; `position` says which one it is.
    """
    given = list(bodies)
    named = [new_id() for _ in given] if ids is None else ids
    return [
        request_of(body, request_id=request_id, kind=kind, validate=validate, position=position)
        for position, (body, request_id) in enumerate(zip(given, named, strict=True))
    ]


def body_json(body: Mapping[str, Any]) -> bytes:
    """A body as JSON, with every digit of its numbers.

    Decimals and integers keep all their digits. A float is taken at its shortest notation: 0.1 is 0.1, and 0.1 + 0.2 is
    0.30000000000000004, which has too many decimals. UUIDs and aware datetimes become text.

    Raises:
        TypeError: it holds something that JSON does not know.
    """
    return _encoder.encode(_floats_as_decimals(body))


def _floats_as_decimals(value: Any) -> Any:
    """NaN and infinities stay, and are refused: the encoder would turn the floats into null, which means absent."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _floats_as_decimals(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_floats_as_decimals(entry) for entry in value]
    return value
