"""The world that faults happen in: services, processes, two accounts that send, and a third that must not change."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from typing import Any

import psutil
import redis
from sqlalchemy import Connection, Engine, make_url, text

from tests import bodies
from tests.chaos.clock import Clock
from tests.chaos.disk import Disk
from tests.chaos.feed import FeedReader
from tests.chaos.invariants import Snapshot, snapshot
from tests.chaos.lineup import VISIBILITY_TIMEOUT_S, Lineup, make_runner
from tests.chaos.load import ACCOUNTS, CALLERS, Book
from tests.chaos.proxy import Proxy
from tests.chaos.waiting import POLL_S, wait_for
from tests.integration.intake import Intake, entry
from trueup.broker.broker import Broker, open_broker
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import upgrade
from trueup.wire.message.names import QUEUE_BULK, QUEUE_SINGLE
from trueup_worker.local.address import PORT_SETTING, GatewayAddress
from trueup_worker.local.console import Console
from trueup_worker.local.folder import DataFolder
from trueup_worker.local.fork_server.client import Child
from trueup_worker.local.runner import Runner, Supervised
from trueup_worker.local.servers.postgres import Postgres
from trueup_worker.local.servers.server import Server, lives, wait_until
from trueup_worker.local.services import Services
from trueup_worker.local.stack import stop_left_by_killed

BYSTANDER = "bystander"
SERVICES = ("Postgres", "Valkey")
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
_TEND_INTERVAL_S = 0.05
_BYSTANDER_ROWS = 50


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of what has no end is done in a round.

    Attributes:
        parked: rows that are replayed twice.
        overload_s: for how long more is sent than can be worked off.
        lock_s: for how long somebody holds a table.
    """

    parked: int = 300
    overload_s: float = 3.0
    lock_s: float = 12.0


