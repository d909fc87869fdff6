"""Reconciliation: what must always agree, as queries that return only what does not.

There are no foreign keys between the rows that one statement writes: that they belong together is checked here.
Each query reads one snapshot, so that work going on meanwhile is never mistaken for a difference.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from trueup.store.reconciliation import charged_once, commits, events, invoices, requests, usage
from trueup.store.reconciliation.check import Check, Difference

__all__ = ["CHECKS", "Check", "Difference", "find_differences"]

CHECKS = (*commits.CHECKS, *invoices.CHECKS, *charged_once.CHECKS, *usage.CHECKS, *requests.CHECKS, *events.CHECKS)
DIFFERENCES_MAX = 1_000  # of one check that are listed


def find_differences(
    connection: Connection, check: Check, account_id: int | None, *, usage_grace_h: int
) -> Iterator[Difference]:
    """Differences that one check finds, up to `DIFFERENCES_MAX`; of every account when `account_id` is None.

    Args:
        usage_grace_h: hours for which a month is left open after its end.
    """
    given = {"account_id": account_id, "usage_grace_h": usage_grace_h, "differences_max": DIFFERENCES_MAX}
    for row in connection.execute(text(f"{check.sql} LIMIT :differences_max"), given):
        yield Difference(check.name, str(row.subject), str(row.expected), str(row.found))
