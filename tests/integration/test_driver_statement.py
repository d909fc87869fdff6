"""DriverStatement statements run beside SQLAlchemy's own, in its transactions, with its errors."""

from importlib import import_module
from pkgutil import walk_packages

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

import trueup.store
from trueup.store.postgres.driver_statement import DriverStatement
from trueup.store.postgres.engine import snapshot, statements, transaction
from trueup.store.postgres.errors import is_away, is_permanent, sqlstate

_PUT = DriverStatement("INSERT INTO account (name) VALUES (:name)")
_NAMES = DriverStatement("SELECT name FROM account WHERE name LIKE 'hot%' AND name <> CAST(:not AS text) ORDER BY name")
_DIVIDE = DriverStatement("SELECT 1 / CAST(:by AS integer)")
_END_ME = DriverStatement("SELECT pg_terminate_backend(pg_backend_pid()) WHERE :yes")


_INSERT = text("INSERT INTO account (name) VALUES (:name)")
PREPARED_AFTER = 6  # times that a statement ran, psycopg prepares it


def names(database: Engine) -> list[str]:
    """What is committed."""
    with transaction(database) as connection:
        return [name for (name,) in _NAMES.run(connection, {"not": "other"})]


def test_it_belongs_to_the_transaction(database: Engine) -> None:
    """Committed with SQLAlchemy's own statements, and rolled back with them."""
    with transaction(database) as connection:
        assert _PUT.run(connection, {"name": "hot 1"}) == []
        assert connection.execute(text("SELECT count(*) FROM account WHERE name = 'hot 1'")).scalar_one() == 1
    with database.connect() as connection, connection.begin() as undone:
        _PUT.run(connection, {"name": "hot 2"})
        undone.rollback()
    assert names(database) == ["hot 1"]


def test_outside_a_transaction_it_is_one(database: Engine) -> None:
    """In autocommit each statement stays, whatever comes next."""
    with database.connect() as kept, statements(kept) as connection:
        _PUT.run(connection, {"name": "hot 1"})
        with pytest.raises(DBAPIError):
            _DIVIDE.run(connection, {"by": 0})
    assert names(database) == ["hot 1"]


def test_its_errors_are_sqlalchemys(database: Engine) -> None:
    """With the driver's error inside; the connection goes on."""
    with pytest.raises(DBAPIError) as caught, transaction(database) as connection:
        _DIVIDE.run(connection, {"by": 0})
    assert (sqlstate(caught.value), is_permanent(caught.value)) == ("22012", True)
    assert names(database) == []


def test_a_lost_connection_is_not_used_again(database: Engine) -> None:
    """The error says that the database was away, and the next unit gets another connection."""
    with pytest.raises(OperationalError) as caught, transaction(database) as connection:
        _END_ME.run(connection, {"yes": True})
    assert is_away(caught.value)
    assert caught.value.connection_invalidated
    assert names(database) == []


def test_plans_of_before_a_migration(database: Engine, owned: Engine) -> None:
    """A statement that was prepared before a column came fails once, outside of transactions too, and then runs."""
    every_column = DriverStatement("SELECT * FROM installation WHERE :yes")
    with database.connect() as kept:
        with statements(kept) as connection:
            for _ in range(PREPARED_AFTER):
                every_column.run(connection, {"yes": True})
        with owned.begin() as connection:
            connection.execute(text("ALTER TABLE installation ADD COLUMN anything integer"))
        with pytest.raises(DBAPIError) as caught, statements(kept) as connection:
            every_column.run(connection, {"yes": True})
        assert (sqlstate(caught.value), is_permanent(caught.value)) == ("0A000", False)
        with statements(kept) as connection:
            assert every_column.run(connection, {"yes": True}) == []


def test_a_connection_to_what_only_reads_is_not_used_again(database: Engine) -> None:
    """Neither way of running a statement gives it back to the pool: after a failover, it leads to the wrong server."""
    for put in (_PUT.run, lambda connection, given: connection.execute(_INSERT, given)):
        with pytest.raises(DBAPIError) as caught, snapshot(database) as connection:
            put(connection, {"name": "hot"})
        assert (sqlstate(caught.value), caught.value.connection_invalidated) == ("25006", True)
    assert names(database) == []


def test_the_driver_remembers_how_it_reads_each_of_them() -> None:
    """None is longer than what it remembers: reading one anew costs as much as a round trip."""
    modules = (
        import_module(found.name)
        for found in walk_packages(trueup.store.__path__, "trueup.store.")
        if ".migrations" not in found.name
    )
    kept = {id(each): each for module in modules for each in vars(module).values() if isinstance(each, DriverStatement)}
    assert len(kept) >= 10
    assert max(len(each.text) for each in kept.values()) <= MAX_CACHED_STATEMENT_LENGTH
