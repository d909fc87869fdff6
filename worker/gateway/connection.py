"""A client's connection, as uvicorn serves it, but for two things."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """What arrived whole is worked on, although its client has hung up by then; headers must arrive in time.

    Attributes:
        headers_s: how long they may take, from the connection, or from a later call's first byte.
    """

    headers_s: ClassVar[float] = 10.0
    _too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Uvicorn would wait for ever."""
        super().connection_made(transport)
        self._too_slow = self.loop.call_later(self.headers_s, transport.close)

    def on_message_begin(self) -> None:
        """A later call on the same connection."""
        super().on_message_begin()
        if self._too_slow is None:
            self._too_slow = self.loop.call_later(self.headers_s, self.transport.close)

    def on_headers_complete(self) -> None:
        """In time."""
        self._forget_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Uvicorn forgets a body that nobody has read yet; what answers it is written to nobody."""
        cycle = self.cycle
        self._forget_timer()
        has_arrived = cycle is not None and not cycle.more_body and bool(cycle.body)
        super().connection_lost(exc)
        if has_arrived:
            cycle.disconnected = False

    def _forget_timer(self) -> None:
        timer, self._too_slow = self._too_slow, None
        if timer is not None:
            timer.cancel()