FULL = Scale(parked=100_000, overload_s=300.0, lock_s=60.0)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A worker that was stopped, and what nobody had acknowledged then."""

    child: Child
    held: set[bytes | str]


@dataclass(slots=True)
class World:
    """Everything that runs. Made by `open_world`.

    Attributes:
        engine: to Postgres, past the proxy.
        disks: the file systems of Postgres and Valkey.
        clock: of all processes, but not of the services.
        http_url: where the gateways answer.
        accounts: those that send, and the bystander.
        bystander: the fingerprint of its rows.
        feed: who reads all accounts' events all the while.
        book: everything that was sent, and what must become of it.
        broker_forgot: whether messages were lost by the broker itself.
        tending: held by the supervisor while it looks after everything.
        more_left: what is still to be done beside what every world has, in words.
    """

    folder: DataFolder
    lineup: Lineup
    services: Services
    runner: Runner
    proxy: Proxy
    disks: dict[str, Disk]
    clock: Clock
    http_url: str
    engine: Engine
    broker_url: str
    broker: redis.Redis
    queues: Broker
    accounts: dict[str, Intake]
    bystander: Snapshot
    feed: FeedReader
    book: Book = field(default_factory=Book)
    scale: Scale = field(default_factory=Scale)
    broker_forgot: bool = False
    tending: Lock = field(default_factory=Lock)
    more_left: Callable[[], dict[str, int]] = dict
    _frozen: list[Frozen] = field(default_factory=list)

    def wait_until_up(self) -> None:
        """Waits until every process takes work."""
        wait_for(self.runner.is_ready, what="every process to take work", seconds_max=START_SECONDS_MAX)

    def is_up(self) -> bool:
        """Whether every process takes work."""
        return self.runner.is_ready()

    @property
    def jobs(self) -> Path:
        """The folder where the producers find what they are to send."""
        return self.folder.path / "jobs"

    def plan(self, rng: Random, how: str, rows: int) -> None:
        """Gives both accounts' producers so many requests more, to be sent as they do: `kept` or `files`."""
        self.book.plan(rng, how, rows, self.jobs)

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

    def replace(self, name: str) -> None:
        """Stops a process well, as a deploy does, and waits until its successor takes work."""
        supervised, old = self._supervised(name), self._child(name)
        self.send(name, signal.SIGTERM)

        def is_replaced() -> bool:
            child = supervised.child
            return child is not None and child is not old and (self.folder.ready / supervised.name).exists()

        wait_for(is_replaced, what=f"{name} to be replaced", seconds_max=START_SECONDS_MAX)

    def memory_bytes(self, name: str) -> int:
        """What the process of this name holds in memory, of its own; 0 while it does not run."""
        child = self._child(name)
        with suppress(psutil.NoSuchProcess):
            return int(psutil.Process(child.pid).memory_info().rss) if child else 0
        return 0

    def is_frozen(self, name: str) -> bool:
        """Whether it stands still until `thaw`."""
        return any(frozen.child is self._child(name) for frozen in self._frozen)

    def freeze(self, name: str) -> int:
        """Stops a worker with SIGSTOP until `thaw`; returns how many messages were not acknowledged then."""
        child = self._child(name)
        if child is None:
            return 0
        child.send_signal(signal.SIGSTOP)
        self._frozen.append(Frozen(child, self.unacknowledged()))
        return len(self._frozen[-1].held)

    def thaw(self, *, patience_s: float = VISIBILITY_TIMEOUT_S + 3.0) -> None:
        """Lets the frozen go on: after the messages that they held were delivered to others, if that comes."""

        def are_delivered(held: set[bytes | str]) -> bool:
            return not held & self.unacknowledged()

        for frozen in self._frozen:
            wait_until(partial(are_delivered, frozen.held), seconds_max=patience_s, interval_s=POLL_S)
            frozen.child.send_signal(signal.SIGCONT)
        self._frozen.clear()

    def end(self, service: str, number: signal.Signals) -> Server:
        """Ends Postgres or Valkey by a signal; returns what was."""
        server = self._server(service)
        server.process.send_signal(number)
        wait_for(lambda: not server.is_running(), what=f"{service} to end", seconds_max=START_SECONDS_MAX)
        return server

    def members(self, service: str) -> list[psutil.Process]:
        """The processes of Postgres or Valkey, the one that starts the others first."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._server(service).process.pid)
            return [first, *first.children(recursive=True)]
        return []

    @contextmanager
    def service_standing_still(self, service: str) -> Iterator[None]:
        """Nothing of Postgres or Valkey does anything meanwhile; connections stay."""
        [first] = self.members(service)[:1]
        first.suspend()  # from now on it starts no others
        still = self.members(service)
        try:
            for process in still:
                _signal(process, signal.SIGSTOP)
            yield
        finally:
            for process in reversed(still):
                _signal(process, signal.SIGCONT)

    def kill_everything(self, meanwhile: Callable[[], None]) -> None:
        """SIGKILL for services, processes and what they are forked from, before anything is started again."""
        with self.tending:
            was = {service: self._server(service) for service in SERVICES}
            fork_server = self.runner._fork_server
            assert fork_server is not None
            doomed = [process for service in SERVICES for process in self.members(service)]
            doomed += [psutil.Process(fork_server._process.pid)]
            for process in doomed:
                _signal(process, signal.SIGKILL)
            for name in self.lineup.names:
                self.kill(name)
            wait_for(lambda: not any(map(lives, doomed)), what="everything to end", seconds_max=START_SECONDS_MAX)
            meanwhile()
        for service, server in was.items():
            self.wait_until_back(service, server)

    def wait_until_back(self, service: str, was: Server) -> None:
        """Waits until the supervisor has started it again."""
        wait_for(lambda: self._server(service) is not was, what=f"{service} to be back", seconds_max=START_SECONDS_MAX)

    def restart(self, service: str, number: signal.Signals) -> str:
        """Ends Postgres or Valkey by a signal and waits until it is back; says for how long it was away."""
        began_s = time.monotonic()
        self.wait_until_back(service, self.end(service, number))
        return f"away for {time.monotonic() - began_s:.1f} s"

    def backlog(self) -> int:
        """How many envelopes wait."""
        return sum(self.queues.count(queue) for queue in (QUEUE_SINGLE, QUEUE_BULK))

    def unacknowledged(self) -> set[bytes | str]:
        """The delivery tags of what workers hold; nobody's while the broker is away."""
        try:
            return set(self.broker.hkeys("unacked"))
        except redis.RedisError:
            return set()

    def rows(self, query: str, **given: Any) -> list[Any]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), given))

    def run(self, statement: str) -> None:
        """Changes the database as nobody of ours may."""
        with self.superuser() as connection:
            connection.execute(text(statement))

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        """A connection of the superuser's; each statement is a transaction."""
        server = self._server("Postgres")
        assert isinstance(server, Postgres)
        engine = make_engine(server.superuser_url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
        engine.dispose()

    def processes(self, names: Sequence[str]) -> dict[str, psutil.Process]:
        """Those of these names that run at this moment."""
        children = {name: child for name in names if (child := self._child(name)) and child.poll() is None}
        return {name: psutil.Process(child.pid) for name, child in children.items()}

    def _child(self, name: str) -> Child | None:
        return self._supervised(name).child

    def _supervised(self, name: str) -> Supervised:
        return self.runner.processes[self.lineup.names.index(name)]

    def _server(self, service: str) -> Server:
        server = self.services._embedded[service].server
        assert server is not None
        return server


@contextmanager
def open_world(
    lineup: Lineup | None = None, *, scale: Scale | None = None, broker_url: str | None = None
) -> Iterator[World]:
    """A world of its own in a temporary folder; nothing of it runs any more afterwards, on Ctrl-C neither."""
    lineup = lineup or Lineup()
    with _temporary_folder() as folder, folder.lock(), ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        stack.callback(stop_left_by_killed, folder)
        console = Console(stack.enter_context((folder.log / "supervisor.log").open("w")), echo=False)
        services = Services(folder, {}, console=console)
        disks = {"Postgres": Disk(folder.postgres), "Valkey": Disk(folder.valkey)}
        for disk in disks.values():
            stack.enter_context(disk.mounted())
        stack.callback(services.stop)
        services.start()
        urls = services.urls() | ({"TRUEUP_BROKER_URL": broker_url} if broker_url else {})
        world = _make_world(folder, lineup, services, disks, urls=urls, console=console, stack=stack)
        world.scale = scale or Scale()
        with _tended(world), world.feed.reading():
            stack.callback(world.thaw, patience_s=0)
            stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must leave nothing behind
            world.wait_until_up()
            yield world


def _make_world(
    folder: DataFolder,
    lineup: Lineup,
    services: Services,
    disks: dict[str, Disk],
    *,
    urls: dict[str, str],
    console: Console,
    stack: ExitStack,
) -> World:
    database = make_url(urls["TRUEUP_DATABASE_URL"])
    assert database.port is not None
    own_url = database.update_query_dict({"application_name": "chaos"})  # faults that end connections pass it over
    engine = make_engine(own_url.render_as_string(hide_password=False))
    stack.callback(engine.dispose)
    _migrate(services)
    accounts = _make_accounts(engine, folder)
    with engine.connect() as connection:
        bystander = snapshot(connection, accounts[BYSTANDER].account_id)
    proxy = Proxy(database.port)
    stack.callback(proxy.close)
    clock, address = Clock(folder.run / "clock"), GatewayAddress({})
    stack.callback(address.release)  # held until the end: gateways come and go, and share the port
    http_port = int(address.settings()[PORT_SETTING])
    runner = make_runner(lineup, folder, urls=urls, proxy=proxy, http_port=http_port, clock=clock, console=console)
    stack.callback(runner.stop, grace_s=STOP_SECONDS_MAX)
    broker_url = urls["TRUEUP_BROKER_URL"]
    queues = open_broker(broker_url)
    stack.callback(queues.close)
    # Whoever looks into the broker by Redis' own commands looks into the embedded one.
    broker = stack.enter_context(redis.Redis.from_url(services.urls()["TRUEUP_BROKER_URL"], socket_timeout=5))
    readers_engine = make_engine(urls["TRUEUP_DATABASE_URL"], pool_size=1)
    stack.callback(readers_engine.dispose)
    return World(
        folder,
        lineup,
        services,
        runner,
        proxy,
        disks,
        clock,
        address.url(),
        engine,
        broker_url,
        broker,
        queues,
        accounts,
        bystander,
        FeedReader(readers_engine, {name: account.account_id for name, account in accounts.items()}),
    )


def _migrate(services: Services) -> None:
    owner_url = services.owner_url()
    assert owner_url is not None
    owner = make_engine(owner_url)
    upgrade(owner)
    owner.dispose()


def _make_accounts(engine: Engine, folder: DataFolder) -> dict[str, Intake]:
    accounts = {name: Intake(engine, name) for name in (*ACCOUNTS, CALLERS, BYSTANDER)}
    for name, account in accounts.items():
        folder.keep_token(name, account.token)
    keys = (f"order {number}" for number in range(_BYSTANDER_ROWS))
    accounts[BYSTANDER].receive(*(entry(bodies.prepaid(uniqueness_key=key)) for key in keys))
    return accounts


@contextmanager
def _temporary_folder() -> Iterator[DataFolder]:
    """A folder that Postgres finds; it stays, with its logs, when anything goes wrong."""
    path = Path(tempfile.mkdtemp(prefix="trueup-chaos-"))
    path.chmod(0o711)  # as root, Postgres runs as somebody else
    folder = DataFolder(path / "data")
    folder.create()
    (folder.path / "jobs").mkdir()
    try:
        yield folder
    except BaseException:
        print(f"logs: {folder.log}", flush=True)
        raise
    shutil.rmtree(path)


@contextmanager
def _tended(world: World) -> Iterator[None]:
    """Whatever dies is started again, in the background."""
    over = Event()

    def tend() -> None:
        while not over.wait(_TEND_INTERVAL_S):
            with world.tending:
                world.services.tend()
                world.runner.tend()

    thread = Thread(target=tend, name="supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
