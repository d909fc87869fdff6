"""The engine and the unit of work. Made after a fork, never before one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url

from shared.settings import settings


def make_engine(database_url: str, *, statement_timeout_s: int = 40, pool_size: int = 2) -> Engine:
    """An engine whose sessions run in UTC and end a statement after `statement_timeout_s` seconds."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    limit_ms = statement_timeout_s * 1_000
    # A plan made for one account's values trusts statistics that may not know the account yet, and reads all its rows.
    settings = ("timezone=UTC", "plan_cache_mode=force_generic_plan")
    limits = (f"statement_timeout={limit_ms}", f"lock_timeout={limit_ms}")
    options = " ".join(f"-c {setting}" for setting in (*settings, *limits))
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 10, "application_name": "trueup", "keepalives_idle": 30},
    )


@cache
def engine() -> Engine:
    """This process's engine, from its settings."""
    config = settings()
    return make_engine(str(config.database_url), statement_timeout_s=config.statement_timeout_s)


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Connection]:
    """One unit of work: commits at the end, rolls back when anything is raised."""
    with (on or engine()).begin() as connection:
        yield connection


@contextmanager
def snapshot(on: Engine | None = None) -> Iterator[Connection]:
    """One unit of reading: all statements see the same moment, and the database itself refuses to write."""
    reading = (on or engine()).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reading.begin() as connection:
        yield connection
