"""Real processes: Celery workers and schedulers on a database and a broker of their own."""

import atexit
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event
from typing import TypeVar

from tests.conftest import SECRET_KEY
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.fork_server.client import Forked, ForkServer

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Process:
    """A real process, forked from one that has imported everything already: imports were most of a test."""

    forked: Forked

    @property
    def pid(self) -> int:
        """Its number."""
        return self.forked.pid

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that killed it; none while it runs."""
        return self.forked.poll()

    def wait(self, timeout: float = 60.0) -> int:
        """How it ended."""
        wait_for(lambda: self.poll() is not None, what=f"process {self.pid} to end", seconds_max=timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Sends it a signal, if it still runs."""
        self.forked.send_signal(number)


@cache
def fork_server() -> ForkServer:
    """What all processes of this run are forked from, once its imports are over; it ends with the run, however."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="trueup-fork_server-"))
        made = ForkServer({**os.environ, "PYTHONPATH": str(ROOT)}, LogFile(Path(folder, "fork_server.log")))
        stack.callback(made.stop)
        atexit.register(stack.pop_all().close)
        return made


@dataclass
class Fleet:
    """Processes of one test; all of them are gone when it ends."""

    database_url: str
    redis_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)

    def worker(
        self, queues: str, *, app: str = "trueup_worker.celery.app", is_awaited: bool = True, **environ: str
    ) -> Process:
        """A solo Celery worker on these queues, ready to take work, unless that is not awaited."""
        argv = ["celery", "--quiet", "-A", app, "worker", "-P", "solo", "-Q", queues]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"]
        return self._start([*argv, "-n", f"w{len(self.started)}@test", *quiet], environ, is_awaited=is_awaited)

    @contextmanager
    def restarting(self, queues: str, *, app: str = "trueup_worker.celery.app", **environ: str) -> Iterator[None]:
        """A worker that is started again whenever it dies, as the supervisor does."""
        over = Event()

        def supervise() -> None:
            while not over.is_set():
                process = self.worker(queues, app=app, **environ)
                while process.poll() is None and not over.wait(0.05):
                    pass

        with ThreadPoolExecutor(1) as pool:
            supervised = pool.submit(supervise)
            try:
                yield
            finally:
                over.set()
        supervised.result()

    def scheduler(self, **environ: str) -> Process:
        """A scheduler that has looked once."""
        return self._start(["trueup_worker.scheduling"], environ)

    def _start(self, argv: list[str], environ: dict[str, str], *, is_awaited: bool = True) -> Process:
        name = f"process-{len(self.started)}"
        known = {
            "TRUEUP_DATABASE_URL": self.database_url,
            "TRUEUP_BROKER_URL": self.redis_url,
            "TRUEUP_REDIS_URL": self.redis_url.rsplit("/", 1)[0] + "/1",
            "TRUEUP_SECRET_KEY": SECRET_KEY,
            "TRUEUP_VISIBILITY_TIMEOUT_S": "2",
            "TRUEUP_SCHEDULER_INTERVAL_S": "0.1",
            "TRUEUP_READY_DIR": str(self.folder),
            "TRUEUP_PROCESS_NAME": name,
            "PYTHONPATH": str(ROOT),
        }
        log, whole = LogFile(self.folder / f"{name}.log"), {**os.environ, **known, **self.settings, **environ}
        process = Process(fork_server().fork(argv, environ=whole, log=log))
        self.started.append(process)
        if is_awaited:
            wait_for(lambda: (self.folder / name).exists() or process.poll() is not None, what=f"{name} to be ready")
        return process

    def logs(self) -> str:
        """What all of them said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


@contextmanager
def fleet(database_url: str, redis_url: str, folder: Path, **settings: str) -> Iterator[Fleet]:
    """A fleet that is stopped with SIGTERM, then killed."""
    running = Fleet(database_url, redis_url, folder, settings)
    try:
        yield running
    finally:
        for process in running.started:
            process.send_signal(signal.SIGTERM)
        for process in running.started:
            try:
                process.wait(timeout=15)
            except AssertionError:
                process.send_signal(signal.SIGKILL)
                process.wait()


def wait_for(condition: Callable[[], T], *, what: str, seconds_max: float = 60.0) -> T:
    """Waits until the condition holds; fails with what was waited for."""
    deadline = time.monotonic() + seconds_max
    pause = time.sleep
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds_max} s for {what}"
        pause(0.02)
    return found
