"""Changes of a promise beside true-ups that were issued: no shortfall stands beside usage that would have filled it."""

from sqlalchemy import Connection

from trueup.store.commits.changes import Stored
from trueup.store.invoices.true_ups import issued_named, lock_true_ups, reopen_true_ups
from trueup_worker.commit_changes.refusal import ChangeRefused
from trueup_worker.invoicing.holds import beside_issued


def refuse_beside_issued(connection: Connection, account_id: int, stored: Stored) -> None:
    """Refuse a change, which was written before this, that lets a trued-up commit cover usage it did not draw for.

    Held true-ups of the customer are judged anew when they are settled.

    Args:
        connection: the transaction of the change, which holds the customer's true-ups.
        account_id: whose commit.
        stored: the commit as it was; only a POSTPAID one decides about true-ups.

    Raises:
        ChangeRefused: it would; the message names the true-ups.
    """
    if stored.type != "POSTPAID":
        return
    customer_id = stored.customer_id
    issued = {
        each.id: each.commit_id for each in lock_true_ups(connection, account_id, customer_id) if each.state == "issued"
    }
    beside = beside_issued(connection, account_id, list(issued))
    if beside:
        named = issued_named(connection, account_id, customer_id, [issued[key] for key in beside])
        raise ChangeRefused(
            "", f"usage that was charged would be covered by what was trued up: void that invoice first: {named}"
        )
    reopen_true_ups(connection, account_id, customer_id)
