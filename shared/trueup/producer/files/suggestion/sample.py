"""Sample of a table: its columns with the values of its first rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from trueup.producer.files.suggestion.vocabulary import TOTALS, Role, names_for, names_of, words

ROWS_MAX = 1_000
_ENOUGH = 0.9  # of its values decide what a column is; the others are told


@dataclass(frozen=True)
class SampledColumn:
    """A column.

    Attributes:
        name: in the header.
        cells: of each row of the sample, empty ones too.
    """

    name: str
    cells: Sequence[str]

    @cached_property
    def values(self) -> list[str]:
        """Values of the cells that are not empty."""
        return [cell for cell in self.cells if cell]

    @cached_property
    def distinct(self) -> list[str]:
        """The different values, in their order."""
        return list(dict.fromkeys(self.values))

    @property
    def is_unique(self) -> bool:
        """Tell whether each row has a value of its own."""
        return bool(self.cells) and len(self.distinct) == len(self.cells)


@dataclass(frozen=True)
class Sample:
    """A table's columns that a mapping can name: each has a name that no other one has.

    Attributes:
        columns: by their names, in order.
        rows: how many rows were looked at.
        repeated: names that stand more than once in the header.
        totals: where a row is no deal but a sum: the column, and what it says there.
    """

    columns: dict[str, SampledColumn]
    rows: int
    repeated: list[str]
    totals: list[tuple[str, str]]

    @classmethod
    def of(cls, names: Sequence[str], records: Iterable[Sequence[str]]) -> "Sample":
        """Sample of a table; the records are as long as the header."""
        read = list(records)
        rows = [cells for cells in read if not _total(cells)]
        totals = dict.fromkeys(total for cells in read if (total := _total(cells)))
        repeated = [name for name, times in Counter(names).items() if name and times > 1]
        return cls(
            {
                name: SampledColumn(name, [row[index] for row in rows])
                for index, name in enumerate(names)
                if name and name not in set(repeated)
            },
            len(rows),
            repeated,
            [(names[index], text) for index, text in totals if names[index] and names[index] not in repeated],
        )

    def called(self, role: Role) -> list[SampledColumn]:
        """Columns that the vocabulary has under a role, the clearest first."""
        found = (self._by_name[name] for name in names_for(role) if name in self._by_name)
        return list({each.name: each for each in found}.values())

    @cached_property
    def _by_name(self) -> dict[str, SampledColumn]:
        by_name: dict[str, SampledColumn] = {}
        for column in self.columns.values():
            for name in names_of(column.name):
                by_name.setdefault(name, column)
        return by_name


def _total(cells: Sequence[str]) -> tuple[int, str] | None:
    """Place and text of a cell that says that its row is a sum: it is the first one, and most others are empty."""
    index, text = next(((index, cell) for index, cell in enumerate(cells) if cell), (0, ""))
    is_total = words(text).partition(" ")[0] in TOTALS.split() and 2 * sum(map(bool, cells)) < len(cells)
    return (index, text) if is_total else None


def are_enough(count: int, of: int) -> bool:
    """Tell whether so many of the values decide what a column is."""
    return of > 0 and count >= _ENOUGH * of
