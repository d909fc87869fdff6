"""Rows of a statement as values: a dataclass a row, its fields filled by the columns of the same names."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable

T = TypeVar("T")
Parameters = Mapping[str, object]


def fetch_all(connection: Connection, kind: type[T], statement: Executable, parameters: Parameters) -> list[T]:
    """All rows, each as a value of `kind`.

    Args:
        connection: a transaction.
        kind: a dataclass; every column is one of its fields, and a field without a column has a default.
        statement: what to read.
        parameters: of the statement.

    Raises:
        TypeError: the columns are not the fields.
    """
    return list(values(connection.execute(statement, parameters), kind))


def fetch_one(connection: Connection, kind: type[T], statement: Executable, parameters: Parameters) -> T | None:
    """The row of a statement that finds one at most, as `fetch_all` gives it; None where it finds none."""
    row = connection.execute(statement, parameters)
    return next(values(row, kind), None)


def values(rows: CursorResult[Any], kind: type[T]) -> Iterator[T]:
    """The rows as they come, streamed if the statement is."""
    names = tuple(rows.keys())
    return (kind(**dict(zip(names, row, strict=True))) for row in rows)
