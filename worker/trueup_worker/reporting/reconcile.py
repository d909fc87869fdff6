"""The use case: everything is computed again and compared with what is stored."""

from collections.abc import Iterator
from itertools import groupby, islice
from operator import itemgetter

from sqlalchemy import Connection, text

from trueup.defaults import USAGE_GRACE_H
from trueup.store.postgres.engine import snapshot
from trueup.store.postgres.plans import plan_for_whole_tables
from trueup.store.reconciliation import CHECKS, DIFFERENCES_MAX, Difference, find_differences
from trueup.store.usage.billed_lines import issued_true_ups, true_up_terms
from trueup_worker.invoicing.holds import beside_issued
from trueup_worker.journal.agreement import journal_differences

_ACCOUNTS = text("SELECT id FROM account ORDER BY id")
_LOOKED_AT = 1_000  # true-ups at once
_LINES_NAMED = 5


def reconcile(
    connection: Connection, account_id: int | None = None, *, usage_grace_h: int = USAGE_GRACE_H
) -> list[Difference]:
    """Every difference, up to `DIFFERENCES_MAX` of each check; an empty list is the proof that all agrees.

    `batch_undecided` names a batch that still has rows without an outcome: it is in flight, or something was lost.

    Args:
        connection: a transaction; its settings are made for reading whole tables, until it ends.
        account_id: one account; None for all of them.
        usage_grace_h: the setting; a month that is open for longer is overdue.
    """
    plan_for_whole_tables(connection)
    found = [
        difference
        for check in CHECKS
        for difference in find_differences(connection, check, account_id, usage_grace_h=usage_grace_h)
    ]
    connection.execute(text("SET LOCAL enable_nestloop = on"))
    found += islice(_true_ups_beside_usage(connection, account_id), DIFFERENCES_MAX)
    return found + list(islice(_of_books(connection, account_id), DIFFERENCES_MAX))


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
