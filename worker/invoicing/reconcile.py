"""The use case: everything is computed again and compared with what is stored (spec 3.8)."""

from sqlalchemy import Connection, text

from shared.store.reconciliation import CHECKS, Difference, find_differences
from worker.invoicing.close import USAGE_GRACE_H

# Every check reads whole tables: a plan made for the few rows that old statistics promise (a loop, or a merge by the
# account alone) would take for ever.
_FOR_WHOLE_TABLES = ("statement_timeout = 0", "enable_nestloop = off", "enable_mergejoin = off", "work_mem = '64MB'")


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
    for setting in _FOR_WHOLE_TABLES:
        connection.execute(text(f"SET LOCAL {setting}"))
    return [
        difference
        for check in CHECKS
        for difference in find_differences(connection, check, account_id, usage_grace_h=usage_grace_h)
    ]
