"""Meaning of a table's cells: by the names of its columns, or as a mapping says."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from trueup.producer.files.columns.csv_columns import form_of, names_field
from trueup.producer.files.columns.numbers import NumberColumn
from trueup.producer.files.mapping.lookup import Lookups, Wanted
from trueup.producer.files.mapping.mapped_table import MappedTable, names_columns
from trueup.producer.files.reading import Reading
from trueup.producer.files.requests.named_table import NamedTable
from trueup.producer.files.row import Row
from trueup.wire.message.envelope import Kind

_COLUMNS_MIN = 2

IndexedName = tuple[int, str]


class Meaning(Protocol):
    """Meaning of the records of a table with a known header.

    Attributes:
        numeric: columns of numbers.
        keys: index and name of columns that keys are made of.
        key_columns: indexes of those that the key is made of which is used once; none: there is no such key.
        columns: indexes of all columns that a request, or its being left out, depends on.
        skip_columns: indexes of those that its being left out depends on.
    """

    numeric: list[NumberColumn]
    keys: list[IndexedName]
    key_columns: Sequence[int]
    columns: Collection[int]
    skip_columns: Collection[int]

    def is_skipped(self, cells: Sequence[str]) -> bool:
        """Tell whether a record is left out, and count it."""

    def told_of_skipped(self) -> Sequence[str]:
        """The numbers of records that were left out, with the reasons."""

    def is_keyless(self, cells: Sequence[str]) -> bool:
        """Tell whether a record makes a commit without a uniqueness key."""

    def wanted(self, cells: Sequence[str]) -> Sequence[Wanted]:
        """List what a record asks the catalog for."""

    def names(self, cells: Sequence[str]) -> tuple[str | None, str | None]:
        """The customer and the key of a record that makes no request, as far as they can be told."""

    def row(self, number: int, cells: Sequence[str], record: bytes) -> Row:
        """The request that a record makes.

        Raises:
            BadCell: it makes none.
        """


def header_finder(kind: Kind, reading: Reading) -> Callable[[Sequence[str]], bool]:
    """Function that tells whether the cells of a line are a header: two of them name columns."""
    if reading.mapping is not None:
        mapping = reading.mapping
        return lambda cells: names_columns(mapping, cells)
    form = form_of(kind)
    return lambda cells: sum(bool(cell) and names_field(cell, form) for cell in cells) >= _COLUMNS_MIN


def meaning_of(names: Sequence[str], kind: Kind, reading: Reading, lookups: Lookups) -> Meaning:
    """The meaning of a table with this header.

    Args:
        names: of its columns.
        kind: of rows that say nothing else.
        reading: how it is read.
        lookups: what the catalog said of what the table asks for.

    Raises:
        WrongMapping, WrongColumns: the header does not fit.
    """
    if reading.mapping is not None:
        return MappedTable(reading.mapping, names, kind, marks=reading.marks, lookups=lookups)
    return NamedTable(names, kind, marks=reading.marks)
