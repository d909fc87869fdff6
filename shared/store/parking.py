"""Parked messages: what could not be decided, kept with its bytes and the reason (spec 2.5)."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.limits import UNAUTHENTICATED_BYTES_MAX, UNAUTHENTICATED_ROWS_MAX
from shared.store.tables import parked

Reason = Literal[
    "unauthenticated", "bad_envelope", "unknown_version", "id_conflict", "database_refused", "transient", "kills_worker"
]


@dataclass(frozen=True, slots=True)
class Parking:
    """What is to be parked: an envelope, or one request of it.

    Attributes:
        account_id: None when nobody could be asked.
        detail: what was wrong, for people.
        request_id: None for a whole envelope.
    """

    account_id: int | None
    reason: Reason
    detail: str
    task: str
    meta: str
    requests: str
    signature: str | None
    attempt: int
    request_id: UUID | None = None
    batch_id: UUID | None = None


def park(connection: Connection, parking: Parking) -> None:
    """Parks once, however often it is delivered."""
    meta, requests = (_octets(part) for part in (parking.meta, parking.requests))
    if parking.reason == "unauthenticated":
        if _is_full(connection):
            return
        meta, requests = meta[:UNAUTHENTICATED_BYTES_MAX], requests[:UNAUTHENTICATED_BYTES_MAX]
    statement = insert(parked).values(
        account_id=parking.account_id,
        reason=parking.reason,
        detail=parking.detail.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:4_000],
        request_id=parking.request_id,
        batch_id=parking.batch_id,
        task=parking.task,
        meta=meta,
        requests=requests,
        signature=None if parking.signature is None else parking.signature[:1_000],
        digest=_digest(parking, meta, requests),
        attempts=parking.attempt,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[parked.c.digest], set_={"attempts": statement.excluded.attempts}
        )
    )


def _is_full(connection: Connection) -> bool:
    strangers = select(parked.c.id).where(parked.c.account_id.is_(None), parked.c.reason == "unauthenticated")
    counted = connection.scalar(select(func.count()).select_from(strangers.limit(UNAUTHENTICATED_ROWS_MAX).subquery()))
    return bool(counted == UNAUTHENTICATED_ROWS_MAX)


def _digest(parking: Parking, meta: bytes, requests: bytes) -> bytes:
    parts = (str(parking.account_id).encode(), parking.reason.encode(), parking.task.encode(), meta, requests)
    return hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def list_parked(
    connection: Connection, account_id: int, *, limit: int, reason: str | None = None, state: str = "parked"
) -> list[dict[str, Any]]:
    """The account's parked envelopes and requests, oldest first, without their bytes."""
    shown = [column for column in parked.c if column.name not in ("meta", "requests", "signature", "digest")]
    query = select(*shown).where(parked.c.account_id == account_id, parked.c.state == state)
    if reason is not None:
        query = query.where(parked.c.reason == reason)
    return [
        dict(row) for row in connection.execute(query.order_by(parked.c.parked_at, parked.c.id).limit(limit)).mappings()
    ]


def show_parked(connection: Connection, account_id: int, parked_id: UUID) -> dict[str, Any] | None:
    """One parked row, bytes and all."""
    query = select(parked).where(parked.c.account_id == account_id, parked.c.id == parked_id)
    row = connection.execute(query).mappings().one_or_none()
    return dict(row) if row else None
