"""A TCP line before Postgres that can fall silent: nothing is closed, and nothing arrives any more."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread

from sqlalchemy.engine import URL


class Line:
    """Carries bytes both ways, but while it is silent."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._carries, self._sockets = Event(), list[socket.socket]()
        self._carries.set()
        self.door = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """While this lasts."""
        self._carries.clear()
        try:
            yield
        finally:
            self._carries.set()

    def close(self) -> None:
        """Ends all connections."""
        for each in (self.door, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self.door.accept()[0]
                self._carries.wait()
                far = socket.create_connection(self._target)
                self._sockets += (near, far)
                for ends in ((near, far), (far, near)):
                    Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65_536):
                self._carries.wait()
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(database: URL) -> Iterator[tuple[Line, str]]:
    """A line, and the database's URL by way of it."""
    with closing(Line((database.host or "127.0.0.1", database.port or 5432))) as line:
        by_line = database.set(drivername="postgresql", host="127.0.0.1", port=line.door.getsockname()[1])
        yield line, by_line.render_as_string(hide_password=False)
