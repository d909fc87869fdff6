"""Slices of an account: some of its commits or invoices at a time, with all that belongs to them.

A check names tables: in a slice each of these names stands for the table's rows of the slice, which an index finds.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.reconciliation.check import KEYS, By, Check

SLICE_ROWS = 50_000  # a statement takes a second, or a few where others want the disk
_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)

# Of invoices these are most, and only those of usage are no obligations.
_BOUND = {
    by: text(f"""
        SELECT id FROM {table} WHERE account_id = :account_id AND id >= :first ORDER BY id OFFSET :rows LIMIT 1
    """)
    for by, table in (("commit", "commit"), ("invoice", "obligation"))
}

_AUDITED = """
    SELECT DISTINCT CAST(subject AS uuid) FROM audit
     WHERE account_id = :account_id AND at >= :since AND subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
"""

# Whatever becomes of a commit books an entry, makes an invoice or settles an obligation.
_CHANGED = tuple(
    text(statement)
    for statement in (
        "SELECT id FROM commit WHERE account_id = :account_id AND booked_at >= :since",
        "SELECT DISTINCT commit_id FROM ledger_entry WHERE account_id = :account_id AND booked_at >= :since",
        "SELECT DISTINCT commit_id FROM obligation WHERE account_id = :account_id AND settled_at >= :since",
        _AUDITED,
    )
)
_INVOICES = tuple(
    text(statement)
    for statement in (
        "SELECT id FROM invoice WHERE account_id = :account_id AND booked_at >= :since",
        "SELECT id FROM usage_period WHERE account_id = :account_id AND booked_at >= :since",
        _AUDITED,  # a void
        """
        SELECT DISTINCT period_id FROM ledger_entry
         WHERE account_id = :account_id AND booked_at >= :since AND period_id IS NOT NULL
        """,
    )
)
_OBLIGATIONS = text("SELECT id FROM obligation WHERE account_id = :account_id AND commit_id = ANY(:ids)")


class Some(Protocol):
    """Some commits or invoices: a condition that their keys meet, and its parameters."""

    @property
    def given(self) -> Mapping[str, object]:
        """Parameters of the condition."""

    def condition(self, key: str) -> str:
        """SQL that tells whether a key is one of these."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Those from one key to another, both inclusive."""

    first: UUID
    last: UUID

    @property
    def given(self) -> Mapping[str, object]:
        """Parameters of the condition."""
        return {"first": self.first, "last": self.last}

    def condition(self, key: str) -> str:
        """SQL that tells whether a key lies there."""
        return f"{key} BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)"


@dataclass(frozen=True, slots=True)
class These:
    """Those of some keys."""

    ids: list[UUID]

    @property
    def given(self) -> Mapping[str, object]:
        """Parameters of the condition."""
        return {"ids": self.ids}

    def condition(self, key: str) -> str:
        """SQL that tells whether a key is one of these."""
        return f"{key} = ANY(CAST(:ids AS uuid[]))"


def sliced(check: Check, some: Some) -> str:
    """The check's query, which reads of its tables no more than some rows of `account_id`."""
    assert check.by is not None
    parts = ", ".join(
        f"{table} AS NOT MATERIALIZED (SELECT * FROM {table} WHERE account_id = CAST(:account_id AS integer) "
        f"AND {some.condition(KEYS[check.by][table])})"
        for table in check.of
    )
    own = check.sql.strip()
    return f"WITH {parts}, {own.removeprefix('WITH')}" if own.startswith("WITH") else f"WITH {parts} {own}"


def stretches(connection: Connection, account_id: int, by: By, *, rows: int = SLICE_ROWS) -> Iterator[Stretch]:
    """All keys there may be, in stretches in which so many commits or obligations lie."""
    first = _FIRST
    while True:
        bound = connection.scalar(_BOUND[by], {"account_id": account_id, "first": first, "rows": rows})
        if bound is None:
            yield Stretch(first, _LAST)
            return
        yield Stretch(first, UUID(int=bound.int - 1))
        first = bound


def changed_since(connection: Connection, account_id: int, since: datetime) -> dict[By, list[These]]:
    """Commits in which anything was booked since an instant of real time, and the invoices that belong to them."""
    given = {"account_id": account_id, "since": since}
    commits = {each for statement in _CHANGED for each in connection.scalars(statement, given)}
    invoices = {each for statement in _INVOICES for each in connection.scalars(statement, given)}
    of_commits = _pieces(commits)
    for ids in of_commits:
        invoices.update(connection.scalars(_OBLIGATIONS, {"account_id": account_id, "ids": ids}))
    return {"commit": [These(each) for each in of_commits], "invoice": [These(each) for each in _pieces(invoices)]}


def _pieces(ids: Collection[UUID]) -> list[list[UUID]]:
    ordered = sorted(ids)
    return [ordered[at : at + SLICE_ROWS] for at in range(0, len(ordered), SLICE_ROWS)]
