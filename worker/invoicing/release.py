"""Brings back an obligation that was parked, once its cause is mended (spec 3.6)."""

from uuid import UUID

from sqlalchemy import Connection, select, update

from shared.store.audit import note
from shared.store.tables import obligation

_WAITING_FOR_AN_OPERATOR = ("parked", "held")


class ReleaseRefused(Exception):
    """There is nothing to release."""


def release_obligation(connection: Connection, *, account_id: int, obligation_id: UUID, actor: str) -> None:
    """Makes a parked or held obligation pending again, with an audit row, in the caller's transaction.

    Raises:
        ReleaseRefused: it is neither parked nor held, or the account has no such obligation.
    """
    which = (obligation.c.account_id == account_id, obligation.c.id == obligation_id)
    found = connection.execute(select(obligation.c.state, obligation.c.reason).where(*which).with_for_update())
    before = found.one_or_none()
    if before is None or before.state not in _WAITING_FOR_AN_OPERATOR:
        state = "unknown" if before is None else before.state
        raise ReleaseRefused(f"obligation {obligation_id} is {state}: only parked and held ones are released")
    connection.execute(update(obligation).where(*which).values(state="pending", reason=None, attempts=0))
    note(
        connection,
        account_id,
        actor=actor,
        action="release_obligation",
        subject=str(obligation_id),
        before={"state": before.state, "reason": before.reason},
        after={"state": "pending"},
    )
