"""Statements that run for every envelope, on the driver's own cursor.

By way of SQLAlchemy a statement costs the worker 90 µs in place of 31, which counts where an envelope is one request.
The transaction, the connection and the errors are SQLAlchemy's as ever.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from trueup.store.postgres.errors import is_spoilt

_KEPT = "driver cursor"
_NAMED = re.compile(r"(?<![:\w]):(\w+)")  # as in SQLAlchemy's texts; a cast's two colons are none


class DriverStatement:
    """A statement with parameters `:name`.

    Args:
        statement: SQL without comments, and without texts in which white space counts; values travel beside it.
    """

    def __init__(self, statement: str) -> None:
        # On one line, as the driver remembers how it reads a statement of at most 4,096 characters.
        self.text = _NAMED.sub(r"%(\1)s", " ".join(statement.split()).replace("%", "%%")).encode()

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute it on a connection that `transaction` or `statements` gave; returns its rows, none for a mere write.

        Raises:
            DBAPIError: as SQLAlchemy's own way; a lost or spoilt connection does not go back to the pool.
        """
        cursor = _cursor(connection)
        try:
            cursor.execute(self.text, parameters)
            return [] if cursor.description is None else cursor.fetchall()
        except psycopg.Error as error:
            if cursor.connection.closed or is_spoilt(error):
                connection.invalidate(error)
            raise self._wrapped(error, connection) from error

    def _wrapped(self, error: psycopg.Error, connection: Connection) -> BaseException:
        wrapped = DBAPIError.instance(
            self.text.decode(),
            None,
            error,
            psycopg.Error,
            connection_invalidated=connection.invalidated,
            dialect=connection.dialect,
        )
        assert isinstance(wrapped, BaseException)
        return wrapped


def uuid_array(ids: Iterable[str]) -> str:
    """Judged UUIDs as one parameter, to be cast to uuid[]; the driver's own lists cost a microsecond an entry."""
    return f"{{{','.join(ids)}}}"


def _cursor(connection: Connection) -> "psycopg.Cursor[tuple[Any, ...]]":
    """The connection's own: a new one for every statement costs a third more."""
    known = connection.info
    if _KEPT not in known:
        driver: psycopg.Connection[Any] | None = connection.connection.driver_connection
        assert driver is not None
        known[_KEPT] = driver.cursor()
    return known[_KEPT]  # type: ignore[no-any-return]
