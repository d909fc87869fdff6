"""Streams in the order of one key, read side by side."""

from collections.abc import Callable, Iterator
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def of_each(rows: Iterator[T], key_of: Callable[[T], UUID]) -> Callable[[UUID], Iterator[T]]:
    """Rows of one key after the other, for keys that are asked for in ascending order; those between are passed over.

    Args:
        rows: in the ascending order of their keys.
        key_of: the key of a row.
    """
    ahead: list[T] = []

    def take() -> T | None:
        return ahead.pop() if ahead else next(rows, None)

    def of(key: UUID) -> Iterator[T]:
        while (row := take()) is not None:
            found = key_of(row)
            if found > key:
                ahead.append(row)
                return
            if found == key:
                yield row

    return of
