"""Parked messages: what could not be decided, kept with its bytes and the reason."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from trueup.limits import ENVELOPE_BYTES_MAX, META_BYTES_MAX, UNAUTHENTICATED_BYTES_MAX, UNAUTHENTICATED_ROWS_MAX
from trueup.store.requests.kept_envelopes import as_bytes, as_text
from trueup.store.requests.parked_total import Arguments, add, fit, subtract
from trueup.store.tables import outcome, parked

State = Literal["parked", "replayed", "discarded"]
Reason = Literal[
    "unauthenticated",
    "unknown_task",
    "undecodable",
    "too_large",
    "rejected",
    "wrong_arity",
    "bad_envelope",
    "unknown_version",
    "id_conflict",
    "database_refused",
    "transient",
    "kills_worker",
]
_COUNT_ONLY = text("SELECT nextval('parked_overflow')")
_COUNTED_ONLY = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM parked_overflow")

_FORGET = text("SELECT trim_parked(make_interval(days => :days), :limit)")
_CHOSEN_ROWS = 1_000

DISCARDED = "discarded"  # an outcome's reason, once an operator gave its request up


@dataclass(frozen=True, slots=True)
class Parking:
    """Envelope, or one request of it, that is to be parked.

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


def park(connection: Connection, parking: Parking) -> bool:
    """Park once, however often it is delivered; what was replayed in vain is parked again.

    Of what nobody vouches for, or is too large to be an envelope, the first 64 KiB are kept.

    Returns:
        Whether it was kept: what nobody vouches for is, up to 10,000 rows; an account's, up to so many bytes.
    """
    whole = as_bytes(parking.meta), as_bytes(parking.requests)
    if parking.account_id is None:
        return _park_stranger(connection, parking, whole)
    digest = _digest(parking, *whole)
    was = connection.scalar(select(parked.c.state).where(parked.c.digest == digest).with_for_update())
    is_too_large = sum(map(len, whole)) > META_BYTES_MAX + ENVELOPE_BYTES_MAX
    offered = _beginning(whole) if is_too_large else whole
    kept = fit(connection, parking.account_id, offered) if was is None else offered
    if kept is None:
        add(connection, parking.account_id, size_bytes=0, unkept=1)
        return False
    size_bytes = _store(connection, parking, kept, digest=digest, whole_bytes=_size_if_cut(whole, kept), was=was)
    if size_bytes:
        add(connection, parking.account_id, size_bytes=size_bytes)
    return True


def _park_stranger(connection: Connection, parking: Parking, whole: Arguments) -> bool:
    if _is_full(connection):
        connection.execute(_COUNT_ONLY)
        return False
    kept = _beginning(whole)
    _store(connection, parking, kept, digest=_digest(parking, *kept), whole_bytes=_size_if_cut(whole, kept))
    return True


