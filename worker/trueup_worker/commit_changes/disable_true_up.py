"""The use case: a POSTPAID commit is not trued up."""

from typing import Unpack
from uuid import UUID

from sqlalchemy import Connection

from trueup.ids import new_id
from trueup.store.commits.changes import Item, suppress_items
from trueup.store.invoices.regenerations import renew_obligation
from trueup_worker.commit_changes.refusal import Changed, ChangeRefused, Meant, lock_known, tell
from trueup_worker.invoicing.adjust import UnknownCommit

_SETTLED = {
    "issued": "was invoiced: void invoice {id} first",
    "nothing_due": "found nothing due: there is none to disable",
    "suppressed": "was suppressed: there is none to disable",
}


def disable_true_up(
    connection: Connection,
    *,
    account_id: int,
    commit_id: UUID,
    actor: str,
    contract_id: str | None = None,
    **meant: Unpack[Meant],
) -> Changed:
    """Make sure that what is unspent at the end is not billed, in the caller's transaction.

    Usage draws the commit down as before; what is left expires when the true-up would have been due. One whose invoice
    is void is not made again. To disable what will not be invoiced anyway changes nothing.

    Raises:
        UnknownCommit: there is none, or not of this customer or kind, or not invoiced on this contract.
        ChangeRefused: the true-up is settled, the commit is not POSTPAID, or it is archived.
    """
    stored = lock_known(connection, account_id, commit_id, **meant)
    if contract_id not in (None, str(stored.invoice_contract_id)):
        raise UnknownCommit(f"contract {contract_id} has no commit {commit_id}")
    if stored.archived_at is not None:
        raise ChangeRefused.archived(commit_id)
    if stored.type != "POSTPAID":
        raise ChangeRefused("/commit_id", f"{commit_id} is a {stored.type} commit: only POSTPAID ones have a true-up")
    true_up = stored.true_up
    if true_up.state in _SETTLED:
        raise ChangeRefused("/commit_id", f"the true-up {_SETTLED[true_up.state].format(id=true_up.id)}")
    if true_up.suppressed_by is not None:
        return Changed(commit_id)
    disabled = _open_item(connection, account_id, true_up)
    suppress_items(connection, account_id, [disabled], "true_up_disabled")
    changed = Changed(
        commit_id,
        before={"true_up": {"id": str(true_up.id), "state": true_up.state}},
        after={"true_up": {"id": str(disabled), "state": "true_up_disabled"}},
    )
    return tell(connection, account_id, stored, changed, actor=actor, action="disable_true_up", event="edited")


def _open_item(connection: Connection, account_id: int, true_up: Item) -> UUID:
    """The true-up itself, or, where its invoice is void, the one that takes its place."""
    if true_up.is_open:
        return true_up.id
    renewed = new_id()
    renew_obligation(connection, account_id, true_up.id, new_id=renewed)
    return renewed
