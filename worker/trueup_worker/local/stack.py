"""The whole stack in one data folder: services, then what prepares them, then the Procfile's processes."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trueup.errors import Unavailable
from trueup.readiness import READY_FOLDER_VARIABLE
from trueup_worker.local.address import GatewayAddress
from trueup_worker.local.console import Console
from trueup_worker.local.external import BROKER_SETTING, DATABASE_SETTING, DIRECT_SETTING, REDIS_SETTING, check_external
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.folder import DataFolder, State
from trueup_worker.local.fork_server.client import ForkServer
from trueup_worker.local.runner import Runner, stop_orphans
from trueup_worker.local.services import Services, stop_left_services

SECRET_SETTING = "TRUEUP_SECRET_KEY"  # noqa: S105 (the name of the setting, not its value)
FOLDER_SETTING = "TRUEUP_DATA"
_TEND_INTERVAL_S = 0.1
_GATEWAY = "gateway"  # what the Procfile calls it

Prepare = Callable[[Mapping[str, str]], None]


class StackError(Unavailable):
    """The stack could not be started or reached; the message says why."""


class Stack:
    """Everything that `trueup up` runs. The caller holds the data folder's lock.

    Args:
        folder: where data, logs and secrets live.
        environ: settings; services whose URLs they name are used in place of embedded ones.
        procfile: the text of the Procfile.
        prepare: called when the services answer, before any process starts: migrations, the first account. It gets the
            processes' environment, and beside it, where there is one, the URL of the schema's owner, which they do not.
        console: where it says what happens.
        concurrency: how many processes of a Procfile line; one, where it says nothing.
    """

    def __init__(
        self,
        folder: DataFolder,
        environ: Mapping[str, str],
        *,
        procfile: str,
        prepare: Prepare,
        console: Console,
        concurrency: Mapping[str, int] | None = None,
    ) -> None:
        self._folder = folder
        self._given = dict(environ)
        self._procfile = procfile
        self._prepare = prepare
        self._console = console
        self._concurrency = concurrency or {}
        self._services = Services(folder, environ, console=console)
        self._address = GatewayAddress(environ)
        self._fork_server: ForkServer | None = None
        self._runner: Runner | None = None
        self._stopping = threading.Event()
        self._failure: BaseException | None = None

    def run(self, on_ready: Callable[[State], None]) -> None:
        """Start everything, keep it running until SIGINT, SIGTERM or SIGHUP, and stop it. For the main thread only.

        Args:
            on_ready: called once when everything answers, in a thread beside the supervision. What it raises stops the
                stack and is raised here.

        Raises:
            StackError: a process keeps dying.
            ServiceError: an embedded service does not start.
            UnreachableError: a service that runs elsewhere does not answer.
        """
        with _on_stop_signal(self._stopping.set):
            try:
                if state := self.start():
                    threading.Thread(target=self._announce, args=(on_ready, state), daemon=True).start()
                while not self._stopping.wait(_TEND_INTERVAL_S):
                    self.tend()
            finally:
                self.stop()
        if self._failure:
            raise self._failure

    def start(self) -> State | None:
        """Start everything and wait until all processes take work; none when it was told to stop meanwhile.

        It raises what `run` raises. The caller calls `stop` in any case.
        """
        stop_left_by_killed(self._folder)
        check_external(self._given)
        self._fork_server = ForkServer(self._environ(), LogFile(self._folder.log / "fork_server.log"))
        self._services.start()
        environ = {**self._environ(), **self._services.urls(), **self._address.settings()}
        owner_url = self._services.owner_url() or self._given.get(DIRECT_SETTING)
        self._prepare({**environ, DIRECT_SETTING: owner_url} if owner_url else environ)
        self._runner = self._make_runner(environ)
        if not self._wait_until_ready(self._runner):
            return None
        self._address.release()
        state = State(
            pid=os.getpid(),
            database=environ[DATABASE_SETTING],
            broker=environ[BROKER_SETTING],
            redis=environ[REDIS_SETTING],
            http=self._address.url() if self._runner.runs(_GATEWAY) else None,
        )
        self._folder.write_state(state)
        return state

    def tend(self) -> None:
        """One look at everything: what died is started again."""
        self._services.tend()
        if self._runner:
            self._runner.tend()

    def stop(self) -> None:
        """Stop the processes, then the services. Data stays."""
        self._folder.clear_state()
        if self._runner:
            self._runner.stop()
        elif self._fork_server:
            self._fork_server.stop()
        self._address.release()
        self._services.stop()

    def _environ(self) -> dict[str, str]:
        programs = str(Path(sys.executable).parent)  # where the commands of this environment lie, activated or not
        return {
            **{name: value for name, value in self._given.items() if name != DIRECT_SETTING},
            SECRET_SETTING: self._given.get(SECRET_SETTING) or self._folder.secret_key(),
            FOLDER_SETTING: str(self._folder.path),
            READY_FOLDER_VARIABLE: str(self._folder.ready),
            "PATH": os.pathsep.join([programs, self._given.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
        }

    def _make_runner(self, environ: Mapping[str, str]) -> Runner:
        return Runner(
            self._procfile,
            concurrency=self._concurrency,
            environ=environ,
            log_folder=self._folder.log,
            ready_folder=self._folder.ready,
            console=self._console,
            fork_server=self._fork_server,
        )

    def _wait_until_ready(self, runner: Runner) -> bool:
        while not runner.is_ready():
            self.tend()
            if failing := runner.failing():
                raise StackError(
                    f"{failing.name} keeps dying. Its log, {failing.log.path}, ends:\n{failing.log.tail()}"
                )
            if self._stopping.wait(_TEND_INTERVAL_S):
                return False
        return not self._stopping.is_set()

    def _announce(self, on_ready: Callable[[State], None], state: State) -> None:
        try:
            on_ready(state)
        except BaseException as error:  # noqa: BLE001 (raised again by `run`)
            if not self._stopping.is_set():  # else it failed because the services went away under it
                self._failure = error
            self._stopping.set()


def stop_left_by_killed(folder: DataFolder) -> None:
    """Stop whatever a killed supervisor left running in this folder. The caller holds the folder."""
    stop_orphans(folder.ready)
    stop_left_services(folder)


@contextmanager
def _on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Turn the signals that end us into one call; a second one changes nothing."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop()) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
