"""Taking a batch back: how far it has come, in the batch's own row, and which commits there are.

What is done is counted in the transaction that does it: whoever goes on after a kill goes on from what is true.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from trueup.domain.number_ranges import Range, merged
from trueup.store.postgres.engine import statements
from trueup.store.postgres.rows import fetch_one
from trueup.store.requests.closed_batches import lock_to_close
from trueup.wire.message.envelope import Kind

IDS_AT_ONCE = 50_000  # each page of ids reads the whole batch's index
_BEFORE_ALL = UUID(int=0)

_FIND = text("SELECT kind, closed_at FROM batch WHERE account_id = :account_id AND id = :batch_id")
_BEGIN = text("""
    UPDATE batch
       SET closed_at = coalesce(closed_at, clock_timestamp()),
           undo = coalesce(undo, jsonb_build_object('closes', closed_at IS NULL))
     WHERE account_id = :account_id AND id = :batch_id
""")
_READ = text("""
    SELECT undo FROM batch WHERE account_id = :account_id AND id = :batch_id FOR NO KEY UPDATE
""")
_WRITE = text("""
    UPDATE batch SET undo = CAST(:undo AS jsonb) WHERE account_id = :account_id AND id = :batch_id
""")
_COUNT = text("""
    SELECT count(*) AS all, count(archived_at) AS archived
      FROM commit WHERE account_id = :account_id AND batch_id = :batch_id
""")
# OFFSET 0: the commits of the batch are found by its index, and then put in order.
_ACTIVE_IDS = text("""
    SELECT id FROM (SELECT id FROM commit WHERE account_id = :account_id AND batch_id = :batch_id
                       AND archived_at IS NULL AND id > :after OFFSET 0) AS found
     ORDER BY id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class BatchToUndo:
    """A batch as it is before it is taken back."""

    kind: Kind
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchCommits:
    """Numbers of the commits that a batch made, and of those that are archived."""

    all: int
    archived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoCounts:
    """Done so far by an undo, however many runs it took.

    Attributes:
        closes: whether it is the one that closed the batch.
        archived: commits.
        suppressed: items that will never be invoiced.
        voided: numbers of invoices.
    """

    closes: bool = False
    archived: int = 0
    suppressed: int = 0
    voided: tuple[Range, ...] = ()

    @property
    def changed_something(self) -> bool:
        """Tell whether there is something to be told of it."""
        return self.closes or self.archived > 0 or bool(self.voided)


def find_to_undo(connection: Connection, account_id: int, batch_id: UUID) -> BatchToUndo | None:
    """The batch, if there is one."""
    return fetch_one(connection, BatchToUndo, _FIND, _of(account_id, batch_id))


def begin_undo(connection: Connection, account_id: int, batch_id: UUID) -> None:
    """Close the batch, once nobody decides requests of it; an undo that is under way goes on."""
    lock_to_close(connection, batch_id)
    connection.execute(_BEGIN, _of(account_id, batch_id))


def count_undone(
    connection: Connection, account_id: int, batch_id: UUID, *, archived: int, suppressed: int, voided: Iterable[Range]
) -> None:
    """Add what this transaction did to the undo that is under way; where another run has ended it, to a new one."""
    so_far = _read(connection, account_id, batch_id) or UndoCounts()
    told = {
        "closes": so_far.closes,
        "archived": so_far.archived + archived,
        "suppressed": so_far.suppressed + suppressed,
        "voided": merged([*so_far.voided, *voided]),
    }
    connection.execute(_WRITE, _of(account_id, batch_id) | {"undo": json.dumps(told)})


def read_undo(connection: Connection, account_id: int, batch_id: UUID) -> UndoCounts:
    """The counts of the undo that is under way; all of them 0 where another run has ended it."""
    return _read(connection, account_id, batch_id) or UndoCounts()


def end_undo(connection: Connection, account_id: int, batch_id: UUID) -> UndoCounts | None:
    """End the undo that is under way; None where another run has."""
    so_far = _read(connection, account_id, batch_id)
    if so_far is not None:
        connection.execute(_WRITE, _of(account_id, batch_id) | {"undo": None})
    return so_far


def count_commits(connection: Connection, account_id: int, batch_id: UUID) -> BatchCommits:
    """Count the commits of a batch."""
    return fetch_one(connection, BatchCommits, _COUNT, _of(account_id, batch_id)) or BatchCommits(0, 0)


def active_ids(engine: Engine, account_id: int, batch_id: UUID, *, at_once: int) -> Iterator[list[UUID]]:
    """The ids of a batch's commits that are not archived, ascending, so many at a time; holds no transaction."""
    after = _BEFORE_ALL
    while True:
        with engine.connect() as connection, statements(connection):
            which = _of(account_id, batch_id) | {"after": after, "limit": IDS_AT_ONCE}
            ids = list(connection.scalars(_ACTIVE_IDS, which))
        for start in range(0, len(ids), at_once):
            yield ids[start : start + at_once]
        if len(ids) < IDS_AT_ONCE:
            return
        after = ids[-1]


def _read(connection: Connection, account_id: int, batch_id: UUID) -> UndoCounts | None:
    found: dict[str, Any] | None = connection.scalar(_READ, _of(account_id, batch_id))
    if found is None:
        return None
    return UndoCounts(**found | {"voided": tuple((first, last) for first, last in found.get("voided", ()))})


def _of(account_id: int, batch_id: UUID) -> dict[str, Any]:
    return {"account_id": account_id, "batch_id": batch_id}
