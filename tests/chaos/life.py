"""Customers on a sandbox's clock, whose commits, usage and invoices change while everything around dies."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from tests.acceptance.year import CHANGES, Year, month_start
from tests.chaos.waiting import last
from trueup.producer.client import CommitProducer, UsageProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.publish import BrokerUnavailable, QueueFull

_LINES, _COMMITS, _CHANGES = 40, 3, 25  # of a month
_PAUSE_S = 0.1
_AWAY = (BrokerUnavailable, DatabaseUnavailable, DBAPIError, QueueFull)

T = TypeVar("T")


class Life(Year):
    """Months of an account; whatever fails because a service is away is done again.

    Attributes:
        month: the one that it is in, counted from the first.
    """

    month = 0

    def go_on(self, over: Event) -> str:
        """Months, one after the other, until it is over; what falls due in them is somebody else's business."""
        before, first = self.done.total(), self.month
        while not over.is_set():
            self._live_a_month(over)
        return f"{self.done.total() - before} changes in {self.month - first} months"

    def _live_a_month(self, over: Event) -> None:
        number = self.month
        self._insist(lambda: self.usage.submit_many([self._line(number, nth) for nth in range(_LINES)]))
        self._insist(lambda: self.commits.submit_many([self._new_commit(number) for _ in range(_COMMITS)]))
        for _ in range(_CHANGES):
            self._insist(lambda: self._try(self.chance.choice(CHANGES), number))
            over.wait(_PAUSE_S)
        self.month += 1
        self._insist(lambda: self.advance(month_start(self.month).replace(day=2, hour=2)))

    def _send(self, _: CommitProducer | UsageProducer, ids: list[UUID], what: str) -> None:
        """What becomes of them is looked at when everything is quiet."""
        self.done[what] += len(ids)

    def _insist(self, act: Callable[[], T]) -> T:
        """Do it again while services are away."""
        while True:
            try:
                return act()
            except _AWAY:
                last(_PAUSE_S)
