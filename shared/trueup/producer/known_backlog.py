"""The backlog of each queue, as far as it is known: the one memory of it, and the one decision that there is room."""

import time
from collections.abc import Callable

_KNOWN_S = 0.25  # for this long a backlog is taken to be what it was, and what was put there since


class KnownBacklog:
    """The number of messages on each queue: what the broker told last, and what was put there since.

    It is a little too high, as workers take meanwhile; then the broker is asked. Threads may share it.

    Args:
        limit: envelopes on a queue above which nothing more is put on it.
        clock_s: a monotonic clock.
    """

    def __init__(self, limit: int, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock_s = clock_s
        self._told: dict[str, tuple[int, float]] = {}

    def note(self, queue: str, waiting: int) -> None:
        """Take note of how many the broker says wait on a queue now."""
        self._told[queue] = waiting, self._clock_s() + _KNOWN_S

    def note_put(self, queue: str, waiting: int | None) -> None:
        """Take note of one more that was put on a queue, and of how many wait there now, where the broker told."""
        if waiting is not None:
            self.note(queue, waiting)
        elif queue in self._told:
            before, until_s = self._told[queue]
            self._told[queue] = before + 1, until_s

    def forget(self) -> None:
        """Forget all: the broker may be another one, or empty."""
        self._told = {}

    def has_room(self, queue: str) -> bool:
        """Tell whether a queue is known to take more; where it is not, the broker is to be asked."""
        waiting, until_s = self._told.get(queue, (self.limit, 0.0))
        return waiting < self.limit and self._clock_s() < until_s
