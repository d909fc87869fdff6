"""Runs the processes of a Procfile and starts again what dies.

honcho reads the Procfile and prints; its manager is not used, because it ends everything when one process ends.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from honcho.environ import expand_processes, parse_procfile

from trueup.readiness import PROCESS_NAME_VARIABLE, READY_FOLDER_VARIABLE
from trueup_worker.local.backoff import Backoff
from trueup_worker.local.console import Console
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.fork_server.client import Child, ForkServer, module_of
from trueup_worker.local.servers.server import ServiceError, ending, spawn, stop_processes

GRACE_SECONDS_MAX = 20.0
FAILURES_MAX = 5  # deaths in a row, after which a first start is given up
_STOP_SWEEPS_MAX = 3  # whoever is stopped may have started another one meanwhile


@dataclass(slots=True)
class Supervised:
    """One process of the Procfile, and the child that runs it at this moment, if any."""

    name: str
    command: str
    environ: Mapping[str, str]
    log: LogFile
    backoff: Backoff = field(default_factory=Backoff)
    child: Child | None = None
    told: str = ""


class Runner:
    """Keeps the processes of a Procfile running.

    Each process has a session of its own, which is stopped as a whole, a log of a bounded size, and a ready file that
    it makes itself (`trueup.readiness`) and that is removed whenever it is started.

    Args:
        procfile: the text of the Procfile.
        concurrency: how many processes of a name; one, where it says nothing.
        environ: what the processes see; `PATH` is theirs to find their programs by.
        log_folder: where `<name>.log` is written.
        ready_folder: where `<name>` appears when the process takes work.
        console: where deaths and the processes' own lines are printed.
        fork_server: forks those that are Python modules, and is stopped with them; none: a shell runs every line.
    """

    def __init__(
        self,
        procfile: str,
        *,
        concurrency: Mapping[str, int],
        environ: Mapping[str, str],
        log_folder: Path,
        ready_folder: Path,
        console: Console,
        fork_server: ForkServer | None = None,
    ) -> None:
        self._fork_server = fork_server
        self._ready_folder = ready_folder
        self._console = console
        expanded = expand_processes(parse_procfile(procfile).processes, concurrency=dict(concurrency))
        self.processes = [
            Supervised(
                name=name,
                command=command,
                environ={**environ, PROCESS_NAME_VARIABLE: name, READY_FOLDER_VARIABLE: str(ready_folder)},
                log=LogFile(log_folder / f"{name}.log"),
            )
            for name, command, *_ in expanded
        ]

    def tend(self) -> None:
        """Start what is due, buries what died, passes the logs on. Called several times a second.

        It waits for nothing but the imports of a new fork server; what cannot be done now, as when there are no more
        files or processes to be had, is tried again.
        """
        for process in self.processes:
            try:
                self._tend(process)
            except (OSError, psutil.Error) as error:
                self._tell_failure(process, error)
            else:
                process.told = ""

    def _tend(self, process: Supervised) -> None:
        if process.child is None:
            if process.backoff.is_due(time.monotonic()):
                self._start(process)
        elif process.child.poll() is not None:
            self._bury(process, process.child)
        self._console.echo(process.name, process.log.new_lines())
        process.log.cap()

    def _tell_failure(self, process: Supervised, error: Exception) -> None:
        """Print a failure, once as long as it is the same."""
        if process.told != str(error):
            process.told = str(error)
            self._console.say(f"{process.name} cannot be seen to ({error}); it is tried again")

    def is_ready(self) -> bool:
        """Tell whether every process takes work."""
        return all(process.child and (self._ready_folder / process.name).exists() for process in self.processes)

    def runs(self, name: str) -> bool:
        """Tell whether a line of the Procfile has this name."""
        return any(process.name.partition(".")[0] == name for process in self.processes)

    def failing(self) -> Supervised | None:
        """A process that died too often in a row, if any."""
        return next((process for process in self.processes if process.backoff.failures >= FAILURES_MAX), None)

    def stop(self, *, grace_s: float = GRACE_SECONDS_MAX) -> None:
        """Ask all processes to end (SIGTERM), kill those that remain after `grace_s`, and leave none."""
        children = {process.child.pid: process.child for process in self.processes if process.child}
        for _ in range(_STOP_SWEEPS_MAX):
            if members := list(_members(children)):
                stop_processes(members, stop_signal=signal.SIGTERM, seconds_max=grace_s)
        for child in children.values():
            child.wait()
        if self._fork_server:
            self._fork_server.stop()
        for process in self.processes:
            process.child = None
            self._console.echo(process.name, process.log.new_lines())

    def _start(self, process: Supervised) -> None:
        process.backoff.started(time.monotonic())
        try:
            (self._ready_folder / process.name).unlink(missing_ok=True)
            process.child = self._launch(process)
        except (ServiceError, OSError) as error:
            self._postpone(process, str(error))

    def _launch(self, process: Supervised) -> Child:
        module = module_of(process.command)
        if module and self._fork_server:
            if not self._fork_server.is_alive():
                self._fork_server = self._fork_server.anew()
            argv, settings = module
            return self._fork_server.fork(argv, environ={**process.environ, **settings}, log=process.log)
        return spawn(["/bin/sh", "-c", process.command], log=process.log, env=process.environ, stdin=subprocess.DEVNULL)

    def _bury(self, process: Supervised, child: Child) -> None:
        stop_processes(list(_members({child.pid: child})), stop_signal=signal.SIGKILL)
        process.child = None
        self._postpone(process, ending(child.wait()))

    def _postpone(self, process: Supervised, reason: str) -> None:
        delay_s = process.backoff.failed(time.monotonic())
        self._console.say(f"{process.name} ended ({reason}); starting it again in {delay_s:.1f} s")


def stop_orphans(ready_folder: Path) -> None:
    """Stop the processes that a killed supervisor left: they are known by the ready folder in their environment."""
    stop_processes(
        [process for process in psutil.process_iter() if _announces_in(process, str(ready_folder))],
        stop_signal=signal.SIGTERM,
        seconds_max=GRACE_SECONDS_MAX,
    )


def _announces_in(process: psutil.Process, ready_folder: str) -> bool:
    try:
        return process.environ().get(READY_FOLDER_VARIABLE) == ready_folder
    except (psutil.Error, OSError):
        return False


def _members(sessions: Mapping[int, object]) -> Iterator[psutil.Process]:
    """Everything that runs in these sessions: the children, and whatever they started."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if process.pid in sessions or os.getsid(process.pid) in sessions:
                yield process
