"""The engine and the unit of work. Made after a fork, never before one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import zip_longest
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from trueup.defaults import STATEMENT_TIMEOUT_S
from trueup.store.postgres.connecting import Pooled, Pooler, connect
from trueup.store.postgres.errors import is_spoilt
from trueup.store.postgres.parameters import parameters_of

_DRIVER = "postgresql+psycopg"
_FRESH_S = 1.0  # a connection that answered this recently is not asked whether it is still there


def make_engine(
    database_url: str,
    *,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
    pool_size: int = 2,
    pooler: Pooler | None = None,
) -> Engine:
    """An engine whose transactions run in UTC.

    Args:
        database_url: Postgres; of several hosts the one that takes writes.
        statement_timeout_s: after which a statement is ended; at a lock it waits for a quarter of that.
        pool_size: connections that are kept.
        pooler: by what the database is reached.

    Raises:
        ValueError: it is no URL of Postgres.
    """

    def opened() -> "psycopg.Connection[Any]":
        return connect(database_url, statement_timeout_s=statement_timeout_s, pooler=pooler)

    made = create_engine(_as_sqlalchemy(database_url), creator=opened, pool_size=pool_size, max_overflow=2)
    event.listen(made, "connect", _note_answer)
    event.listen(made, "checkin", _note_answer)
    event.listen(made, "checkout", _require_answer)
    event.listen(made, "handle_error", _drop_spoilt)
    return made


def _as_sqlalchemy(database_url: str) -> URL:
    """URL in the form of SQLAlchemy, for those who ask an engine for it: libpq alone reads several hosts' ports."""
    given = parameters_of(database_url)
    hosts = zip_longest(str(given.get("host", "")).split(","), str(given.get("port", "")).split(","), fillvalue="")
    if "," not in str(given.get("host", "")):
        return make_url(database_url).set(drivername=_DRIVER)
    return URL.create(
        _DRIVER,
        username=given.get("user"),
        password=given.get("password"),
        database=given.get("dbname"),
        query={"host": [":".join(filter(None, each)) for each in hosts]},
    )


def _note_answer(_: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["answered_s"] = time.monotonic()


def _require_answer(dbapi_connection: "psycopg.Connection[Any]", entry: ConnectionPoolEntry, _: Any) -> None:
    """Let the pool replace a connection that was lost while nobody used it."""
    if time.monotonic() - entry.info.get("answered_s", 0.0) < _FRESH_S:
        return
    try:
        dbapi_connection.autocommit = True  # a rollback would make psycopg forget every prepared statement
        dbapi_connection.execute("")
        dbapi_connection.autocommit = False
    except psycopg.Error as error:
        raise DisconnectionError from error


def _drop_spoilt(context: ExceptionContext) -> None:
    """Let the pool replace its connections where one is no good any more."""
    context.is_disconnect = context.is_disconnect or is_spoilt(context.original_exception)


@cache
def engine() -> Engine:
    """Engine of this process, made from its settings once."""
    from trueup.settings import settings  # noqa: PLC0415 - a producer names its database, and has no settings

    config = settings()
    return make_engine(
        str(config.database_url), statement_timeout_s=config.statement_timeout_s, pooler=config.database_pooler
    )


@contextmanager
def transaction(on: Engine | Connection | None = None) -> Iterator[Connection]:
    """One unit of work: commits at the end, rolls back when anything is raised.

    Args:
        on: an engine, this process's unless another is given; or a connection, which one unit after another may use.
    """
    if isinstance(on, Connection):
        with on.begin():
            yield on
    else:
        with (on or engine()).begin() as connection:
            yield connection


@contextmanager
def statements(on: Connection) -> Iterator[Connection]:
    """A connection while each statement on it is a transaction of its own, and costs one round trip (by a pooler 3)."""
    driver: psycopg.Connection[Any] | None = on.connection.driver_connection
    assert driver is not None
    _each_alone(driver, is_so=True)
    try:
        yield on
    finally:
        if on.in_transaction():
            on.rollback()  # of what SQLAlchemy takes for one
        if not driver.closed:
            _each_alone(driver, is_so=False)


def _each_alone(driver: "psycopg.Connection[Any]", *, is_so: bool) -> None:
    if isinstance(driver, Pooled):
        driver.is_each_alone = is_so
    else:
        driver.autocommit = is_so  # by way of SQLAlchemy's isolation levels it costs as much as a statement


@contextmanager
def snapshot(on: Engine | None = None) -> Iterator[Connection]:
    """One unit of reading: all statements see the same moment, and the database itself refuses to write."""
    reading = (on or engine()).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reading.begin() as connection:
        yield connection
