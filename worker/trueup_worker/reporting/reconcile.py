"""The use case: everything is computed again and compared with what is stored."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import get_args

from sqlalchemy import Connection, text

from trueup.defaults import USAGE_GRACE_H
from trueup.store.postgres.engine import snapshot
from trueup.store.postgres.plans import plan_afresh, plan_for_whole_tables
from trueup.store.reconciliation import CHECKS, DIFFERENCES_MAX, Difference, find_differences
from trueup.store.reconciliation.check import By
from trueup.store.reconciliation.slices import Some, changed_since, stretches
from trueup.store.usage.billed_lines import issued_true_ups, true_up_terms
from trueup_worker.invoicing.holds import beside_issued
from trueup_worker.journal.agreement import journal_differences

_ACCOUNTS = text("SELECT id FROM account ORDER BY id")
_LOOKED_AT = 1_000  # true-ups at once
_LINES_NAMED = 5


def reconcile(
    connection: Connection,
    account_id: int | None = None,
    *,
    usage_grace_h: int = USAGE_GRACE_H,
    since: datetime | None = None,
    told: Callable[[int, int], object] = lambda _done, _all: None,
) -> list[Difference]:
    """Every difference, up to `DIFFERENCES_MAX` of each check; an empty list is the proof that all agrees.

    `batch_undecided` names a batch that still has rows without an outcome: it is in flight, or something was lost.

    Args:
        connection: a transaction; its settings are made for reading much, until it ends.
        account_id: one account; None for all of them.
        usage_grace_h: the setting; a month that is open for longer is overdue.
        since: only commits in which something was booked since then, and what belongs to them; None: all. What does
            not belong to a commit or an invoice is looked at as ever.
        told: is told how many slices were looked at, and how many there are.
    """
    plan_for_whole_tables(connection)
    plan_afresh(connection)
    accounts = [account_id] if account_id is not None else list(connection.scalars(_ACCOUNTS))
    found: dict[str, list[Difference]] = {check.name: [] for check in CHECKS}
    slices = [each for owner in accounts for each in _slices(connection, owner, since)]
    for done, (owner, by, some) in enumerate(slices):
        told(done, len(slices))
        for check in CHECKS:
            if check.by == by and len(found[check.name]) < DIFFERENCES_MAX:
                found[check.name] += find_differences(connection, check, owner, usage_grace_h=usage_grace_h, some=some)
    told(len(slices), len(slices))
    for check in CHECKS:
        if check.by is None:
            found[check.name] += find_differences(connection, check, account_id, usage_grace_h=usage_grace_h)
    differences = [each for of_check in found.values() for each in of_check[:DIFFERENCES_MAX]]
    connection.execute(text("SET LOCAL enable_nestloop = on"))
    differences += islice(_true_ups_beside_usage(connection, account_id), DIFFERENCES_MAX)
    return differences + list(islice(_of_books(connection, account_id), DIFFERENCES_MAX))


def _slices(connection: Connection, account_id: int, since: datetime | None) -> Iterator[tuple[int, By, Some]]:
    changed = None if since is None else changed_since(connection, account_id, since)
    for by in get_args(By):
        some = stretches(connection, account_id, by) if changed is None else changed[by]
        yield from ((account_id, by, each) for each in some)


def _of_books(connection: Connection, account_id: int | None) -> Iterator[Difference]:
    """Differences of the journals, each account's of one moment."""
    chosen = [account_id] if account_id is not None else list(connection.scalars(_ACCOUNTS))
    for each in chosen:
        with snapshot(connection.engine) as moment:
            plan_for_whole_tables(moment)
            yield from journal_differences(moment, each)


def _true_ups_beside_usage(connection: Connection, account_id: int | None) -> Iterator[Difference]:
    """Issued true-ups whose commit covers usage that was charged beside them, but for lines that were excepted."""
    for owner, group in groupby(list(issued_true_ups(connection, account_id)), key=itemgetter(0)):
        ids = [key for _, key in group]
        for start in range(0, len(ids), _LOOKED_AT):
            beside = beside_issued(connection, owner, ids[start : start + _LOOKED_AT])
            terms = {each.id: each.commit_id for each in true_up_terms(connection, owner, list(beside))}
            for key, hold in beside.items():
                lines = ", ".join(f"line {line.position} of {line.period_id}" for line in hold.lines[:_LINES_NAMED])
                yield Difference(
                    "true_up_beside_usage",
                    str(terms[key]),
                    f"no usage that the commit covers, charged beside true-up {key}",
                    f"{len(hold.lines)}: {lines}",
                )
