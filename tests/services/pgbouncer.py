"""PgBouncer in transaction mode, as Debian has it, before a Postgres of the tests."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.conftest import PASSWORD, RunningServices
from trueup.store.postgres.roles.names import APP, OWNER
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.servers.server import LOOPBACK, NotYetError, Server, spawn, start_server
from trueup_worker.local.servers.unprivileged import run_as_for

PROGRAM = "/usr/sbin/pgbouncer"
SERVERS = 4  # sessions that all clients share: each transaction has another one than the one before


@contextmanager
def pgbouncer(folder: Path, services: RunningServices, **settings: str) -> Iterator[Server]:
    """A pooler as long as it is needed; its `url` is the application's, of no database yet."""
    folder.mkdir(mode=0o711)
    behind = make_url(services.database_url)
    users = folder / "users.txt"
    users.write_text("".join(f'"{role}" "{PASSWORD}"\n' for role in (APP, OWNER)))
    run_as = run_as_for(folder)  # it does not run as root
    log = LogFile(folder / "pgbouncer.log")

    def launch(port: int) -> Server:
        told = {
            "listen_addr": LOOPBACK,
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": users,
            "pool_mode": "transaction",
            "default_pool_size": SERVERS,
            "max_client_conn": 500,
            "server_round_robin": 1,
            **settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in told.items())
        config = folder / "pgbouncer.ini"
        config.write_text(f"[databases]\n* = host={LOOPBACK} port={behind.port}\n[pgbouncer]\n{lines}\n")
        process = spawn(
            [PROGRAM, str(config)], log=log, cwd=folder, stdin=subprocess.DEVNULL, **run_as.popen_arguments()
        )
        url = f"postgresql://{APP}:{PASSWORD}@{LOOPBACK}:{port}"
        return Server("PgBouncer", url, port, log, process, signal.SIGINT)

    def probe(server: Server) -> None:
        try:
            psycopg.connect(f"{server.url}/{behind.database}", connect_timeout=2).close()
        except psycopg.OperationalError as error:
            raise NotYetError(str(error)) from error

    server = start_server(launch, probe, port=None)
    try:
        yield server
    finally:
        server.stop()
