"""One running stack for all tests of the command, started and stopped by the command itself."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import Engine

from shared.store.engine import make_engine
from tests.acceptance.command import Command
from tests.acceptance.processes import Fleet, fleet
from tests.conftest import DATA, RunningServices

CATALOG = DATA / "cases" / "catalog.json"


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that Postgres can reach when the tests run as root: pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="trueup-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(open_folder: Path) -> Iterator[Command]:
    """The command beside a running stack whose default account has the catalog of the cases."""
    command = Command(open_folder / "data", open_folder)
    command.ok("up", "--detach", "--ready-file", open_folder / "ready.json")
    try:
        command.ok("catalog", "load", CATALOG)
        yield command
    finally:
        command.ok("down")


@pytest.fixture(scope="module")
def module_database(services: RunningServices, template: str) -> Iterator[Engine]:
    """A fresh, migrated database for all tests of a module."""
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE of_module TEMPLATE {template}")
        engine = make_engine(services.database("of_module"), pool_size=10)
        yield engine
        engine.dispose()
        connection.execute("DROP DATABASE of_module WITH (FORCE)")


@pytest.fixture(scope="module")
def module_fleet(
    services: RunningServices, module_database: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Where the processes of a module run, before an empty broker."""
    with redis.Redis.from_url(services.redis_url) as client:
        client.flushall()
    database_url = module_database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with fleet(database_url, services.redis_url, tmp_path_factory.mktemp("processes")) as running:
        yield running
