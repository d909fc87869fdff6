"""The use case: many commits are changed alike, each in a transaction of its own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, Engine

from trueup.errors import TrueupError
from trueup.store.postgres.retry import with_retries
from trueup_worker.commit_changes.refusal import Changed

BulkOutcome = Literal["changed", "unchanged", "refused"]
Find = Callable[[Connection, str], UUID]
Change = Callable[[Connection, UUID], Changed]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRow:
    """A commit that was to be changed, and what became of that.

    Attributes:
        number: its place among those that were named, from 1.
        named: as it was named.
        commit_id: None: what was named is no one commit.
        reason: why it was refused.
        changed: what changed, or would.
    """

    number: int
    named: str
    commit_id: UUID | None
    outcome: BulkOutcome
    reason: str = ""
    changed: Changed | None = None


def change_each(
    engine: Engine, named: Iterable[str], *, find: Find, change: Change, dry_run: bool = False
) -> Iterator[BulkRow]:
    """Change commits one after the other; one that is refused stops none of the others.

    To run it again after it was cut short is harmless: what was changed by then is left unchanged.

    Args:
        engine: the database.
        named: ids, or whatever `find` knows them by.
        find: the id of the commit that is named so; raises `TrueupError`.
        change: changes one; raises `TrueupError` where it is refused.
        dry_run: each change is judged as it would be, and taken back.
    """
    for number, name in enumerate(named, start=1):
        unit = _Unit(engine, number, name, find, change, dry_run)
        yield with_retries(unit.run)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One transaction."""

    engine: Engine
    number: int
    named: str
    find: Find
    change: Change
    dry_run: bool

    def run(self) -> BulkRow:
        commit_id = None
        try:
            with self.engine.connect() as connection, connection.begin() as unit:
                commit_id = self.find(connection, self.named)
                changed = self.change(connection, commit_id)
                if self.dry_run:
                    unit.rollback()
        except TrueupError as error:
            return self._row(commit_id, "refused", reason=str(error))
        return self._row(commit_id, "changed" if changed.after else "unchanged", changed=changed)

    def _row(
        self, commit_id: UUID | None, outcome: BulkOutcome, *, reason: str = "", changed: Changed | None = None
    ) -> BulkRow:
        return BulkRow(
            number=self.number, named=self.named, commit_id=commit_id, outcome=outcome, reason=reason, changed=changed
        )
