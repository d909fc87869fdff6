"""The use case: a batch is taken back."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from trueup.domain.number_ranges import Range, count_of, merged, ranges_of, ranges_text
from trueup.errors import NotFound, Refused
from trueup.store.accounts.audit import note
from trueup.store.commits.archive import Active, active_of, archive_rows, count_open_items, lock_for_archiving
from trueup.store.events.outbox import announce
from trueup.store.invoices.voids import void_all_scheduled
from trueup.store.postgres.engine import snapshot, transaction
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.batch_undo import (
    UndoCounts,
    active_ids,
    begin_undo,
    count_commits,
    count_undone,
    end_undo,
    find_to_undo,
    read_undo,
)
from trueup.wire.events import EVENT_TYPES
from trueup_worker.batch_undo.consequences import Judged, Reason, judge

GROUP_COMMITS = 500  # of one transaction: whoever bills or changes one of them waits for it

Tell = Callable[[Sequence[Judged]], None]


class UnknownBatch(NotFound):
    """The account has no batch of this id."""


class UndoRefused(Refused):
    """The batch stays as it is; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A batch after it was taken back, or as it would be then.

    Attributes:
        commits: how many the batch made.
        archived: how many this undo archived, over all its runs.
        archived_before: how many were archived already when it began.
        suppressed: items of those that will never be invoiced.
        voided: numbers of invoices that were voided.
        left: commits that stay, by reason.
        is_complete: all of them were judged; false: it goes on when it is run again.
    """

    batch_id: UUID
    commits: int
    archived: int
    archived_before: int
    suppressed: int
    voided: tuple[Range, ...]
    left: Counter[Reason]
    is_complete: bool = True


def _ignore(_: Sequence[Judged]) -> None:
    pass


def undo_batch(
    engine: Engine,
    *,
    account_id: int,
    batch_id: UUID,
    actor: str,
    void_invoices: bool = False,
    tell: Tell = _ignore,
    is_over: Callable[[], bool] = bool,
) -> Undone:
    """Close a batch and archive what it made, group by group, each in a transaction of its own.

    Run again after it was cut short, it goes on; after its end, it looks at what was left once more.

    Args:
        engine: the database.
        account_id: whose batch.
        batch_id: of requests of commits and credits.
        actor: key id of the operator's token.
        void_invoices: whether invoices of its commits that are finalized, and that nobody marked, are voided.
        tell: is given each group's commits, once it is done.
        is_over: asked between two groups whether the time is up.

    Raises:
        UnknownBatch: the account has none of this id.
        UndoRefused: it holds usage.
    """

    def close() -> None:
        with transaction(engine) as connection:
            begin_undo(connection, account_id, batch_id)

    _require_undoable(engine, account_id, batch_id)
    with_retries(close)
    left: Counter[Reason] = Counter()
    for ids in active_ids(engine, account_id, batch_id, at_once=GROUP_COMMITS):
        if is_over():
            return _report(engine, account_id, batch_id, left, ended=None)
        group = _Group(account_id, batch_id, ids, void_invoices=void_invoices)
        judged = with_retries(lambda group=group: group.take_back(engine))  # type: ignore[misc]
        left.update(each.reason for each in judged if each.reason)
        tell(judged)
    return _report(engine, account_id, batch_id, left, ended=_end(engine, account_id, batch_id, left, actor=actor))


def preview_undo(
    engine: Engine, *, account_id: int, batch_id: UUID, void_invoices: bool = False, tell: Tell = _ignore
) -> Undone:
    """Judge as `undo_batch` would now, and change nothing; raises as it does."""
    _require_undoable(engine, account_id, batch_id)
    left: Counter[Reason] = Counter()
    numbers: list[Range] = []
    archived = suppressed = 0
    for ids in active_ids(engine, account_id, batch_id, at_once=GROUP_COMMITS):
        with snapshot(engine) as connection:
            commits = active_of(connection, account_id, ids)
            judged = judge(connection, account_id, commits, void_invoices=void_invoices)
            free = [each for each in judged if each.reason is None]
            suppressed += count_open_items(connection, account_id, [each.commit.id for each in free])
        left.update(each.reason for each in judged if each.reason)
        archived += len(free)
        numbers = merged([*numbers, *_numbers(free)])
        tell(judged)
    with snapshot(engine) as connection:
        made = count_commits(connection, account_id, batch_id)
    return Undone(
        batch_id=batch_id,
        commits=made.all,
        archived=archived,
        archived_before=made.archived,
        suppressed=suppressed,
        voided=tuple(numbers),
        left=left,
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Commits that are taken back in one transaction."""

    account_id: int
    batch_id: UUID
    ids: Sequence[UUID]
    void_invoices: bool

    def take_back(self, engine: Engine) -> list[Judged]:
        with transaction(engine) as connection:
            lock_for_archiving(connection, self.account_id, self.ids)
            commits = active_of(connection, self.account_id, self.ids)
            judged = judge(connection, self.account_id, commits, void_invoices=self.void_invoices)
            free = [each for each in judged if each.reason is None]
            if free:
                self._void(connection, free)
                self._archive(connection, free)
            return judged

    def _void(self, connection: Connection, free: Sequence[Judged]) -> None:
        invoices = {key: each.commit.id for each in free for key in each.invoices}
        if invoices:
            void_all_scheduled(connection, self.account_id, invoices, reason=f"batch {self.batch_id} was undone")

    def _archive(self, connection: Connection, free: Sequence[Judged]) -> None:
        archived = archive_rows(connection, self.account_id, [each.commit.id for each in free])
        for kind, ids in _by_kind([each.commit for each in free]).items():
            announce(connection, self.account_id, EVENT_TYPES[f"{kind}.archived"], ids)
        count_undone(
            connection,
            self.account_id,
            self.batch_id,
            archived=len(free),
            suppressed=archived.suppressed,
            voided=_numbers(free),
        )


