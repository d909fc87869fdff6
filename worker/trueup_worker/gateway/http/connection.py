"""A client's connection, as uvicorn serves it, but for what loses calls or lets memory be filled."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trueup.defaults import HTTP_HEADERS_S
from trueup.ids import new_id_text
from trueup_worker.gateway.http.access_log import GUARDS
from trueup_worker.gateway.http.answer import encode
from trueup_worker.gateway.http.error import Error
from trueup_worker.gateway.limits import FAREWELL_SECONDS, HEADERS_BYTES_MAX

CONNECTION = "trueup.connection"  # where a call's scope has the connection that it came by


class Connection(HttpToolsProtocol):
    """Connection whose whole calls are worked on, even if its client has hung up; headers are bounded in time and size.

    Not so what waits behind another call on the same connection: once that is closed, it is not begun.

    Attributes:
        headers_s: how long they may take, from the connection, or from a later call's first byte. While an earlier call
            is worked on, whose answer would be lost, nothing is closed.
        is_stopping: whether each call is the last on its connection.
        has_hung_up: whether the client has closed it, or at least its half.
    """

    headers_s: ClassVar[float] = HTTP_HEADERS_S
    is_stopping: ClassVar[bool] = False
    _too_slow: asyncio.TimerHandle | None = None
    _awaits_headers = True
    _header_bytes = 0
    has_hung_up = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Uvicorn would wait for ever."""
        super().connection_made(transport)
        self._start_timer()
        if self.is_stopping:
            self.shutdown()

    def shutdown(self) -> None:
        """The next answer says that it is the last one; a connection that stays idle is closed after a moment.

        Uvicorn would close it at once, and lose a call that its client, who was not told, is sending.
        """
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        self.loop.call_later(FAREWELL_SECONDS, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Count what comes after the piece in which headers begin, until they end."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self._awaits_headers and self._header_bytes > HEADERS_BYTES_MAX and not self.transport.is_closing():
            self._refuse(431, f"the headers must take at most {HEADERS_BYTES_MAX} bytes")

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that says no more still reads the answer to what arrived whole, or has gone."""
        self.has_hung_up = True
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the form of every refusal."""
        self._refuse(400, msg.rstrip("."))

    def on_message_begin(self) -> None:
        """A later call on the same connection."""
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]
        self._awaits_headers = True
        self._header_bytes = 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        """Stop the clock of the headers."""
        self._awaits_headers = False
        self._forget_timer()
        super().on_headers_complete()
        if self.is_stopping and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Start the clock again where the beginning of the next call has arrived already."""
        super().on_response_complete()
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Uvicorn forgets a body that nobody has read yet; what answers it is written to nobody."""
        cycle = self.cycle
        self.has_hung_up = True
        self._awaits_headers = False
        self._forget_timer()
        has_arrived = cycle is not None and not cycle.more_body and bool(cycle.body)
        super().connection_lost(exc)
        if has_arrived:
            cycle.disconnected, cycle.transport = False, _Nobody()

    def _refuse(self, status: int, message: str) -> None:
        body = encode(Error(message=message, code="invalid_request"))
        told = {
            "content-type": "application/json",
            "content-length": len(body),
            "x-request-id": new_id_text(),
            "connection": "close",
            **GUARDS,
        }
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in told.items()),
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _close_if_idle(self) -> None:
        if self._is_idle:
            self.transport.close()

    def _start_timer(self) -> None:
        if self._awaits_headers and self._is_idle and self._too_slow is None:
            self._too_slow = self.loop.call_later(self.headers_s, self.transport.close)

    def _forget_timer(self) -> None:
        timer, self._too_slow = self._too_slow, None
        if timer is not None:
            timer.cancel()


class _Nobody(asyncio.Transport):
    """Transport of an answer whose caller has hung up."""

    def write(self, data: object) -> None:
        """Drop the bytes: nobody reads them."""

    def close(self) -> None:
        """Count one that was done."""

    def is_closing(self) -> bool:
        """True: the caller has hung up."""
        return True
