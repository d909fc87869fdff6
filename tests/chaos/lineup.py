"""Which processes there are, and the supervisor that runs them: the product's own."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from tests.chaos.clock import Clock
from tests.chaos.proxy import Proxy
from tests.conftest import SECRET_KEY
from trueup.readiness import READY_FOLDER_VARIABLE
from trueup_worker.local.console import Console
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.folder import DataFolder
from trueup_worker.local.fork_server.client import ForkServer
from trueup_worker.local.runner import Runner
from trueup_worker.local.servers.server import LOOPBACK

ROOT = Path(__file__).parents[2]
VISIBILITY_TIMEOUT_S = 2
SCHEDULER_INTERVAL_S = 0.5
HTTP_WAIT_S = 2  # for an outcome, behind a backlog; then a call is promised one
QUEUE_LIMIT = 400  # envelopes: above a round's backlog, and soon reached by whoever sends more than is worked off
WEBHOOK_LEASE_S = 8.0  # where the app is `hasty_webhooks`, and
WEBHOOK_SECONDS_MAX = 2.0  # of an attempt
WEBHOOK_RETRIES = "1s,1s,2s,3s" + ",5s" * 26  # in place of days: whoever is down for minutes is waited for
RECEIVER = "receiver"
_DATABASE = "TRUEUP_DATABASE_URL"
_WORKER = (
    "python -m celery --quiet -A {app} worker -P solo -n {name}@chaos -Q {queues} "
    "--without-gossip --without-mingle --without-heartbeat -l WARNING"
)


@dataclass(frozen=True, slots=True)
class Lineup:
    """The processes of a world, and what is wrong with them, if anything.

    Attributes:
        workers: the queues of each worker, by its name.
        producers: kept, files.
        gateways: how many share one port.
        app: the workers' Celery app.
        scheduler: the schedulers' module.
        lease_s: after which a kept envelope is published again.
        receiver: the application that keeps a copy, with its arguments; none: there is none.
    """

    workers: tuple[tuple[str, str], ...] = (
        ("single", "commits"),
        ("bulk", "commits,commits.bulk"),
        ("invoices", "invoices"),
    )
    producers: tuple[str, ...] = ("kept", "files")
    schedulers: int = 2
    gateways: int = 2
    app: str = "trueup_worker.celery.app"
    scheduler: str = "trueup_worker.scheduling"
    lease_s: int = 5
    receiver: str | None = None

    @property
    def worker_names(self) -> list[str]:
        """The names of all workers."""
        return [name for name, _ in self.workers]

    @property
    def commit_workers(self) -> list[str]:
        """The names of the workers that make commits."""
        return [name for name, queues in self.workers if "commits" in queues]

    @property
    def senders(self) -> list[str]:
        """The names of the workers that send webhooks."""
        return [name for name, queues in self.workers if "events" in queues]

    @property
    def receivers(self) -> list[str]:
        """The name of the application that keeps a copy, where there is one."""
        return [RECEIVER] if self.receiver else []

    @property
    def scheduler_names(self) -> list[str]:
        """The names of the schedulers."""
        return [f"scheduler-{number}" for number in range(1, self.schedulers + 1)]

    @property
    def gateway_names(self) -> list[str]:
        """The names of the gateways."""
        return [f"gateway-{number}" for number in range(1, self.gateways + 1)]

    @property
    def names(self) -> list[str]:
        """The names of all processes, in the order of their commands."""
        return [*self.worker_names, *self.scheduler_names, *self.gateway_names, *self.producers, *self.receivers]

    def commands(self, folder: DataFolder) -> list[str]:
        """What each process runs."""
        return [
            *(_WORKER.format(app=self.app, name=name, queues=queues) for name, queues in self.workers),
            *[f"python -m {self.scheduler}"] * self.schedulers,
            *["python -m trueup_worker.gateway"] * self.gateways,
            *(f"python -m tests.chaos.producing {name} {folder.path}" for name in self.producers),
            *[f"python -m {self.receiver} {folder.path}"] * len(self.receivers),
        ]


def make_runner(
    lineup: Lineup,
    folder: DataFolder,
    *,
    urls: dict[str, str],
    proxy: Proxy,
    http_port: int,
    clock: Clock,
    console: Console,
) -> Runner:
    """Supervises the processes; each reaches Postgres through a door of its own, and all have the same clock."""
    database = make_url(urls[_DATABASE])

    def url_of(name: str) -> str:
        door = database.set(host=LOOPBACK, port=proxy.open_door(name))
        return door.render_as_string(hide_password=False)

    environ = (
        urls
        | clock.environ(ROOT)
        | {
            "TRUEUP_SECRET_KEY": SECRET_KEY,
            "TRUEUP_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S),
            "TRUEUP_LEASE_S": str(lineup.lease_s),
            "TRUEUP_SCHEDULER_INTERVAL_S": str(SCHEDULER_INTERVAL_S),
            "TRUEUP_QUEUE_LIMIT": str(QUEUE_LIMIT),
            "TRUEUP_HTTP_WAIT_S": str(HTTP_WAIT_S),
            "TRUEUP_HTTP_PORT": str(http_port),
            "TRUEUP_HTTP_SHARE_PORT": "true",
            "TRUEUP_USAGE_SETTLE_S": "1",
            "TRUEUP_WEBHOOK_LOOPBACK": "true",
            "TRUEUP_WEBHOOK_RETRIES": WEBHOOK_RETRIES,
            "TRUEUP_LOG_LEVEL": "WARNING",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            "PYTHONUNBUFFERED": "1",
            READY_FOLDER_VARIABLE: str(folder.ready),
        }
    )
    named = zip(lineup.names, lineup.commands(folder), strict=True)
    return Runner(
        "\n".join(f"{name}: {_DATABASE}={url_of(name)} exec {command}" for name, command in named),
        concurrency={},
        environ=environ,
        log_folder=folder.log,
        ready_folder=folder.ready,
        console=console,
        fork_server=ForkServer(environ, LogFile(folder.log / "fork_server.log")),
    )
