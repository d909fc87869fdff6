"""Suggestions for the fields of a mapping, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trueup.producer.files.mapping.open_points import OPEN


@dataclass(frozen=True, slots=True)
class Suggested:
    """A field, or a condition on rows that are left out.

    Attributes:
        field: its path or short name; "skip": rows that are left out.
        source: what fills it, by the keys of a mapping.
        why: from what it was recognised, or what is to be decided.
    """

    field: str
    source: Mapping[str, Any]
    why: str

    @property
    def is_open(self) -> bool:
        """Tell whether something has to be decided."""
        return _is_open(self.source)

    @property
    def column(self) -> str | None:
        """The one column that it is made of."""
        return self.source.get("column")


def _is_open(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_open, value.values()))
    return isinstance(value, str) and value.startswith(OPEN)


def listed(values: list[str] | tuple[str, ...], *, most: int = 5) -> str:
    """Some values in quotes, and how many there are beyond these."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(quoted, values[:most])) + more


def quoted(value: str, *, chars_max: int = 40) -> str:
    """A value in quotes, shortened, on one line."""
    plain = "".join(each if each.isprintable() else " " for each in value)
    return f'"{plain}"' if len(plain) <= chars_max else f'"{plain[:chars_max]}…"'


def counted(count: int, noun: str) -> str:
    """A number of things: 1 row, 2 rows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
