"""Requests that were sent, best effort, and have no outcome yet: remembered to be sent again, bounded in bytes."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from uuid import UUID

from trueup.wire.message.envelope import QueuedRequest


class UndecidedRequests:
    """The newest requests whose texts fit into `bytes_max`; safe to share between threads."""

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._requests: dict[UUID, tuple[QueuedRequest, datetime | None]] = {}
        self._lock = Lock()

    def add(self, requests: Iterable[QueuedRequest], *, anew_before: datetime | None) -> None:
        """Keep requests, with the instant that they were sent under; the oldest make room."""
        with self._lock:
            for request in requests:
                self._drop(UUID(request.id))
                self._requests[UUID(request.id)] = request, anew_before
                self._bytes += len(request.text)
            while self._bytes > self._bytes_max:
                self._drop(next(iter(self._requests)))

    def drop(self, ids: Iterable[UUID]) -> None:
        """Forget requests that are decided."""
        with self._lock:
            for request_id in ids:
                self._drop(request_id)

    def of(self, ids: Iterable[UUID]) -> dict[datetime | None, list[QueuedRequest]]:
        """Those of `ids` that are kept, by the instant that they were sent under: it stays with them."""
        found: defaultdict[datetime | None, list[QueuedRequest]] = defaultdict(list)
        with self._lock:
            for request_id in ids:
                if request_id in self._requests:
                    request, anew_before = self._requests[request_id]
                    found[anew_before].append(request)
        return found

    def _drop(self, request_id: UUID) -> None:
        held = self._requests.pop(request_id, None)
        if held is not None:
            self._bytes -= len(held[0].text)
