"""Base of the embedded servers: spawned on a free port, waited for until they answer, stopped within a bound."""

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from trueup.errors import Unavailable
from trueup_worker.local.files.logs import LogFile

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections (from 32768 on Linux): there, a client that keeps dialling a stopped server
# can be given the server's own port, connect to itself and so keep the server from coming back.
PORTS = range(20_000, 25_000)
PORT_TRIES_MAX = 200
START_TRIES_MAX = 3
START_SECONDS_MAX = 60.0  # replaying the log after a kill is part of it
STOP_SECONDS_MAX = 20.0
PROBE_INTERVAL_S = 0.01
PROBE_SECONDS_MAX = 2  # the least that libpq takes


S = TypeVar("S", bound="Server")


class ServiceError(Unavailable):
    """An embedded service could not be started; the message says why and what to do."""


class NotYetError(Exception):
    """The service does not answer yet, which may change."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running service: where it answers, and how it is stopped.

    `stop_signal` asks it to end at once and cleanly, whoever is connected.
    """

    name: str
    url: str = field(repr=False)
    port: int
    log: LogFile
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process.poll() is None

    def stop(self, *, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Stop it cleanly, or kill it after `seconds_max`. Harmless when it has stopped already."""
        if not self.is_running():
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port(ports: Sequence[int] = PORTS) -> int:
    """A loopback port that nobody listens on at this moment.

    Raises:
        ServiceError: none was found.
    """
    for port in random.sample(ports, min(PORT_TRIES_MAX, len(ports))):
        if port_is_free(port):
            return port
    raise ServiceError(f"no free port on {LOOPBACK} between {min(ports)} and {max(ports)}: stop what occupies them")


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def start_server(launch: Callable[[int], S], probe: Callable[[S], None], *, port: int | None) -> S:
    """Launch a service and wait until it answers.

    Args:
        launch: spawns the service on a port.
        probe: asks the service; raises `NotYetError` while it does not answer.
        port: where it must listen; none: any free port, another one when somebody was quicker.

    Raises:
        ServiceError: it died or did not answer in time; the message ends with its log.
    """
    for tries_left in reversed(range(START_TRIES_MAX)):
        server = launch(port or free_port())
        if _answers(server, probe):
            return server
        somebody_was_quicker = port is None and not port_is_free(server.port)
        if not (somebody_was_quicker and tries_left):
            break
    raise _start_failure(server)


def _answers(server: S, probe: Callable[[S], None]) -> bool:
    deadline = time.monotonic() + START_SECONDS_MAX
    try:
        while server.is_running() and time.monotonic() < deadline:
            try:
                probe(server)
            except NotYetError:
                time.sleep(PROBE_INTERVAL_S)
            else:
                return True
    except BaseException:
        server.stop()
        raise
    server.stop()
    return False


def _start_failure(server: Server) -> ServiceError:
    log = server.log
    return ServiceError(
        f"{server.name} did not start on {LOOPBACK}:{server.port}. Its log, {log.path}, ends:\n{log.tail()}"
    )


def spawn(argv: Sequence[str], *, log: LogFile, **arguments: Any) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, where no Ctrl-C of our terminal reaches it, with its output in `log`.

    Args:
        argv: the program, by its full path, and its arguments.
        log: where both its outputs go.
        arguments: more for `subprocess.Popen`.

    Raises:
        ServiceError: it cannot be run.
    """
    with log.open() as output:
        try:
            return subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True, **arguments)  # noqa: S603
        except OSError as error:
            raise ServiceError(f"{argv[0]} could not be run: {error}") from error


def stop_leftovers(*names: str, working_in: Path) -> None:
    """Stop every process of these names that works in this folder: what a killed supervisor left behind.

    The caller holds the data folder, so no living supervisor owns them. A server stops its own children: Postgres ends
    with an error when its checkpointer is told to stop before it is.
    """
    left = {process.pid: process for process in psutil.process_iter() if _works_in(process, names, working_in)}
    stop_processes([process for process in left.values() if _parent(process) not in left])
    stop_processes(list(left.values()))


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _works_in(process: psutil.Process, names: Sequence[str], folder: Path) -> bool:
    try:
        return process.name() in names and Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False


def stop_processes(
    processes: Sequence[psutil.Process],
    *,
    stop_signal: signal.Signals = signal.SIGINT,
    seconds_max: float = STOP_SECONDS_MAX,
) -> None:
    """Signal all of them, wait, and kill those that remain after `seconds_max`."""
    for sent in (stop_signal, signal.SIGKILL):
        for process in filter(lives, processes):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sent)
        if wait_until(lambda: not any(map(lives, processes)), seconds_max=seconds_max):
            return


def lives(process: psutil.Process) -> bool:
    """Tell whether it runs. One that ended and whose parent does not care (a container's first process) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], *, seconds_max: float, interval_s: float = PROBE_INTERVAL_S) -> bool:
    """Wait for a condition; false when it did not come true in time."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def ending(returncode: int) -> str:
    """End of a process, in words."""
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"
