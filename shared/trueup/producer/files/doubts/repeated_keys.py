"""Keys that stand more than once in a file, with different terms: all but the first are refused, so it is told before.

One pass keeps eight bytes a key. Only where some stand twice the file is looked at once more, for their rows and terms.
"""

from array import array
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from trueup.limits import KEYS_COMPARED_MAX
from trueup.producer.files.shown import shown

_PARTS = 64  # looked at one by one, so that the set of one is small
_LOOKED_AT_MAX = 10_000
_TOLD_MAX = 5
_ROWS_TOLD_MAX = 5


class KeyedRow(NamedTuple):
    """A row that has a key; rows of the same `terms` say the same."""

    number: int
    key: Hashable
    terms: int


class KeysSeen:
    """The keys of a file, as far as it takes to know which stand more than once."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(_PARTS)]
        self._left = KEYS_COMPARED_MAX

    def add(self, key: Hashable) -> None:
        """Take the key of the next row."""
        if self._left:
            self._left -= 1
            hashed = hash(key)
            self._parts[hashed % _PARTS].append(hashed)

    def repeated(self) -> frozenset[int]:
        """The hashes of keys that stand more than once, or the first of very many."""
        found: set[int] = set()
        for part in self._parts:
            once = set(part)
            if len(once) < len(part) and len(found) < _LOOKED_AT_MAX:
                found |= _twice(part)
        return frozenset(found)


def _twice(hashes: Iterable[int]) -> set[int]:
    once: set[int] = set()
    return {each for each in hashes if each in once or once.add(each)}  # type: ignore[func-returns-value]


def told_of_repeated(rows: Iterator[KeyedRow], repeated: frozenset[int], name: str) -> list[str]:
    """Tell in words which keys stand in several rows with different terms; none where all say the same.

    Args:
        rows: of the file that have a key.
        repeated: hashes of the keys that are looked at.
        name: of the field.
    """
    rows_of: dict[Hashable, list[int]] = {}
    terms_of: dict[Hashable, int] = {}
    differing: set[Hashable] = set()
    for number, key, terms in rows:
        if hash(key) in repeated:
            found = rows_of.setdefault(key, [])
            if len(found) <= _ROWS_TOLD_MAX:
                found.append(number)
            if terms_of.setdefault(key, terms) != terms:
                differing.add(key)
    told = [
        f"rows {_listed(numbers)} have the same {name} {_text(key)}"
        for key, numbers in rows_of.items()
        if key in differing
    ]
    more = [f"{len(told) - _TOLD_MAX} more keys likewise"] if len(told) > _TOLD_MAX else []
    return told[:_TOLD_MAX] + more


def _listed(numbers: list[int]) -> str:
    if len(numbers) > _ROWS_TOLD_MAX:
        return f"{', '.join(map(str, numbers[:_ROWS_TOLD_MAX]))}, …"
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _text(key: Hashable) -> str:
    """A key in quotes: of several columns, their cells."""
    if isinstance(key, bytes):
        return shown(key.decode(errors="replace").strip('"'))
    return ", ".join(map(shown, key)) if isinstance(key, tuple) else shown(str(key))