def _require_undoable(engine: Engine, account_id: int, batch_id: UUID) -> None:
    with snapshot(engine) as connection:
        found = find_to_undo(connection, account_id, batch_id)
    if found is None:
        raise UnknownBatch(f"there is no batch {batch_id} in this account")
    if found.kind == "usage":
        raise UndoRefused(
            f"batch {batch_id} holds usage, and lines of usage are facts that stay: record what is missing as lines of "
            "its own, and correct what was billed (`trueup invoices correct`)"
        )


def _end(engine: Engine, account_id: int, batch_id: UUID, left: Counter[Reason], *, actor: str) -> UndoCounts:
    """End the undo, with its audit row and its event; one that changed nothing, or that another run ended, has none."""

    def unit() -> UndoCounts:
        with transaction(engine) as connection:
            done = end_undo(connection, account_id, batch_id) or UndoCounts()
            if done.changed_something:
                _announce(connection, account_id, batch_id, done, left, actor=actor)
            return done

    return with_retries(unit)


def _announce(
    connection: Connection, account_id: int, batch_id: UUID, done: UndoCounts, left: Counter[Reason], *, actor: str
) -> None:
    counts = {
        "archived": done.archived,
        "suppressed": done.suppressed,
        "voided": count_of(done.voided),
        "left": dict(left),
    }
    note(
        connection,
        account_id,
        actor=actor,
        action="undo_batch",
        subject=str(batch_id),
        before={"state": "open" if done.closes else "closed"},
        after={"state": "closed", **counts, "voided_invoices": ranges_text(done.voided)},
    )
    announce(connection, account_id, "batch.undone", [batch_id], detail=counts)


def _report(
    engine: Engine, account_id: int, batch_id: UUID, left: Counter[Reason], *, ended: UndoCounts | None
) -> Undone:
    with transaction(engine) as connection:
        done = ended or read_undo(connection, account_id, batch_id)
        made = count_commits(connection, account_id, batch_id)
    return Undone(
        batch_id=batch_id,
        commits=made.all,
        archived=done.archived,
        archived_before=made.archived - done.archived,
        suppressed=done.suppressed,
        voided=done.voided,
        left=left,
        is_complete=ended is not None,
    )


def _numbers(judged: Sequence[Judged]) -> list[Range]:
    return ranges_of(number for each in judged for number in each.invoices.values())


def _by_kind(commits: Sequence[Active]) -> dict[str, list[UUID]]:
    ids: dict[str, list[UUID]] = {}
    for each in commits:
        ids.setdefault("credit" if each.type == "CREDIT" else "commit", []).append(each.id)
    return ids
