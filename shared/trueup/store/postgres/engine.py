"""The engine and the unit of work. Made after a fork, never before one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from trueup.defaults import STATEMENT_TIMEOUT_S
from trueup.store.postgres.errors import is_spoilt

# A host that is gone says nothing, for ever: these end what waits for it, within half a minute.
_WHEN_SILENT = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
_LOCK_SHARE = 4  # of a statement's time that it may wait for one lock: below it, so that the error tells which it was
_FRESH_S = 1.0  # a connection that answered this recently is not asked whether it is still there


def make_engine(database_url: str, *, statement_timeout_s: int = STATEMENT_TIMEOUT_S, pool_size: int = 2) -> Engine:
    """An engine whose sessions run in UTC.

    Args:
        database_url: Postgres.
        statement_timeout_s: after which a statement is ended; at a lock it waits for a quarter of that.
        pool_size: connections that are kept.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    given = _arguments(url, statement_timeout_s)
    made = create_engine(url, pool_size=pool_size, max_overflow=2, connect_args=given)
    event.listen(made, "connect", _note_answer)
    event.listen(made, "checkin", _note_answer)
    event.listen(made, "checkout", _require_answer)
    event.listen(made, "handle_error", _drop_spoilt)
    return made


async def connect_in_loop(database_url: str, *, statement_timeout_s: int) -> "psycopg.AsyncConnection[Any]":
    """A connection as the engine's, for an event loop; each statement is a transaction.

    Raises:
        psycopg.Error: the database does not answer.
    """
    url = make_url(database_url).set(drivername="postgresql")
    given = _arguments(url, statement_timeout_s)
    return await psycopg.AsyncConnection.connect(url.render_as_string(hide_password=False), autocommit=True, **given)


def _arguments(url: URL, statement_timeout_s: int) -> dict[str, Any]:
    """Arguments of a connection beside its URL, whose options count, but for those settings that ours name."""
    limit_ms = statement_timeout_s * 1_000
    # A plan made for one account's values trusts statistics that may not know the account yet, and reads all its rows.
    settings = ("timezone=UTC", "plan_cache_mode=force_generic_plan")
    limits = (f"statement_timeout={limit_ms}", f"lock_timeout={limit_ms // _LOCK_SHARE}")
    ours = [f"-c {setting}" for setting in (*settings, *limits)]
    wished = {"connect_timeout": 10, "application_name": "trueup", **_WHEN_SILENT}
    defaults = {name: value for name, value in wished.items() if name not in url.query}
    return {"options": " ".join([*url.normalized_query.get("options", ()), *ours]), **defaults}


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
    return make_engine(str(config.database_url), statement_timeout_s=config.statement_timeout_s)


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
    """A connection while each statement on it is a transaction of its own, and costs one round trip."""
    driver: psycopg.Connection[Any] | None = on.connection.driver_connection
    assert driver is not None
    driver.autocommit = True  # by way of SQLAlchemy's isolation levels it costs as much as a statement
    try:
        yield on
    finally:
        if on.in_transaction():
            on.rollback()  # of what SQLAlchemy takes for one
        if not driver.closed:
            driver.autocommit = False


@contextmanager
def snapshot(on: Engine | None = None) -> Iterator[Connection]:
    """One unit of reading: all statements see the same moment, and the database itself refuses to write."""
    reading = (on or engine()).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reading.begin() as connection:
        yield connection
