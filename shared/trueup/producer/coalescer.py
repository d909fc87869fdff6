"""Coalescing: requests that several callers submit at once travel in one message."""

from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from trueup.producer.publish import BrokerUnavailable
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import Pack, pack


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that is to be sent, with what else travels under its instant; `sent` ends when it is."""

    request: QueuedRequest
    anew_before: datetime | None
    sent: Future[None] = field(default_factory=Future)


class Coalescer:
    """Requests that wait to be sent together; safe to share between threads.

    Args:
        send: sends one envelope of requests that are to be judged under one instant.
    """

    def __init__(self, send: Callable[[Pack, datetime | None], None]) -> None:
        self._send = send
        self._waiting: list[_Waiting] = []
        self._waiting_lock, self._sending = Lock(), Lock()

    def add(self, request: QueuedRequest, anew_before: datetime | None) -> Future[None]:
        """Let a request wait for the next `send`.

        Returns:
            What ends when the request was sent, or with the error that `send` raised. Cancelled before a send has begun
            with it, the request is not sent; afterwards it cannot be cancelled.
        """
        waiting = _Waiting(request, anew_before)
        with self._waiting_lock:
            self._waiting.append(waiting)
        return waiting.sent

    def send(self, sent: Future[None]) -> None:
        """Send everything that waits, unless another thread has sent this request meanwhile."""
        with self._sending:
            if not sent.done():
                self.send_waiting()

    def send_waiting(self) -> None:
        """Send everything that waits; what goes wrong is told by the requests' futures."""
        taken: list[_Waiting] = []
        try:
            with self._waiting_lock:
                taken, self._waiting = self._waiting, []
            alike: defaultdict[datetime | None, list[_Waiting]] = defaultdict(list)
            for each in taken:
                if each.sent.set_running_or_notify_cancel():
                    alike[each.anew_before].append(each)
            for anew_before, together in alike.items():
                self._send_together(together, anew_before)
        finally:  # an interrupt may come anywhere: nobody waits for ever
            for each in taken:
                if not each.sent.done():
                    each.sent.set_exception(BrokerUnavailable("interrupted: submit it again under the same id"))

    def _send_together(self, together: list[_Waiting], anew_before: datetime | None) -> None:
        """Send them in as few envelopes as they fit in; after an error the rest is not tried."""
        unsent = deque(together)
        try:
            for packed in pack([each.request for each in together]):
                self._send(packed, anew_before)
                for _ in packed.requests:
                    unsent.popleft().sent.set_result(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where each of them waits
            for each in unsent:
                each.sent.set_exception(error)
