"""Room for attempts: how many each endpoint may have, so that none takes the room of others.

An endpoint is quick, once it took a delivery within a second; until an attempt takes longer or fails. What is quick and
what is not have room of their own, and in its second second an attempt counts as one that is not.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

from trueup.limits import (
    WEBHOOK_ATTEMPTS_MAX,
    WEBHOOK_ATTEMPTS_SLOW_MAX,
    WEBHOOK_ATTEMPTS_YOUNG_MAX,
    WEBHOOK_CLAIMS_AHEAD,
    WEBHOOK_CLAIMS_AHEAD_MAX,
    WEBHOOK_CONCURRENCY,
    WEBHOOK_CONCURRENCY_SLOW,
    WEBHOOK_QUICK_S,
)
from trueup.store.webhooks.claims import Ready
from trueup.store.webhooks.expansion import Which


class Pace(IntEnum):
    """Pace of an endpoint, as its last attempts were."""

    FAILING = 0
    UNKNOWN = 1
    SLOW = 2
    QUICK = 3


_AT_ONCE = {Pace.FAILING: 1, Pace.UNKNOWN: 1, Pace.SLOW: WEBHOOK_CONCURRENCY_SLOW, Pace.QUICK: WEBHOOK_CONCURRENCY}


@dataclass(slots=True, eq=False)
class Flight:
    """Attempt that is being made.

    Attributes:
        is_young: it is in its first second.
        is_slow: it takes room of those that are slow.
    """

    which: Which
    began: float
    is_slow: bool
    is_young: bool = True


class Room:
    """Attempts of one worker, and what it knows of endpoints. Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._pace: dict[Which, Pace] = {}
        self._begun: Counter[Which] = Counter()
        self._in_order: deque[Flight] = deque()
        self._young = self._slow = self._turn = 0

    @property
    def attempts(self) -> int:
        """Number of those that are being made."""
        return self._begun.total()

    @property
    def slow_attempts(self) -> int:
        """Number of those that began at endpoints that were not quick, or have turned out not to be."""
        return self._slow

    def pace(self, which: Which) -> Pace:
        """Pace of an endpoint, as far as it is known."""
        return self._pace.get(which, Pace.UNKNOWN)

    def begin(self, which: Which, now: float) -> Flight:
        """Note that an attempt begins."""
        flight = Flight(which, now, is_slow=self.pace(which) is not Pace.QUICK)
        self._begun[which] += 1
        self._in_order.append(flight)
        self._young += 1
        self._slow += flight.is_slow
        return flight

    def end(self, flight: Flight, now: float, *, succeeded: bool) -> None:
        """Note how an attempt ended."""
        which = flight.which
        self._begun[which] -= 1
        if not self._begun[which]:
            del self._begun[which]
        self._young -= flight.is_young
        self._slow -= flight.is_slow
        flight.is_young = flight.is_slow = False
        if succeeded:
            self._pace[which] = Pace.QUICK if now - flight.began < WEBHOOK_QUICK_S else Pace.SLOW
        else:
            self._pace[which] = Pace.FAILING

    def age(self, now: float) -> None:
        """Let attempts that take longer than a second count as slow, and their endpoints with them."""
        while self._in_order and self._in_order[0].began < now - WEBHOOK_QUICK_S:
            flight = self._in_order.popleft()
            if flight.is_young:
                flight.is_young = False
                self._young -= 1
                self._slow += not flight.is_slow
                flight.is_slow = True
                self._pace[flight.which] = min(self.pace(flight.which), Pace.SLOW)

    def may_begin(self, which: Which) -> bool:
        """Tell whether an endpoint may have one more attempt now."""
        pace = self.pace(which)
        if self._begun[which] >= _AT_ONCE[pace] or self.attempts >= WEBHOOK_ATTEMPTS_MAX:
            return False
        if pace is Pace.QUICK:
            return self._young < WEBHOOK_ATTEMPTS_YOUNG_MAX
        return self.slow_attempts < WEBHOOK_ATTEMPTS_SLOW_MAX

    def shares(
        self, ready: Sequence[Ready], queued: Mapping[Which, int], *, quick_only: bool, new_max: int | None = None
    ) -> dict[Which, int]:
        """Number of deliveries of each endpoint that may be claimed, those included that are.

        Args:
            ready: endpoints with something due; whose turn it is first changes from call to call.
            queued: how many were claimed and have not begun.
            quick_only: whether none may be claimed that could take long.
            new_max: that may be claimed of all of them together, half of them of those that are not quick; None: as
                many as there is room for.
        """
        for each in ready:
            if each.is_failing and self.pace(each.which) is not Pace.FAILING:
                self._pace[each.which] = Pace.FAILING
        listed = [each.which for each in ready]
        self._turn = (self._turn + 1) % max(1, len(listed))
        in_turn = list(chain(listed[self._turn :], listed[: self._turn]))
        left = WEBHOOK_ATTEMPTS_MAX - self.attempts - sum(queued.values())
        slow = [each for each in in_turn if self.pace(each) is not Pace.QUICK]
        left_slow = WEBHOOK_ATTEMPTS_SLOW_MAX - self.slow_attempts - sum(queued.get(each, 0) for each in slow)
        if new_max is not None:
            left, left_slow = min(left, new_max), min(left_slow, -(-new_max // 2))
        ahead = _ahead(len(listed) - len(slow))
        shares: dict[Which, int] = {}
        for which in in_turn:
            held = self._begun[which] + queued.get(which, 0)
            share = min(self._share(which, ahead), held + max(left, 0))
            is_quick = self.pace(which) is Pace.QUICK
            if share <= held or (not is_quick and (quick_only or left_slow <= 0)):
                continue
            shares[which] = share
            left -= share - held
            left_slow -= 0 if is_quick else share - held
        return shares

    def _share(self, which: Which, ahead: int) -> int:
        pace = self.pace(which)
        return ahead if pace is Pace.QUICK else _AT_ONCE[pace]


def _ahead(quick: int) -> int:
    """Deliveries that each of so many quick endpoints has claimed: together they leave half of the room to others."""
    return max(WEBHOOK_CLAIMS_AHEAD, min(WEBHOOK_CLAIMS_AHEAD_MAX, WEBHOOK_ATTEMPTS_MAX // 2 // max(1, quick)))
