"""Preview of a record: its fields with the cells that they are made of, and what these become, as people read it."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from trueup.domain.money_text import Money
from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import PIECES, USD_IN_CENTS, Unit
from trueup.limits import DECIMALS_MAX, DIGITS_BEFORE_POINT_MAX
from trueup.producer.files.mapping.field_reader import Cells, FieldReader
from trueup.producer.files.mapping.lookup import Found, Lookups
from trueup.producer.files.mapping.problems import BadCell
from trueup.producer.files.shown import shown

MONEY = frozenset({"amount", "unit_price", "list_price", "commit_price"})
_UNIT = "credit_type_id"
_DIGITS_MAX = DIGITS_BEFORE_POINT_MAX + DECIMALS_MAX  # what has more is refused anyway
_SUFFIXED = frozenset({"uniqueness_key", "idempotency_key"})
_COUNTS_USAGE = ("access_type", "QUANTITY")  # and no money
_USD = Found(USD_CENTS, USD_IN_CENTS.name, USD_IN_CENTS)


class MappedField(NamedTuple):
    """A field of a record: the cells that it is made of, what they become, and what that means to people, if it says.

    An amount means its money, an id what the record is called.
    """

    field: str
    before: str
    after: str
    meaning: str | Money | None


def preview(
    fields: Sequence[FieldReader], names: Sequence[str], cells: Cells, lookups: Lookups, *, key_suffix: str = ""
) -> Iterator[MappedField]:
    """The fields of a record; ids mean what they are called, amounts their money.

    Args:
        fields: of the mapping.
        names: of the table's columns.
        cells: of the record.
        lookups: what the catalog said.
        key_suffix: ends the keys.
    """
    found = [(field, told) for field in fields if (told := _told(field, cells, key_suffix)) is not None]
    wanted = (each for field in fields if field.wanted for each in field.wanted(cells))
    called = {_USD.id: _USD} | {record.id: record for each in wanted if isinstance(record := lookups.get(each), Found)}
    units: dict[str | int, Unit | None] = {
        path[0]: called[told].unit if told in called else PIECES
        for field, told in found
        for path in field.column.paths
        if path[-1] == _UNIT
    }
    units |= {
        path[0]: None for field, told in found for path in field.column.paths if (path[-1], told) == _COUNTS_USAGE
    }
    for field, told in found:
        own = dict.fromkeys(index for index in field.columns if cells[index])
        before = ", ".join(f"{names[index]}: {shown(cells[index])}" for index in own)
        yield MappedField(field.name, before, told, _meaning(field, told, called, units))


def _told(field: FieldReader, cells: Cells, key_suffix: str) -> str | None:
    try:
        told = field.json_of(cells)
        if told is None and field.default is not None:
            told = field.default()
    except BadCell as bad:
        return f"refused: {bad}"
    if told is None or not told.startswith('"'):
        return told
    return told[1:-1] + (key_suffix if field.name in _SUFFIXED else "")


def _meaning(
    field: FieldReader, told: str, called: Mapping[str, Found], units: Mapping[str | int, Unit | None]
) -> str | Money | None:
    """Meaning of a value to people, where it does not say that itself."""
    if record := called.get(told):
        return record.name or None
    path = field.column.paths[0] if field.column.paths else ()
    digits = told.replace(".", "")
    if path and path[-1] in MONEY and digits.isdecimal() and len(digits) <= _DIGITS_MAX:
        unit = units.get(path[0], USD_IN_CENTS)
        return None if unit is None else Money(Decimal(told), unit)
    return None
