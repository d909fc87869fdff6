"""Client of the fork server: starts the Procfile's Python processes by having them forked."""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import RLock
from typing import Any, Protocol

from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.servers.server import ServiceError

_PLAIN = r"[\w.,:/@=+-]+"  # nothing that a shell would change
_MODULE = re.compile(rf"((?:\w+={_PLAIN} )*)exec python -m ({_PLAIN}(?: {_PLAIN})*)")
_ANSWER_SECONDS_MAX = 60.0  # the imports, on a machine that does much else
_END_SECONDS_MAX = 10.0
_LISTEN_SECONDS = 0.1
_LOST = 255  # the exit code of one that nobody is left to tell about
_CHUNK = 65_536


class Child(Protocol):
    """A process that is supervised: a `subprocess.Popen`, or a fork of the fork server's."""

    @property
    def pid(self) -> int:
        """Process id."""

    def poll(self) -> int | None:
        """Exit code; None while it runs."""

    def wait(self) -> int:
        """Wait until it has ended, and say how; for one that was told to end."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, if it still runs."""


class ForkServer:
    """A process that has imported everything, or is about to. When it has died, what it forked counts as lost.

    Threads may share it.

    Args:
        environ: what it sees itself; each fork has an environment of its own.
        log: where its errors go.
    """

    def __init__(self, environ: Mapping[str, str], log: LogFile) -> None:
        self._environ = environ
        self._log = log
        self._lock = RLock()
        self._unread = b""
        self._started: list[int] = []
        self._codes: dict[int, int] = {}
        with log.open() as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trueup_worker.local.fork_server"],
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        """Tell whether it can fork."""
        return self._process.poll() is None

    def fork(self, argv: Sequence[str], *, environ: Mapping[str, str], log: LogFile) -> "Forked":
        """Run a module in a session of its own, as `python -m` would; waits until the imports are over.

        Raises:
            ServiceError: it died, or hangs.
        """
        log.open().close()  # made with the right mode
        with self._lock:
            self._ask({"argv": list(argv), "environ": dict(environ), "log": str(log.path)})
            deadline = time.monotonic() + _ANSWER_SECONDS_MAX
            while not self._started:
                is_over = not self.is_alive() or time.monotonic() > deadline
                self.listen(seconds_max=_LISTEN_SECONDS)  # whatever it still said before it died
                if is_over and not self._started:
                    self._process.kill()
                    raise self._failure()
            return Forked(self._started.pop(), self)

    def code_of(self, pid: int) -> int | None:
        """Exit code of a fork; None while it runs."""
        self.listen()
        return self._codes.get(pid, None if self.is_alive() else _LOST)

    def listen(self, *, seconds_max: float = 0.0) -> None:
        """Take in what it says."""
        reports = self._process.stdout
        assert reports is not None
        with self._lock:
            if reports.closed or not select.select([reports], [], [], seconds_max)[0]:
                return
            *lines, self._unread = (self._unread + os.read(reports.fileno(), _CHUNK)).split(b"\n")
            for line in lines:
                self._note(json.loads(line))

    def anew(self) -> "ForkServer":
        """Another one, in place of this one that died."""
        self.stop()
        return ForkServer(self._environ, self._log)

    def stop(self) -> None:
        """End it; what it forked is not touched."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # of an order that it did not take
                pipe.close()

    def _ask(self, wanted: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _failure(self) -> ServiceError:
        return ServiceError(f"the fork_server is gone. Its log, {self._log.path}, ends:\n{self._log.tail()}")

    def _note(self, report: dict[str, Any]) -> None:
        if pid := report.get("started"):
            self._codes.pop(pid, None)
            self._started.append(pid)
        else:
            self._codes[report["ended"]] = report["code"]


@dataclass(slots=True)
class Forked:
    """A process that the fork server forked."""

    pid: int
    fork_server: ForkServer

    def poll(self) -> int | None:
        """Exit code; None while it runs."""
        return self.fork_server.code_of(self.pid)

    def wait(self) -> int:
        """Wait until the fork server has told; for one that ends now."""
        deadline = time.monotonic() + _END_SECONDS_MAX
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                return _LOST
            self.fork_server.listen(seconds_max=_LISTEN_SECONDS)
        return code

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def module_of(command: str) -> tuple[list[str], dict[str, str]] | None:
    """The module with its arguments, and its settings, where a line of a Procfile does nothing but run one.

    That is `exec python -m MODULE ARG…`, with `NAME=value` before it or not, and nothing in it that is a shell's.
    """
    found = _MODULE.fullmatch(command)
    if found is None:
        return None
    settings, argv = found.groups()
    return argv.split(), dict(each.split("=", 1) for each in settings.split())
