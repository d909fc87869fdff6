"""The outbox: what happened, written in the transaction that makes it happen."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.wire.events import EventType

_ANNOUNCE = text("""
    INSERT INTO outbox (account_id, event, subject_ids, detail)
    VALUES (:account_id, :event, :ids, CAST(:detail AS jsonb))
""")


def announce(
    connection: Connection,
    account_id: int,
    event: EventType,
    ids: Sequence[UUID],
    *,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write an event in the transaction of what it tells about.

    Args:
        connection: that transaction.
        account_id: whose event.
        event: its type.
        ids: what it happened to, in order: one event each.
        detail: what is true of all of them for ever, JSON-ready.

    Raises:
        ValueError: it happened to nothing, and so is no event.
    """
    if not ids:
        raise ValueError(f"{event} happened to nothing")
    told = orjson.dumps(detail or {}).decode()
    connection.execute(_ANNOUNCE, {"account_id": account_id, "event": event, "ids": list(ids), "detail": told})
