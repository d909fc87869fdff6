"""A batch as it stands: its rows as counted at the door, and their outcomes in the order of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from trueup.ids import row_id, row_of
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.tables import batch
from trueup.wire.message.envelope import Kind
from trueup.wire.outcome import Outcome, Verdict

_ROW_MAX = (1 << 30) - 1

# The ids of a batch ascend with its rows and stand side by side: a page is one stretch of each primary key.
_MADE = """
    (SELECT id FROM commit WHERE account_id = :account_id AND id > :after AND id <= :last ORDER BY id LIMIT :limit)
    UNION
    (SELECT request_id FROM usage_line WHERE account_id = :account_id AND request_id > :after AND request_id <= :last
      ORDER BY request_id LIMIT :limit)
"""
_CREATED = text(f"{_MADE} ORDER BY 1 LIMIT :limit")
_DECIDED = text(f"""
    {_MADE}
    UNION
    (SELECT request_id FROM outcome WHERE account_id = :account_id AND request_id > :after AND request_id <= :last
      ORDER BY request_id LIMIT :limit)
    ORDER BY 1 LIMIT :limit
""")
_REFUSED = text("""
    SELECT request_id FROM outcome
     WHERE account_id = :account_id AND batch_id = :batch_id AND outcome = :outcome AND request_id > :after
     ORDER BY request_id LIMIT :limit
""")

_NEWEST = Filtered(
    lambda given: text(f"""
    SELECT id, name, source, kind, rows, coalesce(content_rows, rows) AS content_rows, created_at, closed_at,
           undo IS NOT NULL AS is_undoing
      FROM batch WHERE account_id = :account_id{given} ORDER BY created_at DESC, id DESC LIMIT :limit
"""),
    {
        "after": """(created_at, id) <
            ((SELECT created_at FROM batch WHERE account_id = :account_id AND id = :after), CAST(:after AS uuid))"""
    },
)

BatchState = Literal["uploading", "received", "undoing", "undone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """A batch as it was counted at the door.

    Attributes:
        rows: how many of its rows are received.
        content_rows: how many rows its content has.
        closed_at: from when on nothing of it becomes a commit, as it is taken back.
        is_undoing: whether an undo is under way, or was cut short.
    """

    id: UUID
    name: str | None
    source: str
    kind: Kind
    rows: int
    content_rows: int
    created_at: datetime
    closed_at: datetime | None = None
    is_undoing: bool = False

    @property
    def state(self) -> BatchState:
        """`received` once all of its content is; `undoing` and `undone` when it is taken back."""
        if self.closed_at is not None:
            return "undoing" if self.is_undoing else "undone"
        return "received" if self.rows == self.content_rows else "uploading"


def find_batch(connection: Connection, account_id: int, batch_id: UUID) -> BatchRecord | None:
    """The batch, if there is one."""
    content_rows = func.coalesce(batch.c.content_rows, batch.c.rows).label("content_rows")
    is_undoing = batch.c.undo.is_not(None).label("is_undoing")
    own = (batch.c[name] for name in ("id", "name", "source", "kind", "rows", "created_at", "closed_at"))
    told = *own, content_rows, is_undoing
    query = select(*told).where(batch.c.account_id == account_id, batch.c.id == batch_id)
    return fetch_one(connection, BatchRecord, query, {})


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Some outcomes of a batch; `next_row`: after which row the next page begins, None where this is the last one."""

    outcomes: Sequence[Outcome]
    next_row: int | None


def list_batches(
    connection: Connection, account_id: int, *, limit: int, after: UUID | None = None
) -> list[BatchRecord]:
    """Batches, newest first; `after` is the last id of the page before."""
    which = {"account_id": account_id, "limit": limit, "after": after}
    return fetch_all(connection, BatchRecord, _NEWEST.given(which), which)


def batch_results(
    connection: Connection,
    account_id: int,
    batch_id: UUID,
    *,
    after_row: int,
    limit: int,
    outcome: Verdict | None = None,
) -> ResultsPage:
    """Outcomes in the order of rows; what has none yet is left out.

    Args:
        after_row: the last row of the page before; 0 for the first page.
        limit: at most this many; fewer where some rows had this outcome once, and have become commits since.
        outcome: with this one only.
    """
    stretch = {"after": row_id(batch_id, after_row), "last": row_id(batch_id, _ROW_MAX)}
    which = {"account_id": account_id, "batch_id": batch_id, "outcome": outcome, "limit": limit, **stretch}
    statement = _DECIDED if outcome is None else _CREATED if outcome == "created" else _REFUSED
    ids = list(connection.scalars(statement, which))
    found = read_outcomes(connection, account_id, ids)
    outcomes = [found[each] for each in ids if each in found and outcome in (None, found[each].outcome)]
    return ResultsPage(outcomes, row_of(ids[-1]) if len(ids) == limit else None)
