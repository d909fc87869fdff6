"""Reconciliation: what must always agree, as queries that return only what does not.

There are no foreign keys between the rows that one statement writes: that they belong together is checked here.
Each query reads one snapshot, so that work going on meanwhile is never mistaken for a difference.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from trueup.store.reconciliation import charged_once, commits, events, invoices, looks, requests, usage
from trueup.store.reconciliation.check import Check, Difference
from trueup.store.reconciliation.slices import Some, sliced

__all__ = ["CHECKS", "Check", "Difference", "find_differences"]

CHECKS = (
    *commits.CHECKS,
    *invoices.CHECKS,
    *charged_once.CHECKS,
    *usage.CHECKS,
    *requests.CHECKS,
    *events.CHECKS,
    *looks.CHECKS,
)
DIFFERENCES_MAX = 1_000  # of one check that are listed


def find_differences(
    connection: Connection, check: Check, account_id: int | None, *, usage_grace_h: int, some: Some | None = None
) -> Iterator[Difference]:
    """Differences that one check finds, up to `DIFFERENCES_MAX`; of every account when `account_id` is None.

    Args:
        connection: a transaction.
        check: what is to agree.
        account_id: whose rows.
        usage_grace_h: hours for which a month is left open after its end.
        some: those of an account that the check is asked of, where it may be asked of some; None: all.
    """
    given = {"account_id": account_id, "usage_grace_h": usage_grace_h, "differences_max": DIFFERENCES_MAX}
    of_some = {} if some is None else some.given
    statement = check.sql if some is None else sliced(check, some)
    for row in connection.execute(text(f"{statement} LIMIT :differences_max"), {**given, **of_some}):
        yield Difference(check.name, str(row.subject), str(row.expected), str(row.found))
