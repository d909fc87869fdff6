"""Form of all tables: a header, records, and the cells of each."""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from trueup.wire.message.envelope import FormCode

_WIDE_SPACES = "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
AROUND = f" \t\r\n\xa0{_WIDE_SPACES}\u200b\u2060\ufeff"  # a cell: no part of what it says, as nobody sees it


class BadForm(Exception):
    """A record has another form than the header's; without a code it is only too large."""

    def __init__(self, found: str, code: FormCode | None = None) -> None:
        super().__init__(found)
        self.code = code


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record below the header, or the header itself.

    Attributes:
        place: the line, or the sheet's row, where it begins.
        text: as CSV; of one that is too large its beginning.
        size_bytes: of the whole text.
        cells: as far as they are known; None: the text has them.
        odd: cells of a sheet that say nothing that can be sent, by index: what was found.
    """

    place: int
    text: bytes
    size_bytes: int
    cells: Sequence[str] | None = None
    odd: dict[int, str] | None = None


class Table(Protocol):
    """A table that is read once, from its beginning to its end."""

    @property
    def header(self) -> Record:
        """The header's record."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns."""

    @property
    def above(self) -> Sequence[str]:
        """The texts above the header."""

    @property
    def notes(self) -> Sequence[str]:
        """The words on how it is read, where that may be another way than was meant."""

    @property
    def delimiter(self) -> str:
        """The character between cells; empty where they are no text."""

    @property
    def unit(self) -> Literal["line", "row"]:
        """The name of what a record's place counts."""

    def records(self) -> Iterator[Record]:
        """The records below the header; of empty ones none."""

    def cells(self, record: Record) -> list[str]:
        """The cells of a record without what stands around them, however many there are.

        Raises:
            BadForm: they cannot be told apart.
        """

    def rough_cells(self, record: Record) -> Sequence[str]:
        """The cells of a record that is refused, as far as they can be told apart."""
