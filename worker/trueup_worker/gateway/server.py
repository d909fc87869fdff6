"""Serving: uvicorn on a socket, stopped so that everything that was taken is answered."""

import asyncio
import socket
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from trueup.readiness import announce_ready
from trueup.settings import Settings
from trueup_worker.celery.client import keep_client
from trueup_worker.gateway.app import make_app, wrapped
from trueup_worker.gateway.http.connection import Connection
from trueup_worker.gateway.limits import IDLE_SECONDS_MAX
from trueup_worker.gateway.services import Gateway
from trueup_worker.observability.exposition import serve_metrics

_BACKLOG = 2_048
_STOP_SECONDS_MAX = 15  # below what the supervisor waits


class Server(uvicorn.Server):
    """A server that says when it takes calls, and tells the gateway when it is to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        """A signal ends the process well: uvicorn would raise it once more when everything is answered."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            gateway: Gateway = self._app.state.gateway
            serve_metrics(gateway.settings, "gateway", engine=gateway.engine)
            announce_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what waits be answered soon, then stop.

        Where others share the port, no caller notices: who has connected already is served, and told to connect anew.
        """
        gateway: Gateway | None = getattr(self._app.state, "gateway", None)
        if gateway is not None:
            gateway.stop()
        Connection.is_stopping = True
        waiting = [connection for listener in sockets or [] for connection in _close(listener)]
        loop = asyncio.get_running_loop()
        serving = [loop.create_task(loop.connect_accepted_socket(self._protocol, connection)) for connection in waiting]
        await super().shutdown(sockets)
        await asyncio.gather(*serving, return_exceptions=True)

    def _protocol(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _close(listener: socket.socket) -> list[socket.socket]:
    """Stop listening; returns the connections that nobody has taken yet, which the system would reset."""
    waiting = []
    listener.settimeout(0)
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.settimeout(0)
            waiting.append(connection)
    with suppress(OSError):  # some systems know no such state of a socket that listens
        listener.shutdown(socket.SHUT_RDWR)
    return waiting


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    keep_client()
    Connection.headers_s = settings.http_headers_s
    app = make_app(settings)
    config = uvicorn.Config(
        wrapped(app),
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=IDLE_SECONDS_MAX,
        timeout_graceful_shutdown=_STOP_SECONDS_MAX,
    )
    with listening(settings) as listener:
        Server(config, app).run([listener])


def listening(settings: Settings) -> socket.socket:
    """A socket on the gateway's address.

    Raises:
        OSError: another process has the address.
    """
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.http_share_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.http_host, settings.http_port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
