"""The way of creates through broker and worker, and back: whether it is open."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from trueup.ids import new_id_text
from trueup.producer.publish import BrokerUnavailable
from trueup_worker.gateway.database.single_flight import SingleFlight
from trueup_worker.gateway.limits import HEALTH_SECONDS_MAX, ROUND_TRIP_SECONDS


class CreateRoundTrip:
    """The way is open when something passed a moment ago: an outcome that was waited for, or else a probe.

    A probe is a message for a worker, which answers by a hint and does nothing else.

    Args:
        send: puts a probe of this name on its queue.
        is_heard: whether hints come in; while they do not, a probe would prove nothing, and the way counts as open.
        clock_s: a monotonic clock.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        is_heard: Callable[[], bool],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._is_heard, self._clock_s = send, is_heard, clock_s
        self._name = new_id_text()
        self._passed_s = -math.inf
        self._answered = asyncio.Event()
        self._probe_once = SingleFlight(self._probe)

    def note(self) -> None:
        """Note that something passed."""
        self._passed_s = self._clock_s()

    def hear(self, names: Iterable[str]) -> None:
        """Hear that probes of these names were answered, this process's own or another's."""
        if self._name in names:
            self.note()
            self._answered.set()

    async def is_open(self) -> bool:
        """Tell whether something passed a moment ago; send a probe unless that is known."""
        if not self._has_passed() and self._is_heard():
            await self._probe_once()
        return self._has_passed() or not self._is_heard()

    def _has_passed(self) -> bool:
        return self._clock_s() < self._passed_s + ROUND_TRIP_SECONDS

    async def _probe(self) -> None:
        self._answered.clear()
        with suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(HEALTH_SECONDS_MAX):
                await self._send(self._name)
                await self._answered.wait()
