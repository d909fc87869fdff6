"""Rows that a mapping leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trueup.producer.files.mapping.header import Header
from trueup.producer.files.mapping.model import Skip


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition on a record's cells; `told`: in words."""

    meets: Callable[[Sequence[str]], bool]
    told: str


def compile_skip(skip: Skip, header: Header, field: str) -> Condition:
    """Compile a condition.

    Raises:
        WrongMapping: the table has not its column.
    """
    index, column = header.index(skip.column, field), skip.column
    if skip.empty is not None:
        is_empty = skip.empty
        return Condition(lambda cells: (not cells[index]) is is_empty, f"{column} is {'' if is_empty else 'not '}empty")
    if skip.starts_with is not None:
        beginnings = tuple(_texts(skip.starts_with))
        return Condition(lambda cells: cells[index].startswith(beginnings), f"{column} starts with {_told(beginnings)}")
    texts = frozenset(_texts(skip.is_not if skip.is_ is None else skip.is_))
    if skip.is_ is not None:
        return Condition(lambda cells: cells[index] in texts, f"{column} is {_told(sorted(texts))}")
    return Condition(lambda cells: cells[index] not in texts, f"{column} is not {_told(sorted(texts))}")


def _texts(told: str | list[str] | None) -> list[str]:
    return [told] if isinstance(told, str) else list(told or [])


def _told(texts: Sequence[str]) -> str:
    return " or ".join(map(repr, texts[:5])) + (" …" if len(texts) > 5 else "")
