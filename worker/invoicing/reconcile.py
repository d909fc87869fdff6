"""The use case: everything is computed again and compared with what is stored (spec 3.8)."""

from sqlalchemy import Connection, text

from shared.store.reconciliation import CHECKS, Difference, find_differences


def reconcile(connection: Connection, account_id: int | None = None) -> list[Difference]:
    """Every difference, up to `DIFFERENCES_MAX` of each check; an empty list is the proof that all agrees.

    `batch_undecided` names a batch that still has rows without an outcome: it is in flight, or something was lost.

    Args:
        connection: a transaction; it gets as much time as it needs.
        account_id: one account; None for all of them.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    return [difference for check in CHECKS for difference in find_differences(connection, check, account_id)]
