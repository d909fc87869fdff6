"""Fields of a mapping, compiled for a table's header: from a record's cells to JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import Any, get_args, get_origin

import msgspec

from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import PIECES, USD_IN_CENTS, Unit
from trueup.producer.files.columns.csv_columns import Column
from trueup.producer.files.columns.numbers import NumberColumn, NumberMarks, longest_first
from trueup.producer.files.mapping.amounts import Require, number_reader, symbol_judge
from trueup.producer.files.mapping.field_reader import Cells, Encode, FieldReader, Read
from trueup.producer.files.mapping.header import Header
from trueup.producer.files.mapping.lookup import Found, Lookups, Wanted
from trueup.producer.files.mapping.model import Constant, FieldSource, TableMapping
from trueup.producer.files.mapping.named_fields import NamedFields
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.mapping.template import parse_template
from trueup.producer.files.mapping.texts import Texts
from trueup.producer.files.mapping.times import constant_time, time_reader
from trueup.producer.files.near import near
from trueup.producer.files.shown import shown

_MONEY = frozenset({"amount", "unit_price", "list_price", "commit_price"})
_UNIT = "credit_type_id"
_ACCESS_TYPE, _QUANTITY = "access_type", "QUANTITY"
_USD = Found(USD_CENTS, USD_IN_CENTS.name, USD_IN_CENTS)
_ENTRIES_TOLD_MAX = 5
_UNITS_REMEMBERED = 1_000
# What a field's source may say only of fields of one type.
_OF_DATES, _OF_NUMBERS = ("format", "timezone", "inclusive_end"), ("decimal", "thousands", "symbols", "unit")


class FieldCompiler:
    """A compiler of the fields of one mapping for one header.

    Args:
        mapping: the model.
        header: of the table.
        columns: of the body, by the fields' names.
        marks: how numbers are written where the mapping says nothing.
        lookups: what the catalog said.
    """

    def __init__(
        self, mapping: TableMapping, header: Header, columns: Mapping[str, Column], marks: NumberMarks, lookups: Lookups
    ) -> None:
        self._mapping, self._columns, self._marks, self._header = mapping, columns, marks, header
        self._texts = Texts(mapping, header)
        self._named = NamedFields(mapping, self._texts, lookups)
        self._by_path = {path: name for name, column in columns.items() for path in column.paths}
        self._money_reads: dict[tuple[str | None, ...], Read] = {}  # of one column in two fields
        self._needs_units = any(self._is_major(name) or self._symbol_judge(name) for name in columns)

    def compile(self, name: str) -> FieldReader:
        """Compile a field.

        Raises:
            WrongMapping: the table has not its columns, or it says what its field cannot be.
        """
        source, column = self._mapping.fields[name], self._columns[name]
        self._require_sense(name)
        if source.lookup == "contract" and column.leaf is str:
            return self._named.contract(name, column)
        if self._is_major(name):
            self._require_quotes(name)
            if source.column is not None or source.template is not None or isinstance(source.value, str):
                return self._money(name)
        encode = self._encode(name)
        if source.template is not None:
            return self._templated(name, encode)
        constant = source.value if source.column is None else source.default
        return self._of_its_currency(
            FieldReader(
                name,
                column,
                self._texts.columns(name),
                encode=encode if source.column is not None else None,
                default=None if constant is None else lambda: self._constant(name, constant, encode),
                wanted=self._wanted(name),
                is_repeated=source.lookup is not None
                or self._texts.table(source) is not None
                or column.leaf is datetime,
            )
        )

    def text_of(self, name: str) -> Read:
        """Function that tells the text of a field in a record, before it is read as what it is."""
        return self._texts.behind_table(name)

    def number_columns(self, name: str) -> Iterator[NumberColumn]:
        """The columns that a field of numbers is made of."""
        source, numbers = self._mapping.fields[name], self._mapping.numbers
        told = (source.decimal, source.thousands, numbers.decimal, numbers.thousands)
        is_decided, symbols = any(each is not None for each in told), longest_first(self._symbols(source))
        for index in self._texts.columns(name):
            yield NumberColumn(index, self._header.names[index], symbols, is_decided)

    def require_one_decimal(self, names: Iterable[str]) -> None:
        """Refuse two fields of numbers that read one column in two ways.

        Raises:
            WrongMapping: with the column.
        """
        decimals: dict[int, tuple[str, str]] = {}
        for name in names:
            decimal = self._marks_of(name).decimal
            for column in self.number_columns(name):
                other, its_decimal = decimals.setdefault(column.index, (name, decimal))
                if its_decimal != decimal:
                    raise WrongMapping(
                        f"fields.{name}: {decimal!r} stands before decimals in the column {shown(column.name)}, and "
                        f"{its_decimal!r} for fields.{other}"
                    )

    def _require_sense(self, name: str) -> None:
        source, column = self._mapping.fields[name], self._columns[name]
        told = source.model_fields_set
        if column.leaf is not datetime and (wrong := told.intersection(_OF_DATES)):
            raise WrongMapping(f"fields.{name}.{min(wrong)}: {name} is no date")
        if not column.numeric and (wrong := told.intersection(_OF_NUMBERS)):
            raise WrongMapping(f"fields.{name}.{min(wrong)}: {name} is no number")
        constants = (source.value, source.default, *(self._texts.table(source) or {}).values())
        if column.leaf is not datetime and (dates := [each for each in constants if isinstance(each, date)]):
            raise WrongMapping(f"fields.{name}: {name} is no date: write {dates[0]} in quotes")
        if source.unit is not None and not _is_money(column):
            raise WrongMapping(f"fields.{name}.unit: {name} is no amount of money")
        if source.lookup is not None and not _is_text(column):
            raise WrongMapping(f"fields.{name}.lookup: {name} is no id of a record")

    def _templated(self, name: str, encode: Encode) -> FieldReader:
        source = self._mapping.fields[name]
        text_of = self._texts.templated(name, parse_template(source.template or ""))

        def read(cells: Cells) -> str | None:
            text = text_of(cells)
            return None if text is None else encode(text)

        columns, wanted = self._texts.columns(name), self._wanted(name)
        return self._of_its_currency(
            FieldReader(
                name, self._columns[name], columns, read=read, wanted=wanted, is_repeated=source.lookup is not None
            )
        )

    def _wanted(self, name: str) -> Callable[[Cells], Sequence[Wanted]] | None:
        column = self._columns[name]
        if self._mapping.fields[name].lookup is not None:
            return self._named.wanted(name, column)
        if self._needs_units and any(path[-1] == _UNIT for path in column.paths):
            return self._named.unit_by_id(name)
        return None

    def _encode(self, name: str) -> Encode:
        """Encoder of a field's text: by its table, then as what it is."""
        source = self._mapping.fields[name]
        plain, table = self._plain(name), self._texts.table(source)
        if table is None:
            return plain

        def through_table(text: str) -> str:
            if text in table:
                return self._constant(name, table[text], plain)
            if source.lookup is not None:
                return plain(text)
            some = ", ".join(map(shown, list(table)[:_ENTRIES_TOLD_MAX]))
            more = ", …" if len(table) > _ENTRIES_TOLD_MAX else ""
            told = f"{source.column or name}: {shown(text)} is not in the mapping's table{near(text, table)}"
            raise BadCell("cell_unreadable", f"{told}: {some}{more}")

        return through_table

    def _plain(self, name: str) -> Encode:
        """Encoder of a text, behind its table."""
        source, column = self._mapping.fields[name], self._columns[name]
        told = source.column or name
        if source.lookup is not None:
            return self._named.encode(told, source, column)
        if column.leaf is datetime:
            dates = self._mapping.dates
            read = time_reader(
                source.format or dates.format,
                timezone=source.timezone or dates.timezone,
                inclusive_end=source.inclusive_end,
                column=told,
            )
            return lambda text: f'"{read(text)}"'
        if column.numeric:
            number = number_reader(self._marks_of(name), symbols=self._symbols(source), column=told)
            return lambda text: number(text, 0)
        return column.encode

    def _marks_of(self, name: str) -> NumberMarks:
        return self._mapping.marks_of(self._mapping.fields[name], self._marks)

    def _symbols(self, source: FieldSource) -> Sequence[str]:
        return self._mapping.numbers.symbols if source.symbols is None else source.symbols

    def _constant(self, name: str, value: Constant, encode: Encode) -> str:
        """Constant of a mapping as JSON: a text is read as a cell, anything else is what it says."""
        source = self._mapping.fields[name]
        if isinstance(value, str):
            return encode(value)
        if isinstance(value, date):
            zone = source.timezone or self._mapping.dates.timezone
            return f'"{constant_time(value, timezone=zone, inclusive_end=source.inclusive_end, column=name)}"'
        if isinstance(value, Decimal):
            return str(value) if value.is_finite() else msgspec.json.encode(str(value)).decode()
        if isinstance(value, list) and source.lookup is not None:
            return f"[{','.join(map(self._named.entry(name, source), value))}]"
        return msgspec.json.encode(value).decode()

    def _is_major(self, name: str) -> bool:
        """Tell whether it is money in the major unit."""
        told = self._mapping.fields[name].unit or self._mapping.numbers.unit
        return told == "major" and _is_money(self._columns[name])

    def _require_quotes(self, name: str) -> None:
        """Refuse numbers of TOML beside money in the major unit: they would be in the minor one. Nothing is nothing.

        Raises:
            WrongMapping: with the field.
        """
        source = self._mapping.fields[name]
        of_table = (self._texts.table(source) or {}).values()
        told = [each for each in (source.value, source.default) if each]
        if numbers := [each for each in (*told, *of_table) if not isinstance(each, str)]:
            raise WrongMapping(f"fields.{name}: write {numbers[0]} in quotes, as amounts are in major units here")

    def _money(self, name: str) -> FieldReader:
        """Reader of an amount in the major unit of its row's currency."""
        source, column = self._mapping.fields[name], self._columns[name]
        number = number_reader(self._marks_of(name), symbols=self._symbols(source), column=source.column or name)
        text_of, require = self._texts.behind_table(name), self._symbol_judge(name)
        unit, access_type = self._unit_fields(column)
        unit_of = self._unit_of_row(unit, access_type)
        key = (repr(source), unit, access_type)
        if key not in self._money_reads:

            def read(cells: Cells) -> str | None:
                text = text_of(cells)
                if text is None:
                    return None
                row_unit = unit_of(cells)
                if require is not None:
                    require(text, row_unit)
                return number(text, row_unit.decimals)

            self._money_reads[key] = read
        default = source.default
        return FieldReader(
            name,
            column,
            self._columns_of(name, unit, access_type),
            read=self._money_reads[key],
            default=None if default is None or isinstance(default, str) else lambda: self._constant(name, default, str),
            is_repeated=False,
        )

    def _of_its_currency(self, field: FieldReader) -> FieldReader:
        """The reader of a field, which refuses an amount beside the symbol of another currency than its row's."""
        require = self._symbol_judge(field.name)
        if require is None or not field.columns:
            return field
        text_of = self._texts.behind_table(field.name)
        unit, access_type = self._unit_fields(field.column)
        unit_of = self._unit_of_row(unit, access_type)

        def read(cells: Cells) -> str | None:
            text = text_of(cells)
            if text is not None:
                require(text, unit_of(cells))
            return field.filled(cells)

        columns = self._columns_of(field.name, unit, access_type)
        return replace(field, columns=columns, encode=None, read=read, is_repeated=False)

    def _symbol_judge(self, name: str) -> Require | None:
        """The judge of the symbols in an amount; None: it needs none."""
        source = self._mapping.fields[name]
        if not _is_money(self._columns[name]):
            return None
        return symbol_judge(self._symbols(source), column=source.column or name)

    def _unit_fields(self, column: Column) -> tuple[str | None, str | None]:
        """The fields that say in which unit an amount is, and whether it counts money."""
        top = column.paths[0][0]
        return self._by_path.get((top, _UNIT)) or self._by_path.get((_UNIT,)), self._by_path.get((top, _ACCESS_TYPE))

    def _columns_of(self, *names: str | None) -> tuple[int, ...]:
        return tuple(chain.from_iterable(self._texts.columns(each) for each in names if each))

    def _unit_of_row(self, unit: str | None, access_type: str | None) -> Callable[[Cells], Unit]:
        """Function that tells the unit of a row's amounts; a quantity is no money."""
        of_money = self._unit_of_money(unit)
        if access_type is None:
            return of_money
        type_of = self._texts.behind_table(access_type)
        return lambda cells: PIECES if type_of(cells) == _QUANTITY else of_money(cells)

    def _unit_of_money(self, unit: str | None) -> Callable[[Cells], Unit]:
        """Function that tells the unit that a row names; what its cells mean is remembered."""
        if unit is None:
            return lambda _: USD_IN_CENTS
        found_of, columns = self._named.unit(unit), self._texts.columns(unit)
        pick = itemgetter(*columns) if columns else lambda _: ()
        known: dict[Any, Unit] = {}

        def unit_of(cells: Cells) -> Unit:
            picked = pick(cells)
            found = known.get(picked)
            if found is None:
                found = (found_of(cells) or _USD).unit
                if len(known) < _UNITS_REMEMBERED:
                    known[picked] = found
            return found

        return unit_of


def _is_money(column: Column) -> bool:
    return column.numeric and all(path[-1] in _MONEY for path in column.paths)


def _is_text(column: Column) -> bool:
    leaf = column.leaf
    return leaf is str or (get_origin(leaf) is list and get_args(leaf)[0] is str)
