"""State of a wait for outcomes: when to look again, when to send again, when it is over."""

import time
from collections.abc import Iterable, Mapping
from uuid import UUID

from trueup.wire.outcome import Outcome

_POLL_S_MIN, _POLL_S_MAX = 0.02, 1.0


class OutcomeWait:
    """The state of one wait.

    Args:
        ids: of the requests whose outcomes are waited for.
        timeout_s: how long at most.
        resend_after_s: how long nothing may be decided before what is undecided is sent again; doubled each time.

    Attributes:
        pending: ids without an outcome.
        outcomes: what was found, by id.
        deadline_s: when it is over, by the monotonic clock.
    """

    def __init__(self, ids: Iterable[UUID], *, timeout_s: float, resend_after_s: float) -> None:
        self.pending, self.outcomes = set(ids), dict[UUID, Outcome]()
        self._news_s = time.monotonic()
        self.deadline_s = self._news_s + timeout_s
        self._resend_after_s, self._pause_s = resend_after_s, _POLL_S_MIN

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(0.0, self.deadline_s - time.monotonic())

    def is_over(self, found: Mapping[UUID, Outcome]) -> bool:
        """Take in what a look has found, and tell whether it was the last one."""
        self.outcomes |= found
        self.pending -= found.keys()
        if found:
            self._news_s, self._pause_s = time.monotonic(), _POLL_S_MIN
        return not self.pending or not self.left_s

    def is_overdue(self) -> bool:
        """Tell whether it is time to send again what is pending; from then on the time is counted anew, doubled."""
        if time.monotonic() - self._news_s < self._resend_after_s:
            return False
        self._news_s, self._resend_after_s = time.monotonic(), self._resend_after_s * 2
        return True

    def next_pause_s(self) -> float:
        """Seconds until the next look: twice those before, up to a second."""
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, _POLL_S_MAX)
        return min(pause_s, self.left_s)
