"""Outlasting an outage of the broker or the database in the middle of a run."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from trueup.producer.publish import BrokerUnavailable
from trueup.store.postgres.errors import is_permanent, primary_message

Say = Callable[[str], None]
T = TypeVar("T")

_SECONDS_MAX = 600.0
_PAUSE_S, _PAUSE_S_MAX = 0.2, 3.0


def silent(_: str) -> None:
    """Print nothing."""


class Outage:
    """Runs units of work through outages of the broker or the database: says so once, tries on, says when it is over.

    Args:
        say: tells the user.
        seconds_max: of one outage, before its error is raised.
    """

    def __init__(self, say: Say, *, seconds_max: float = _SECONDS_MAX) -> None:
        self._say, self._seconds_max = say, seconds_max

    def run(self, unit: Callable[[], T]) -> T:
        """The unit's result, as soon as it has one."""
        began_s, pause_s = time.monotonic(), _PAUSE_S
        told = False
        while True:
            try:
                result = unit()
            except (BrokerUnavailable, DBAPIError) as error:
                if time.monotonic() - began_s > self._seconds_max or is_permanent(error):
                    raise
                if not told:
                    self._say(f"{primary_message(error)}: trying again, nothing is lost (Ctrl-C is safe too)")
                    told = True
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_S_MAX)
            else:
                if told:
                    self._say(f"back after {time.monotonic() - began_s:.0f} s")
                return result
