"""The embedded services: those that no setting replaces."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from trueup_worker.local.backoff import Backoff
from trueup_worker.local.console import Console
from trueup_worker.local.external import BROKER_SETTING, DATABASE_SETTING, REDIS_SETTING
from trueup_worker.local.folder import DataFolder
from trueup_worker.local.servers.postgres import Postgres, start_postgres, stop_left_postgres
from trueup_worker.local.servers.server import Server, ServiceError, ending
from trueup_worker.local.servers.valkey import start_valkey, stop_left_valkey


@dataclass(slots=True)
class _Embedded:
    """A service of ours: how it is started on a port, and the server that runs, if any."""

    folder: Path
    start: Callable[..., Server]
    server: Server | None = None
    backoff: Backoff = field(default_factory=Backoff)


class Services:
    """Postgres and Valkey in a data folder, kept running on the ports that they first got.

    Args:
        folder: where their data lives.
        environ: settings. Postgres is not started when they name a database, nor Valkey when they name broker and
            cache.
        console: where deaths and restarts are told.
    """

    def __init__(self, folder: DataFolder, environ: Mapping[str, str], *, console: Console) -> None:
        self._given = {
            name: environ[name] for name in (DATABASE_SETTING, BROKER_SETTING, REDIS_SETTING) if environ.get(name)
        }
        self._console = console
        self._embedded: dict[str, _Embedded] = {}
        if DATABASE_SETTING not in self._given:
            self._embedded["Postgres"] = _Embedded(folder.postgres, start_postgres)
        if not {BROKER_SETTING, REDIS_SETTING} <= self._given.keys():
            self._embedded["Valkey"] = _Embedded(folder.valkey, start_valkey)

    def start(self) -> None:
        """Start them side by side and wait until they answer.

        Raises:
            ServiceError: one does not start.
        """
        with ThreadPoolExecutor(len(self._embedded) or 1) as threads:
            starting = [(service, threads.submit(service.start, service.folder)) for service in self._embedded.values()]
        for service, start in starting:
            service.server = None if start.exception() else start.result()
        for _, start in starting:
            start.result()

    def urls(self) -> dict[str, str]:
        """URLs of the three services, by setting: the broker on database 0 of Valkey, the cache on database 1."""
        urls = dict(self._given)
        if postgres := self._server("Postgres"):
            urls.setdefault(DATABASE_SETTING, postgres.url)
        if valkey := self._server("Valkey"):
            urls.setdefault(BROKER_SETTING, valkey.url)
            urls.setdefault(REDIS_SETTING, valkey.url.removesuffix("/0") + "/1")
        return urls

    def owner_url(self) -> str | None:
        """As whom the schema of an embedded database is changed; None where the database runs elsewhere."""
        postgres = self._server("Postgres")
        return postgres.owner_url if isinstance(postgres, Postgres) else None

    def tend(self) -> None:
        """Start again whatever died, on its old port: the others hold its URL."""
        for name, service in self._embedded.items():
            server, now = service.server, time.monotonic()
            if server is None:
                continue
            server.log.cap()
            if not server.is_running() and service.backoff.is_due(now):
                self._console.say(f"{name} ended ({ending(server.process.returncode)}); starting it again")
                service.backoff.failed(now)
                self._restart(name, service, port=server.port)

    def stop(self) -> None:
        """Stop them; their data stays."""
        for service in self._embedded.values():
            if service.server:
                service.server.stop()

    def _restart(self, name: str, service: _Embedded, *, port: int) -> None:
        service.backoff.started(time.monotonic())
        try:
            service.server = service.start(service.folder, port=port)
        except (ServiceError, OSError) as error:
            self._console.say(f"{error}\nIt is tried again")
        else:
            self._console.say(f"{name} answers again")

    def _server(self, name: str) -> Server | None:
        service = self._embedded.get(name)
        return service.server if service else None


def stop_left_services(folder: DataFolder) -> None:
    """Stop the services that a killed supervisor left. The caller holds the folder."""
    stop_left_postgres(folder.postgres)
    stop_left_valkey(folder.valkey)
