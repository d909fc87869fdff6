"""A field of a mapping that is compiled for a table's header."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trueup.producer.files.columns.csv_columns import Column
from trueup.producer.files.mapping.lookup import Wanted

Cells = Sequence[str]
Encode = Callable[[str], str]  # from a text to JSON; raises BadCell
Read = Callable[[Cells], str | None]  # from a record's cells to JSON, None: the field is absent; raises BadCell


@dataclass(frozen=True, slots=True)
class FieldReader:
    """A field: made of one column, of several, or of none.

    Attributes:
        name: of the field.
        column: where it stands in a body.
        columns: the indexes of all columns that it depends on.
        encode: makes JSON of the one column's cell, where it is made of one and that has content.
        read: makes JSON of a record's cells, where it is made of several.
        default: what stands for an empty cell, or in every row; makes JSON, and may raise BadCell.
        wanted: what a record's cells ask the catalog for.
        is_repeated: what it is made of comes again and again, and is worth remembering.
    """

    name: str
    column: Column
    columns: tuple[int, ...] = ()
    encode: Encode | None = None
    read: Read | None = None
    default: Callable[[], str] | None = None
    wanted: Callable[[Cells], Sequence[Wanted]] | None = None
    is_repeated: bool = True

    def json_of(self, cells: Cells) -> str | None:
        """The field's JSON in a row; None where it is absent.

        Raises:
            BadCell: it cannot be read.
        """
        filled = self.filled(cells)
        return self.default() if filled is None and self.read is None and self.default is not None else filled

    def filled(self, cells: Cells) -> str | None:
        """The field's JSON as far as a row's cells fill it; raises as `json_of`."""
        if self.read is not None:
            return self.read(cells)
        if self.encode is not None and cells[self.columns[0]]:
            return self.encode(cells[self.columns[0]])
        return None
