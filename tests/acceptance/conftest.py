"""One running stack for all tests of the command, started and stopped by the command itself."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from tests.acceptance.command import Command
from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet, fleet, fork_server
from tests.conftest import DATA, RunningServices
from tests.folders import servers_folder
from tests.integration.intake import Intake
from trueup.store.postgres.engine import make_engine
from trueup.store.reconciliation.check import Difference
from trueup_worker.reporting.reconcile import reconcile

CATALOG = DATA / "cases" / "catalog.json"
SECONDS_MAX = 60


@pytest.fixture(scope="session", autouse=True)
def imported() -> None:
    """Imports begin while Postgres starts."""
    fork_server()


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that Postgres can reach."""
    with servers_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def running_stack(open_folder: Path) -> Iterator[Command]:
    """The command beside a running stack whose default account has the catalog of the cases."""
    command = Command(open_folder / "data", open_folder, environ={"TRUEUP_WEBHOOK_LOOPBACK": "true"})
    command.ok("up", "--detach", "--ready-file", open_folder / "ready.json")
    try:
        command.ok("catalog", "load", CATALOG)
        yield command
    finally:
        command.ok("down")


@pytest.fixture(scope="module")
def stack(running_stack: Command) -> Iterator[Command]:
    """The running stack; what a module leaves in it agrees, once what it sent has been worked on."""
    yield running_stack
    deadline = time.monotonic() + SECONDS_MAX
    while differences := _differences(running_stack):
        assert time.monotonic() < deadline, differences
        time.sleep(0.2)


def _differences(stack: Command) -> list[Difference]:
    """By a connection of its own: a test may have killed the database in between."""
    engine = make_engine(json.loads((stack.cwd / "ready.json").read_text())["database"], pool_size=1)
    try:
        with engine.begin() as connection:
            return reconcile(connection)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def module_database(services: RunningServices, template: str) -> Iterator[Engine]:
    """A fresh, migrated database for all tests of a module."""
    services.create("of_module", template=template)
    engine = make_engine(services.database("of_module"), pool_size=10)
    yield engine
    engine.dispose()
    services.drop("of_module")


@pytest.fixture(scope="module")
def module_fleet(
    services: RunningServices, module_database: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Where the processes of a module run, before an empty broker; what they leave agrees."""
    with redis.Redis.from_url(services.redis_url) as client:
        client.flushall()
    database_url = module_database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with fleet(database_url, services.redis_url, tmp_path_factory.mktemp("processes")) as running:
        yield running
    with module_database.begin() as connection:
        assert reconcile(connection) == []


@pytest.fixture(scope="module")
def account(module_database: Engine) -> Intake:
    """An account with the catalog of the cases."""
    return Intake(module_database)


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway; envelopes are received by the tests themselves."""
    with gateway(module_fleet, account.token) as running:
        yield running
