"""Behind PgBouncer in transaction mode everything works as before a Postgres of one's own, or does not start."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from tests import bodies
from tests.acceptance.gateway import ARGV, gateway
from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.conftest import RunningServices, fresh_database
from tests.folders import servers_folder
from tests.integration.intake import Intake
from tests.integration.test_session_zone import life
from tests.services.pgbouncer import pgbouncer
from trueup.producer.client import CommitProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.store.postgres.connecting import connect_in_loop
from trueup.store.postgres.driver_statement import DriverStatement
from trueup.store.postgres.engine import make_engine, statements, transaction
from trueup.store.postgres.roles.names import OWNER
from trueup.wire.message.names import QUEUES
from trueup_worker.local.servers.server import Server, free_port
from trueup_worker.reporting.reconcile import reconcile

CREATES = 200
ABROAD = "Asia/Kolkata"  # the zone of the server's sessions, where nobody sets another
_SETTINGS = """
    SELECT current_setting('TimeZone'), current_setting('plan_cache_mode'), current_setting('statement_timeout'),
           current_setting('lock_timeout'), current_setting('work_mem')
"""
EXPECTED = ("UTC", "force_generic_plan", "8s", "2s", "5MB")
_OPTIONS = "?options=-c%20work_mem%3D5MB%20-c%20timezone%3DAsia/Tokyo"
_DIVIDE = DriverStatement("SELECT 1 / CAST(:by AS integer)")


@pytest.fixture(scope="module")
def pooler(services: RunningServices) -> Iterator[Server]:
    """A pooler as its package's documentation has it."""
    with servers_folder() as folder, pgbouncer(folder / "pgbouncer", services) as running:
        yield running


@pytest.fixture(scope="module")
def careless(services: RunningServices) -> Iterator[Server]:
    """A pooler that takes settings at a session's start, and drops them."""
    told = {"ignore_startup_parameters": "options"}
    with servers_folder() as folder, pgbouncer(folder / "pgbouncer", services, **told) as running:
        yield running


@pytest.fixture
def pooled_url(pooler: Server, services: RunningServices, database: Engine) -> str:
    """The URL of the fresh database by the pooler; the server's own sessions run in another zone."""
    name = str(database.url.database)
    with psycopg.connect(services.database(name, role=OWNER), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone = '{ABROAD}'")
    return f"{pooler.url}/{name}"


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Engine]:
    """An engine by the pooler."""
    engine = make_engine(pooled_url + _OPTIONS, statement_timeout_s=8, pooler="transaction", pool_size=10)
    yield engine
    engine.dispose()


def settings_in(connection: Connection) -> tuple[str, ...]:
    """What holds where a statement runs."""
    return tuple(connection.execute(text(_SETTINGS)).one())


def test_two_hundred_creates(database: Engine, pooled_url: str, redis_url: str, tmp_path: Path) -> None:
    """Over HTTP all of them become commits: none is parked, none is answered with 500, and everything agrees."""
    account = Intake(database)
    behind = {"TRUEUP_DATABASE_POOLER": "transaction"}
    with fleet(pooled_url, redis_url, tmp_path, **behind) as running:
        running.worker(",".join(QUEUES))
        running.worker(",".join(QUEUES))
        running.scheduler()
        with gateway(running, account.token) as here, ThreadPoolExecutor(16) as callers:
            made = [bodies.invoiced(uniqueness_key=f"order {number}") for number in range(CREATES)]
            answers = list(callers.map(here.create, made))
            statuses = {answer.status for answer in answers}
            assert statuses <= {200, 202}, [answer.text for answer in answers if answer.status not in (200, 202)]
            wait_for(lambda: account.count("commit") == CREATES, what="all commits")
    assert account.count("parked") == 0
    with database.connect() as connection:
        assert reconcile(connection) == []


def test_three_months(database: Engine, pooled: Engine, services: RunningServices, template: str) -> None:
    """Months are closed, trued up and reconciled as in sessions of one's own, though the server's zone is another."""
    with fresh_database(services, template) as url:
        engine = make_engine(url)
        at_home = life(engine)
        engine.dispose()
    assert life(pooled) == at_home
    assert database.url.database == pooled.url.database


def test_settings_come_with_each_transaction(pooled: Engine) -> None:
    """In a transaction, in statements that are one each, and in an event loop; the URL's too, but for ours."""
    for _ in range(10):
        with transaction(pooled) as connection:
            assert settings_in(connection) == EXPECTED
        with pooled.connect() as kept, statements(kept) as connection:
            assert [settings_in(connection) for _ in range(3)] == [EXPECTED] * 3


def test_settings_in_an_event_loop(pooled_url: str) -> None:
    """The same holds for a connection of an event loop, however often a statement runs."""

    async def shown() -> list[Any]:
        given = {"statement_timeout_s": 8, "pooler": "transaction"}
        async with await connect_in_loop(pooled_url + _OPTIONS, **given) as connection:  # type: ignore[arg-type]
            return [await (await connection.execute(_SETTINGS, prepare=True)).fetchone() for _ in range(10)]

    assert asyncio.run(shown()) == [EXPECTED] * 10


def test_a_statement_that_fails_is_over(pooled: Engine) -> None:
    """Where each statement is a transaction, the next one runs."""
    with pooled.connect() as kept:
        with pytest.raises(Exception, match="division by zero"), statements(kept) as connection:
            _DIVIDE.run(connection, {"by": 0})
        with statements(kept) as connection:
            assert _DIVIDE.run(connection, {"by": 1}) == [(1,)]
        with transaction(kept) as connection:
            assert settings_in(connection) == EXPECTED


@pytest.mark.parametrize("which", ["pooler", "careless"])
def test_without_the_setting_nothing_starts(
    which: str, request: pytest.FixtureRequest, database: Engine, redis_url: str, tmp_path: Path
) -> None:
    """Worker, scheduler and gateway end and say what to set, whether the pooler takes their settings or drops them."""
    before: Server = request.getfixturevalue(which)
    with fleet(f"{before.url}/{database.url.database}", redis_url, tmp_path) as running:
        for start in (_worker, _scheduler, _gateway):
            start(running)
            assert running.started[-1].wait() != 0
        logs = [(tmp_path / f"process-{number}.log").read_text() for number in range(3)]
    assert [log.count("set TRUEUP_DATABASE_POOLER=transaction") for log in logs] == [1, 1, 1], logs


def test_a_producer(database: Engine, pooled_url: str, redis_url: str) -> None:
    """A producer keeps its requests by the pooler where it is told of it, and says what is wrong otherwise."""
    account = Intake(database)
    named = {"broker_url": redis_url, "token": account.token, "account": account.account, "database_url": pooled_url}
    with CommitProducer(**named, database_pooler="transaction") as producer:
        for number in range(10):
            producer.submit(bodies.invoiced(uniqueness_key=f"order {number}"))
    assert account.count("intake") > 0
    with CommitProducer(**named) as producer, pytest.raises(DatabaseUnavailable, match="database_pooler"):
        producer.submit(bodies.invoiced(uniqueness_key="order"))


def _worker(running: Fleet) -> None:
    running.worker(",".join(QUEUES))


def _scheduler(running: Fleet) -> None:
    running.scheduler()


def _gateway(running: Fleet) -> None:
    running._start(ARGV, {"TRUEUP_HTTP_PORT": str(free_port())})
