"""Spare time of this host's processors: where others need all of it, deliveries keep to a rate that is always theirs.

A nicer process alone does not do: each delivery has the database work as well, which is no nicer for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from trueup.limits import WEBHOOK_BUSY_PER_S

_LOOK_S = 1.0
_BUSY_SHARE = 0.95  # of the processors' time, above which nothing is left
_OWN_SHARE = 0.2  # of what is used, above which it is this process that fills the host, alone or nearly so


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor time since some moment: of all there is, of it idle, and of it this process's own."""

    whole: float
    idle: float
    own: float


def used_here() -> Used | None:
    """Read what has been used on this host since it started; None: it does not tell, as in many a sandbox."""
    try:
        times = psutil.cpu_times()
    except OSError:
        return None
    idle = times.idle + getattr(times, "iowait", 0.0)
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return Used(sum(times) - counted_twice, idle, time.process_time())


class SpareTime:
    """Spare time as the last second had it; the first one is taken to have had none.

    Args:
        now: seconds of a clock that never goes back, as all times here.
        used: tells what has been used until now.
    """

    def __init__(self, now: float, used: Callable[[], Used | None] = used_here) -> None:
        self._used = used
        self._before, self._looked_at = used(), now
        self._left: int | None = WEBHOOK_BUSY_PER_S

    def deliveries(self, now: float) -> int | None:
        """Number of deliveries that may be claimed now; None: any. Once a second it is looked anew."""
        if now >= self._looked_at + _LOOK_S:
            self._left = WEBHOOK_BUSY_PER_S if self._is_short() else None
            self._looked_at = now
        return self._left

    def take(self, deliveries: int) -> None:
        """Note that so many were claimed."""
        if self._left is not None:
            self._left = max(self._left - deliveries, 0)

    def _is_short(self) -> bool:
        before, self._before = self._before, self._used()
        if before is None or self._before is None:
            return False
        whole = self._before.whole - before.whole
        busy = whole - (self._before.idle - before.idle)
        own = self._before.own - before.own
        return whole > 0 and busy > _BUSY_SHARE * whole and own < _OWN_SHARE * busy