def _beginning(whole: Arguments) -> Arguments:
    meta = whole[0][: UNAUTHENTICATED_BYTES_MAX // 4]
    return meta, whole[1][: UNAUTHENTICATED_BYTES_MAX - len(meta)]


def _size_if_cut(whole: Arguments, kept: Arguments) -> int | None:
    return None if kept == whole else sum(map(len, whole))


def _store(
    connection: Connection,
    parking: Parking,
    kept: Arguments,
    *,
    digest: bytes,
    whole_bytes: int | None,
    was: str | None = None,
) -> int:
    """Store the row, or park it again; gives the bytes that are parked with it and were not before."""
    meta, requests = kept
    statement = insert(parked).values(
        account_id=parking.account_id,
        reason=parking.reason,
        detail=_storable(parking.detail)[:4_000],
        request_id=parking.request_id,
        batch_id=parking.batch_id,
        task=_storable(parking.task)[:255],
        meta=meta,
        requests=requests,
        signature=None if parking.signature is None else _storable(parking.signature)[:1_000],
        digest=digest,
        attempts=parking.attempt,
        whole_bytes=whole_bytes,
    )
    again = statement.on_conflict_do_update(
        index_elements=[parked.c.digest],
        set_={"attempts": statement.excluded.attempts, "state": "parked", "resolved_at": None},
        where=parked.c.state != "discarded",
    )
    size_bytes = func.octet_length(parked.c.meta) + func.octet_length(parked.c.requests)
    was_replayed = literal(was == "replayed")
    counted = case((literal_column("xmax = 0") | was_replayed, size_bytes), else_=0)
    return int(connection.scalar(again.returning(counted)) or 0)


def _is_full(connection: Connection) -> bool:
    strangers = select(parked.c.id).where(parked.c.account_id.is_(None))
    counted = connection.scalar(select(func.count()).select_from(strangers.limit(UNAUTHENTICATED_ROWS_MAX).subquery()))
    return bool(counted == UNAUTHENTICATED_ROWS_MAX)


def _digest(parking: Parking, meta: bytes, requests: bytes) -> bytes:
    parts = (
        str(parking.account_id).encode(),
        parking.reason.encode(),
        _storable(parking.task).encode(),
        meta,
        requests,
    )
    return hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _storable(text: str) -> str:
    """Text that Postgres takes: what strangers send may hold NUL and lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def count_unkept(connection: Connection) -> int:
    """Number of messages that nobody vouches for and that were only counted, as there was no room for more."""
    return int(connection.execute(_COUNTED_ONLY).scalar_one())


def count_by_reason(connection: Connection) -> dict[str, int]:
    """Number of parked rows that nobody has resolved, of all accounts, by reason."""
    query = (
        select(parked.c.reason, func.count().label("number"))
        .where(parked.c.state == "parked")
        .group_by(parked.c.reason)
    )
    return {row.reason: row.number for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class ParkedText:
    """A parked row as it is sent again; `request_id` is None for a whole envelope."""

    id: UUID
    request_id: UUID | None
    task: str
    meta: str
    requests: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which parked rows: by id, by reason, by batch; what is given must all hold.

    Attributes:
        ids: of parked rows; only these can also bring back what was discarded or replayed before.
        whole: only those that are kept whole: of which there are beginnings alone, nothing can be sent again.
    """

    ids: tuple[UUID, ...] = ()
    reason: str | None = None
    batch_id: UUID | None = None
    whole: bool = False


def forget_done(connection: Connection, *, days: int, limit: int) -> None:
    """Remove rows that were sent again or discarded longer ago, of all accounts; what is still parked is the only copy.

    Args:
        connection: a transaction.
        days: at least two; no message may come again that is as old.
        limit: at most this many.
    """
    connection.execute(_FORGET, {"days": days, "limit": limit})


def count_chosen(connection: Connection, account_id: int, choice: Choice) -> int:
    """Number of parked rows that fit."""
    return int(connection.execute(select(func.count()).where(*_fitting(account_id, choice))).scalar_one())


def choose(connection: Connection, account_id: int, choice: Choice) -> Iterator[list[ParkedText]]:
    """Lock and return the parked rows that fit, oldest first, some at a time: all of them may be large."""
    query = select(parked.c.id, parked.c.request_id, parked.c.task, parked.c.meta, parked.c.requests)
    query = query.where(*_fitting(account_id, choice)).order_by(parked.c.parked_at, parked.c.id).with_for_update()
    with connection.execute(query, execution_options={"yield_per": _CHOSEN_ROWS}) as rows:
        for some in rows.partitions():
            yield [
                ParkedText(row.id, row.request_id, row.task, as_text(row.meta), as_text(row.requests)) for row in some
            ]


def _fitting(account_id: int, choice: Choice) -> list[ColumnElement[bool]]:
    fits = [parked.c.account_id == account_id]
    fits.append(parked.c.id.in_(choice.ids) if choice.ids else parked.c.state == "parked")
    if choice.reason is not None:
        fits.append(parked.c.reason == choice.reason)
    if choice.batch_id is not None:
        fits.append(parked.c.batch_id == choice.batch_id)
    if choice.whole:
        fits.append(parked.c.whole_bytes.is_(None))
    return fits


def mark(
    connection: Connection,
    account_id: int,
    ids: Collection[UUID],
    *,
    state: str,
    outcome_reason: str,
    note: str | None = None,
) -> None:
    """Note what was done with parked rows, and in the outcomes of their requests, where those are `parked`."""
    chosen = (parked.c.account_id == account_id, parked.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    given = {"ids": list(ids)}
    subtract(connection, account_id, ids)
    changed = {"state": state, "note": note, "resolved_at": func.now()}
    connection.execute(update(parked).where(*chosen).values(changed), given)
    requests = select(parked.c.request_id).where(*chosen, parked.c.request_id.is_not(None))
    connection.execute(
        update(outcome)
        .where(
            outcome.c.account_id == account_id,
            outcome.c.outcome == "parked",
            outcome.c.request_id.in_(requests),
        )
        .values(reason=outcome_reason),
        given,
    )
