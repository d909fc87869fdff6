"""Brings back what was parked or held, once its cause is mended (spec 3.5, 3.6)."""

from uuid import UUID

from sqlalchemy import Connection, func, select, update

from shared.store.audit import note
from shared.store.due import USED_BEFORE
from shared.store.months import release_months
from shared.store.tables import obligation

_WAITING_FOR_AN_OPERATOR = ("parked", "held")


class ReleaseRefused(Exception):
    """There is nothing to release."""


def release_obligation(connection: Connection, *, account_id: int, obligation_id: UUID, actor: str) -> None:
    """Makes a parked or held obligation pending again, with an audit row, in the caller's transaction.

    A true-up that was held as usage had been invoiced before its commit is made all the same. The id of a customer
    brings back the months of this customer that could not be closed.

    Raises:
        ReleaseRefused: it is neither parked nor held, or the account has no such obligation.
    """
    which = (obligation.c.account_id == account_id, obligation.c.id == obligation_id)
    found = connection.execute(select(obligation.c.state, obligation.c.reason).where(*which).with_for_update())
    before = found.one_or_none()
    if before is None and _release_months(connection, account_id, obligation_id, actor):
        return
    if before is None or before.state not in _WAITING_FOR_AN_OPERATOR:
        state = "unknown" if before is None else before.state
        raise ReleaseRefused(f"obligation {obligation_id} is {state}: only parked and held ones are released")
    pending: dict[str, object] = {"state": "pending", "reason": None, "attempts": 0, "settled_at": None}
    if before.reason == USED_BEFORE:
        pending["released_at"] = func.now()
    connection.execute(update(obligation).where(*which).values(pending))
    note(
        connection,
        account_id,
        actor=actor,
        action="release_obligation",
        subject=str(obligation_id),
        before={"state": before.state, "reason": before.reason},
        after={"state": "pending"},
    )


def _release_months(connection: Connection, account_id: int, customer_id: UUID, actor: str) -> bool:
    months = [f"{each:%Y-%m}" for each in release_months(connection, account_id, customer_id)]
    if months:
        note(
            connection,
            account_id,
            actor=actor,
            action="release_months",
            subject=str(customer_id),
            before={"state": "parked", "months": months},
            after={"state": "open", "months": months},
        )
    return bool(months)
