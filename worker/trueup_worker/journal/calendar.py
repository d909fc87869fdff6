"""Real time on an account's calendar: a sandbox has a clock of its own, which is moved by hand."""

from bisect import bisect_right
from datetime import datetime

from sqlalchemy import Connection

from trueup.store.accounts.accounts import account_clock
from trueup.store.journal.sources import clock_moves


class Calendar:
    """Times of an account's clock, by real time."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._clock = account_clock(connection, account_id)
        moves = clock_moves(connection, account_id) if self._clock else []
        self._moved_at = [each.at for each in moves]
        self._stood = [*(each.clock_before for each in moves[:1]), *(each.clock_after for each in moves)]

    def at(self, real: datetime) -> datetime:
        """The account's time at a real one."""
        if self._clock is None:
            return real
        return self._stood[bisect_right(self._moved_at, real)] if self._stood else self._clock

    def real(self, at: datetime) -> datetime | None:
        """The first real time at which the account's was not before this; None: it never was."""
        if self._clock is None:
            return at
        reached = (moved for moved, stood in zip(self._moved_at, self._stood[1:], strict=True) if stood >= at)
        return next(reached, None)
