"""The use case: a sandbox account's clock, moved by hand."""

from datetime import datetime

from sqlalchemy import Connection, text

from trueup.domain.month import YEAR_MAX
from trueup.errors import Refused
from trueup.store.accounts.audit import note

_NOW = text("SELECT coalesce(clock_at, now()) FROM account WHERE id = :account_id")
_LOCK = text("SELECT clock_at FROM account WHERE id = :account_id FOR NO KEY UPDATE")
_ADVANCE = text("UPDATE account SET clock_at = :to WHERE id = :account_id")


class ClockRefused(Refused):
    """The clock does not move; the message says why."""


def account_now(connection: Connection, account_id: int) -> datetime:
    """The account's present: its own clock for a sandbox, else the database's; never this machine's."""
    now: datetime = connection.execute(_NOW, {"account_id": account_id}).scalar_one()
    return now


def advance_clock(connection: Connection, *, account_id: int, to: datetime, actor: str) -> datetime:
    """Move a sandbox account's clock forward, with an audit row; to where it stands already changes nothing.

    What falls due by it is found by the scheduler at its next look.

    Args:
        connection: a transaction.
        account_id: of a sandbox account.
        to: the new present, aware.
        actor: key id of the operator's token.

    Returns:
        Where the clock stood before.

    Raises:
        ClockRefused: the account lives in real time, or the clock would move back.
    """
    before: datetime | None = connection.execute(_LOCK, {"account_id": account_id}).scalar_one()
    if before is None:
        raise ClockRefused("the account lives in real time: only the clock of a sandbox account can be moved")
    if to.tzinfo is None or to.year > YEAR_MAX:
        raise ClockRefused(f"the clock needs an instant with an offset, in a year up to {YEAR_MAX}")
    if to < before:
        raise ClockRefused(f"the clock stands at {before.isoformat()}: it moves only forward")
    if to > before:
        connection.execute(_ADVANCE, {"account_id": account_id, "to": to})
        note(
            connection,
            account_id,
            actor=actor,
            action="advance_clock",
            subject=str(account_id),
            before={"clock_at": before.isoformat()},
            after={"clock_at": to.isoformat()},
        )
    return before
