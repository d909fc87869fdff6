"""Debian's RabbitMQ: a node with names, ports, a cookie and data of its own."""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.processes import wait_for
from trueup.broker.rabbitmq_broker import connect
from trueup_worker.local.servers.server import LOOPBACK, free_port, stop_processes

_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
_SECONDS_MAX = 120


@dataclass
class RabbitMQ:
    """A node; it may be stopped, killed and started again on its data."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    node_port: int = field(default_factory=free_port)
    tls_port: int | None = None
    process: subprocess.Popen[bytes] | None = None
    name: str = field(default_factory=lambda: f"trueup{secrets.token_hex(4)}@localhost")

    @property
    def url(self) -> str:
        """Where it answers, to the user that every node has at first."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}//"

    @property
    def environ(self) -> dict[str, str]:
        """What its programs are told."""
        home = self.folder / "home"
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "TMPDIR": tempfile.gettempdir(),  # by which .ci/run knows what a run has left behind
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_DIST_PORT": str(self.node_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CTL_ERL_ARGS": "+S 1:1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
        }

    def start(self) -> None:
        """Starts it, on what data there is, and returns once it takes connections."""
        for each in ("home", "data", "log"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        cookie = self.folder / "home" / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)
        (self.folder / "plugins").write_text("[].\n")
        told = {"listeners.tcp.default": str(self.port), "loopback_users": "none", **self.settings}
        (self.folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in told.items()))
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_SERVER], env=self.environ, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, what=f"RabbitMQ to answer; see {self.folder}/rabbitmq.log", seconds_max=_SECONDS_MAX)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "rabbitmq.log").read_text()[-3000:]
        with suppress(Exception):
            connect(self.url).release()
            return True
        return False

    def control(self, *arguments: str) -> str:
        """What rabbitmqctl says."""
        argv = [_CONTROL, "-q", *arguments]
        ran = subprocess.run(
            argv, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        return ran.stdout

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> None:
        """Stops it, or kills it."""
        if self.process is None:
            return
        ours = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        stop_processes(ours, stop_signal=by)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self.process = None

    def close(self) -> None:
        """Ends all that works in its folder: the node, and the daemon that knows its name."""
        self.stop(by=signal.SIGKILL)
        left = [each for each in psutil.process_iter() if self._is_ours(each)]
        stop_processes(left, stop_signal=signal.SIGKILL)

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            return process.pid != os.getpid() and process.environ().get("ERL_EPMD_PORT") == str(self.epmd_port)
        return False


@contextmanager
def rabbitmq(folder: Path, **given: Any) -> Iterator[RabbitMQ]:
    """A node that runs, and is gone then."""
    node = RabbitMQ(folder, **given)
    try:
        node.start()
        yield node
    finally:
        node.close()
