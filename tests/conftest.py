"""Real services for every test that asks: one Postgres and one Valkey a session, one database a test.

What is tested works as the application's role, as everywhere; a test that does what it may not says `by_hand`.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url

from tests.folders import servers_folder, swept_place
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import upgrade
from trueup.store.postgres.roles.names import APP, OWNER, ROLES
from trueup_worker.local.files.private import write_private
from trueup_worker.local.servers.postgres import SUPERUSER, start_postgres
from trueup_worker.local.servers.valkey import start_valkey

SECRET_KEY = "a secret key of the tests, 32 characters or more"
PASSWORD = "password-of-every-role"
DATA = Path(__file__).parent / "data"
OTHER_POSTGRES = os.environ.get("TEST_POSTGRES")  # the folder of its programs; none: the embedded one's

_numbers = itertools.count(1)

hypothesis.settings.load_profile("ci")  # the same examples in every run; `--hypothesis-profile=default` draws others


def pytest_configure(config: pytest.Config) -> None:
    """Nothing that the run starts outlives it, whether its tests run here or in several processes."""
    if not hasattr(config, "workerinput"):
        place = ExitStack()
        place.enter_context(swept_place())
        config.add_cleanup(place.close)


@dataclass(frozen=True)
class RunningServices:
    """Where this session's servers answer; `database_url` is the superuser's, who makes the tests' databases."""

    database_url: str
    redis_url: str

    def database(self, name: str, *, role: str = APP) -> str:
        """The URL of another database on the same server, as the application connects to it."""
        return make_url(self.database_url).set(database=name, username=role).render_as_string(hide_password=False)

    def create(self, name: str, *, template: str | None = None) -> None:
        """Makes a database: a copy of another one, or an empty one of the owner's."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            made_of = f"TEMPLATE {template}" if template else ""
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} {made_of}")

    def drop(self, name: str) -> None:
        """Removes a database, whoever is connected."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def by_hand(on: Engine) -> Iterator[Connection]:
    """A transaction of the superuser's on the same database: what no process of ours may do."""
    url = on.url.set(username=SUPERUSER, drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


@contextmanager
def running_services(other: Path | None) -> Iterator[RunningServices]:
    """A Postgres and a Valkey of our own, from nothing; of the programs in a folder, or else the embedded Postgres."""
    with ExitStack() as stack:
        folder = stack.enter_context(servers_folder())
        (folder / "postgres").mkdir(mode=0o711)
        for name in ("password", *(f"{role}.password" for role in ROLES)):
            write_private(folder / "postgres" / name, PASSWORD)
        postgres = start_postgres(folder / "postgres", other=other, options={"jit": "off"})
        stack.callback(postgres.stop)
        valkey = start_valkey(folder / "valkey")
        stack.callback(valkey.stop)
        yield RunningServices(postgres.superuser_url, valkey.url)


@pytest.fixture(scope="session")
def services() -> Iterator[RunningServices]:
    """The servers of the whole run."""
    with running_services(Path(OTHER_POSTGRES) if OTHER_POSTGRES else None) as running:
        yield running


@pytest.fixture(scope="session")
def template(services: RunningServices) -> str:
    """The name of a migrated, empty database to clone."""
    name = "template_of_tests"
    services.create(name)
    engine = make_engine(services.database(name, role=OWNER))
    upgrade(engine)
    engine.dispose()
    return name


@contextmanager
def fresh_database(services: RunningServices, template: str) -> Iterator[str]:
    """A fresh, migrated database as long as it is needed; gives its URL."""
    name = f"test_{next(_numbers)}"
    services.create(name, template=template)
    yield services.database(name)
    services.drop(name)


@pytest.fixture
def database_url(services: RunningServices, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    with fresh_database(services, template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A fresh, migrated database."""
    engine = make_engine(database_url, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def owned(database: Engine) -> Iterator[Engine]:
    """The fresh, migrated database, as its owner connects to it."""
    engine = make_engine(database.url.set(username=OWNER).render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def shared_database(services: RunningServices, template: str) -> Iterator[Engine]:
    """One database for tests of a module that each have an account of their own."""
    with fresh_database(services, template) as url:
        engine = make_engine(url, pool_size=10)
        yield engine
        engine.dispose()


@pytest.fixture(scope="session")
def common_database(services: RunningServices, template: str) -> Iterator[Engine]:
    """A migrated database for tests that each make an account of their own and look at nothing else."""
    services.create("common_to_tests", template=template)
    engine = make_engine(services.database("common_to_tests"), pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def account(database: Engine) -> int:
    """An account that lives in real time."""
    with database.begin() as connection:
        return create_account(connection, "acme", now=utc_now()).id


@pytest.fixture
def redis_url(services: RunningServices) -> str:
    """An empty Redis database."""
    with redis.Redis.from_url(services.redis_url) as client:
        client.flushall()
    return services.redis_url
