"""The header of a table, in which a mapping finds its columns."""

from collections.abc import Sequence

from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.near import near
from trueup.producer.files.shown import shown

_TOLD_MAX = 12


class Header:
    """The names of a table's columns.

    Attributes:
        names: in order; "" where a column has none.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._indexes: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            self._indexes.setdefault(name, []).append(index)

    def index(self, column: str, field: str) -> int:
        """The place of a column.

        Raises:
            WrongMapping: there is none of this name, or there are several.
        """
        name = column_name(column)
        found = self._indexes.get(name, []) if name else []
        if len(found) == 1:
            return found[0]
        if found:
            raise WrongMapping(f"{field}: the column {shown(column)} stands {len(found)} times in the header")
        named = [name for name in self.names if name]
        some = ", ".join(map(shown, named[:_TOLD_MAX])) + (", …" if len(named) > _TOLD_MAX else "")
        raise WrongMapping(f"{field}: there is no column {shown(column)}{near(name, named)}; the file has {some}")
