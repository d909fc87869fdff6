"""Cursor of a page of what stands in the order of time and id, as text."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies.body import NO_CURSOR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9a-f]{32})", re.ASCII)


def cursor_of(place: tuple[datetime, UUID]) -> str:
    """Cursor at which the next page begins, as text."""
    at, last_id = place
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{last_id.hex}"


def place_at(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Place that a cursor stands for.

    Raises:
        Refusal: 400: it is none of ours.
    """
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    try:
        if match is not None:
            return _EPOCH + timedelta(microseconds=int(match[1])), UUID(match[2])
    except OverflowError:
        pass
    raise invalid_field("/next_page", NO_CURSOR)
