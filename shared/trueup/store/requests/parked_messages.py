"""Parked messages as they are looked at: listed, counted and shown."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, literal, select, tuple_

from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage
from trueup.store.requests.parking import Reason, State
from trueup.store.tables import parked


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRecord:
    """A parked envelope, or one request of it, without its bytes.

    Attributes:
        account_id: None when nobody could be asked.
        detail: what was wrong, for people.
        request_id: None for a whole envelope.
        attempts: deliveries so far.
        whole_bytes: size of both arguments, of which only the beginnings are kept; None: all is.
        note: an operator's words.
    """

    account_id: int | None
    id: UUID
    reason: Reason
    detail: str
    request_id: UUID | None
    batch_id: UUID | None
    task: str
    attempts: int
    whole_bytes: int | None
    state: State
    note: str | None
    parked_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedMessage(ParkedRecord):
    """The same, with what was received; `digest`: SHA-256 by which a redelivery is known."""

    meta: bytes
    requests: bytes
    signature: str | None
    digest: bytes


_SEARCHED = literal(SEARCHED_ROWS_MAX, literal_execute=True)  # an unknown one the planner takes for a tenth of all
_RECORDS = select(*(parked.c[each.name] for each in fields(ParkedRecord)))


def list_parked(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    reason: str | None = None,
    batch_id: UUID | None = None,
    state: str = "parked",
    after: UUID | None = None,
) -> SearchPage[ParkedRecord, UUID]:
    """The account's parked envelopes and requests, oldest first; of a reason or a batch, among the next 5,000.

    Args:
        after: the id to which the page before has searched.
    """
    searched = _RECORDS.where(parked.c.account_id == account_id, parked.c.state == state)
    if after is not None:
        reached = select(parked.c.parked_at).where(parked.c.account_id == account_id, parked.c.id == after)
        searched = searched.where(tuple_(parked.c.parked_at, parked.c.id) > tuple_(reached.scalar_subquery(), after))
    searched = searched.order_by(parked.c.parked_at, parked.c.id)
    rows = searched.limit(_SEARCHED).subquery()
    query = select(rows).order_by(rows.c.parked_at, rows.c.id).limit(literal(limit, literal_execute=True))
    if reason is not None:
        query = query.where(rows.c.reason == reason)
    if batch_id is not None:
        query = query.where(rows.c.batch_id == batch_id)
    found = fetch_all(connection, ParkedRecord, query, {})
    if len(found) == limit:
        return SearchPage(found, found[-1].id)
    last = searched.with_only_columns(parked.c.id).offset(literal(SEARCHED_ROWS_MAX - 1, literal_execute=True)).limit(1)
    return SearchPage(found, connection.scalar(last))


def count_parked(connection: Connection, account_id: int, *, state: str = "parked") -> dict[str, int]:
    """Number of rows for each reason, the most frequent first."""
    rows = func.count()
    query = select(parked.c.reason, rows).where(parked.c.account_id == account_id, parked.c.state == state)
    grouped = connection.execute(query.group_by(parked.c.reason).order_by(rows.desc(), parked.c.reason))
    return {reason: count for reason, count in grouped}  # noqa: C416 (rows are no tuples to mypy)


def show_parked(connection: Connection, account_id: int, parked_id: UUID) -> ParkedMessage | None:
    """One parked row, bytes and all."""
    query = select(parked).where(parked.c.account_id == account_id, parked.c.id == parked_id)
    return fetch_one(connection, ParkedMessage, query, {})


def list_unattributed(connection: Connection, *, limit: int) -> list[ParkedRecord]:
    """Messages that nobody vouches for, newest first: unsigned or forged envelopes, and messages that are none."""
    query = _RECORDS.where(parked.c.account_id.is_(None)).order_by(parked.c.parked_at.desc()).limit(limit)
    return fetch_all(connection, ParkedRecord, query, {})
