"""The world that faults happen in: services, processes under the product's own supervision, two accounts and a third."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import redis
from sqlalchemy import Engine, make_url, text

from shared.store.engine import make_engine
from shared.store.migrate import upgrade
from shared.wire.envelope import QUEUE_BULK, QUEUE_SINGLE
from tests import bodies
from tests.chaos.invariants import snapshot
from tests.chaos.load import ACCOUNTS
from tests.chaos.proxy import Proxy
from tests.chaos.waiting import wait_for
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake, entry
from worker.local.console import Console
from worker.local.folder import DataFolder
from worker.local.runner import Runner
from worker.local.server import LOOPBACK, Server
from worker.local.services import Services
from worker.local.stack import stop_left_by_killed

ROOT = Path(__file__).parents[2]
BYSTANDER = "bystander"  # an account that sends nothing: not one of its rows may change
VISIBILITY_TIMEOUT_S = 2
START_SECONDS_MAX = 60.0
_TEND_INTERVAL_S = 0.05
_WORKER = (
    "{python} -m celery --quiet -A {app} worker -P solo -n {name}@chaos -Q {queues} "
    "--without-gossip --without-mingle --without-heartbeat -l WARNING"
)


@dataclass(frozen=True, slots=True)
class Lineup:
    """Which processes there are, and what is wrong with them, if anything.

    Attributes:
        workers: the queues of each worker, by its name.
        producers: kept, files.
        app: the workers' Celery app.
        scheduler: the schedulers' module.
        lease_s: after which a kept envelope is published again.
    """

    workers: tuple[tuple[str, str], ...] = (
        ("single", "commits"),
        ("bulk", "commits,commits.bulk"),
        ("invoices", "invoices"),
    )
    producers: tuple[str, ...] = ("kept", "files")
    schedulers: int = 2
    app: str = "worker.app"
    scheduler: str = "worker.scheduling"
    lease_s: int = 4

    @property
    def worker_names(self) -> list[str]:
        """The names of all workers."""
        return [name for name, _ in self.workers]

    @property
    def commit_workers(self) -> list[str]:
        """The names of the workers that make commits."""
        return [name for name, queues in self.workers if "commits" in queues]

    @property
    def scheduler_names(self) -> list[str]:
        """The names of the schedulers."""
        return [f"scheduler-{number}" for number in range(1, self.schedulers + 1)]

    def commands(self, folder: DataFolder) -> dict[str, str]:
        """What each process runs, by its name."""
        python = sys.executable
        workers = {
            name: _WORKER.format(python=python, app=self.app, name=name, queues=queues) for name, queues in self.workers
        }
        schedulers = dict.fromkeys(self.scheduler_names, f"{python} -m {self.scheduler}")
        producers = {name: f"{python} -m tests.chaos.producing {name} {folder.path}" for name in self.producers}
        return workers | schedulers | producers


@dataclass(frozen=True, slots=True)
class Frozen:
    """A worker that was stopped, and what nobody had acknowledged then."""

    child: subprocess.Popen[bytes]
    held: set[bytes]


class World:
    """Everything that runs. Made by `open_world`."""

    def __init__(self, folder: DataFolder, lineup: Lineup) -> None:
        self.folder, self.lineup = folder, lineup
        self._log = (folder.log / "supervisor.log").open("w")
        self._console = Console(self._log, echo=False)
        self._services = Services(folder, {}, console=self._console)
        self._frozen: list[Frozen] = []
        self._over = Event()
        self._runner: Runner
        self.proxy: Proxy
        self.engine: Engine
        self.broker: redis.Redis

    def start(self) -> None:
        """Starts everything and waits until all of it takes work."""
        self._services.start()
        urls = self._services.urls()
        self.engine = make_engine(urls["TRUEUP_DATABASE_URL"])
        self.broker_url = urls["TRUEUP_BROKER_URL"]
        self.broker = redis.Redis.from_url(self.broker_url, socket_timeout=5)
        self.accounts = self._make_accounts()
        with self.engine.connect() as connection:
            self.bystander = snapshot(connection, self.accounts[BYSTANDER].account_id)
        (self.folder.path / "jobs").mkdir()
        database = make_url(urls["TRUEUP_DATABASE_URL"])
        assert database.port is not None
        self.proxy = Proxy(database.port)
        self._runner = self._make_runner(urls)
        self._processes = dict(zip(self.lineup.commands(self.folder), self._runner.processes, strict=True))
        self._tending = Thread(target=self._tend, name="supervisor", daemon=True)
        self._tending.start()
        self.wait_until_up()

    def stop(self) -> None:
        """Stops everything; nothing of it is left."""
        self._over.set()
        with ExitStack() as stack:
            stack.callback(self._log.close)
            stack.callback(stop_left_by_killed, self.folder)
            stack.callback(self._services.stop)
            if hasattr(self, "engine"):
                stack.callback(self.engine.dispose)
                stack.callback(self.broker.close)
            if hasattr(self, "proxy"):
                stack.callback(self.proxy.close)
            if hasattr(self, "_tending"):
                self._tending.join()
                self.thaw(patience_s=0)
                stack.callback(self._runner.stop, grace_s=5.0)

    def wait_until_up(self) -> None:
        """Waits until every process takes work."""
        wait_for(self._runner.is_ready, what="every process to take work", seconds_max=START_SECONDS_MAX)

    def is_up(self) -> bool:
        """Whether every process takes work."""
        return self._runner.is_ready()

    def names(self) -> list[str]:
        """The names of all processes."""
        return list(self._processes)

    def send(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to the process of this name, if it runs at this moment."""
        if child := self._child(name):
            child.send_signal(number)

    def kill(self, name: str) -> None:
        """Kills it with SIGKILL."""
        self.send(name, signal.SIGKILL)

    @contextmanager
    def standing_still(self, names: Sequence[str]) -> Iterator[None]:
        """None of these processes does anything meanwhile."""
        for name in names:
            self.send(name, signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.send(name, signal.SIGCONT)

    def freeze(self, name: str) -> int:
        """Stops a worker with SIGSTOP until `thaw`; returns how many messages were not acknowledged then."""
        child = self._child(name)
        if child is None:
            return 0
        child.send_signal(signal.SIGSTOP)
        self._frozen.append(Frozen(child, set(self.broker.hkeys("unacked"))))
        return len(self._frozen[-1].held)

    def thaw(self, *, patience_s: float = VISIBILITY_TIMEOUT_S + 3.0) -> None:
        """Lets the frozen go on: after the messages that they held were delivered to others, if that comes."""
        for frozen in self._frozen:
            with suppress(AssertionError):
                wait_for(
                    lambda held=frozen.held: not held & set(self.unacknowledged()),
                    what="what a frozen worker held to be delivered again",
                    seconds_max=patience_s,
                )
            frozen.child.send_signal(signal.SIGCONT)
        self._frozen.clear()

    def end(self, service: str, number: signal.Signals) -> Server:
        """Ends Postgres or Valkey by a signal; returns what was."""
        server = self._server(service)
        server.process.send_signal(number)
        wait_for(lambda: not server.is_running(), what=f"{service} to end", seconds_max=START_SECONDS_MAX)
        return server

    def wait_until_back(self, service: str, was: Server) -> None:
        """Waits until the supervisor has started it again."""
        wait_for(lambda: self._server(service) is not was, what=f"{service} to be back", seconds_max=START_SECONDS_MAX)

    def backlog(self) -> int:
        """How many envelopes wait."""
        return sum(self.broker.llen(queue) for queue in (QUEUE_SINGLE, QUEUE_BULK))

    def unacknowledged(self) -> list[bytes]:
        """The delivery tags of what workers hold; nobody's while the broker is away."""
        try:
            return list(self.broker.hkeys("unacked"))
        except redis.RedisError:
            return []

    def rows(self, query: str, **given: Any) -> list[Any]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), given))

    def run(self, statement: str) -> None:
        """Changes the database."""
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def _child(self, name: str) -> subprocess.Popen[bytes] | None:
        return self._processes[name].child

    def _server(self, service: str) -> Server:
        server = self._services._embedded[service].server
        assert server is not None
        return server

    def _tend(self) -> None:
        while not self._over.wait(_TEND_INTERVAL_S):
            self._services.tend()
            self._runner.tend()

    def _make_runner(self, urls: dict[str, str]) -> Runner:
        commands = self.lineup.commands(self.folder)
        database = make_url(urls["TRUEUP_DATABASE_URL"])
        lines = []
        for name, command in commands.items():
            door = database.set(host=LOOPBACK, port=self.proxy.open_door(name))
            url = door.render_as_string(hide_password=False)
            lines.append(f"{name}: TRUEUP_DATABASE_URL={url} exec {command}")
        environ = urls | {
            "TRUEUP_SECRET_KEY": SECRET_KEY,
            "TRUEUP_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S),
            "TRUEUP_LEASE_S": str(self.lineup.lease_s),
            "TRUEUP_SCHEDULER_INTERVAL_S": "0.5",
            "TRUEUP_LOG_LEVEL": "WARNING",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return Runner(
            "\n".join(lines),
            concurrency={},
            environ=environ,
            log_folder=self.folder.log,
            ready_folder=self.folder.ready,
            console=self._console,
        )

    def _make_accounts(self) -> dict[str, Intake]:
        with self.engine.begin() as connection:
            upgrade(connection)
        accounts = {name: Intake(self.engine, name) for name in (*ACCOUNTS, BYSTANDER)}
        for name, account in accounts.items():
            self.folder.keep_token(name, account.token)
        accounts[BYSTANDER].receive(*(entry(bodies.prepaid(uniqueness_key=f"order {number}")) for number in range(50)))
        return accounts


@contextmanager
def open_world(lineup: Lineup | None = None) -> Iterator[World]:
    """A world of its own in a temporary folder; the folder, with its logs, stays when anything goes wrong."""
    path = Path(tempfile.mkdtemp(prefix="trueup-chaos-"))
    path.chmod(0o711)  # as root, Postgres runs as somebody else, who must find the way
    folder = DataFolder(path / "data")
    with folder.lock():
        world = World(folder, lineup or Lineup())
        try:
            world.start()
            yield world
        except BaseException:
            print(f"logs: {folder.log}", flush=True)
            raise
        finally:
            with _undisturbed():
                world.stop()
    shutil.rmtree(path)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave anything running."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
