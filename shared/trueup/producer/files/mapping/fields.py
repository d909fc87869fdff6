"""Fields of a mapping, compiled for a table's header: from a record's cells to JSON."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import get_args, get_origin

import msgspec

from trueup.domain.money_text import minor_decimals
from trueup.domain.payable_rounding import USD_CENTS
from trueup.producer.files.csv_columns import KEYS, Column
from trueup.producer.files.mapping.amounts import number_reader
from trueup.producer.files.mapping.header import Header
from trueup.producer.files.mapping.lookup import Found, Lookups, Unfound, Wanted
from trueup.producer.files.mapping.model import Constant, FieldSource, Scalar, TableMapping
from trueup.producer.files.mapping.near import near
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.mapping.template import parse_template
from trueup.producer.files.mapping.times import constant_time, time_reader
from trueup.producer.files.numbers import NumberMarks
from trueup.producer.files.shown import shown

Cells = Sequence[str]
Encode = Callable[[str], str]  # from a text to JSON; raises BadCell
Read = Callable[[Cells], str | None]  # from a record's cells to JSON; None: the field is absent

_MONEY = frozenset({"amount", "unit_price", "list_price", "commit_price"})
_REMEMBERED = 16_384  # cells of a column: the same dates, names and amounts come again
_CELL_CHARS_REMEMBERED = 200
_TELLS_OF = {"name": "name", "external_id": "external id", "id": "id"}
_UUID = re.compile("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_USD = Found(USD_CENTS, "USD (cents)")


@dataclass(frozen=True, slots=True)
class FieldReader:
    """A field that is compiled.

    Attributes:
        name: of the field.
        column: where it stands in a body.
        index: of the column that it is made of alone; None: `read` needs the record.
        encode: makes JSON of that column's cell.
        read: makes JSON of a record's cells, where it is made of several or none.
        default: what stands for an empty cell, or in every row; makes JSON, and may raise BadCell.
        wanted: what a record's cells ask the catalog for.
        columns: the columns of which it is made.
    """

    name: str
    column: Column
    index: int | None = None
    encode: Encode | None = None
    read: Read | None = None
    default: Callable[[], str] | None = None
    wanted: Callable[[Cells], Sequence[Wanted]] | None = None
    columns: tuple[int, ...] = ()

    def json_of(self, cells: Cells) -> str | None:
        """The field's JSON in a row; None where it is absent.

        Raises:
            BadCell: it cannot be read.
        """
        if self.read is not None:
            return self.read(cells)
        if self.index is not None and self.encode is not None and cells[self.index]:
            return self.encode(cells[self.index])
        return self.default() if self.default is not None else None


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
        self._mapping, self._header, self._columns = mapping, header, columns
        self._marks, self._lookups = marks, lookups
        self._ids = frozenset(_ids_in(mapping))
        self._by_path = {path: name for name, column in columns.items() for path in column.paths}

    def compile(self, name: str) -> FieldReader:
        """Compile a field.

        Raises:
            WrongMapping: the table has not its columns, or it says what its field cannot be.
        """
        source, column = self._mapping.fields[name], self._columns[name]
        self._require_sense(name, source, column)
        if source.template is not None:
            return self._template(name, source, column)
        if source.lookup == "contract" and column.leaf is str:
            return self._contract(name, source, column)
        if self._is_major(source, column):
            return self._money(name, source, column)
        encode = self._encode(name, source, column)
        wanted = self._wanted(source, column)
        if source.column is None:
            value = source.value
            return FieldReader(
                name, column, default=lambda: self._constant(name, source, column, value, encode), wanted=wanted
            )
        return FieldReader(
            name,
            column,
            index=self._header.index(source.column, name),
            encode=encode,
            default=self._default(name, source, column, encode),
            wanted=wanted,
            columns=(self._header.index(source.column, name),),
        )

    def _require_sense(self, name: str, source: FieldSource, column: Column) -> None:
        is_time, is_number = column.leaf is datetime, column.numeric
        wrong = [
            *([] if is_time else [key for key in ("format", "timezone") if getattr(source, key) is not None]),
            *(["inclusive_end"] if source.inclusive_end and not is_time else []),
            *(
                []
                if is_number
                else [key for key in ("decimal", "thousands", "symbols", "unit") if getattr(source, key)]
            ),
        ]
        if wrong:
            kind = "no date" if wrong[0] in ("format", "timezone", "inclusive_end") else "no number"
            raise WrongMapping(f"fields.{name}.{wrong[0]}: {name} is {kind}")
        if source.unit == "major" and not _is_money(column):
            raise WrongMapping(f"fields.{name}.unit: {name} is no amount of money")
        if source.lookup is not None and not _is_text(column):
            raise WrongMapping(f"fields.{name}.lookup: {name} is no id of a record")

    # Texts.

    def _template(self, name: str, source: FieldSource, column: Column) -> FieldReader:
        template = parse_template(source.template or "")
        indexes = [self._header.index(each, name) for each in template.columns]
        is_key = name in KEYS
        encode = self._encode(name, source, column)
        literals = template.literals

        def text_of(cells: Cells) -> str | None:
            parts = [literals[0]]
            is_empty = True
            for index, literal in zip(indexes, literals[1:], strict=True):
                cell = cells[index]
                if cell:
                    is_empty = False
                elif is_key:
                    raise BadCell("cell_missing", f"{name} is made of {self._header.names[index]}, which is empty")
                parts += (cell, literal)
            return None if is_empty else "".join(parts)

        def read(cells: Cells) -> str | None:
            text = text_of(cells)
            return None if text is None else encode(text)

        def wanted(cells: Cells) -> Sequence[Wanted]:
            text = text_of(cells)
            return () if text is None else self._wanted_of(source, column, text)

        return FieldReader(name, column, read=read, wanted=wanted if source.lookup else None, columns=tuple(indexes))

    def _encode(self, name: str, source: FieldSource, column: Column) -> Encode:
        """Encoder of one text; what it gave for the last ones is remembered."""
        told = source.column or name
        plain = self._plain(told, source, column)
        table = self._table(source)
        if table is None:
            return _remembered(plain)

        def through_table(text: str) -> str:
            if text in table:
                return self._constant(name, source, column, table[text], plain)
            if source.lookup is not None:
                return plain(text)
            some = ", ".join(map(shown, list(table)[:5])) + (", …" if len(table) > 5 else "")
            raise BadCell(
                "cell_unreadable", f"{told}: {shown(text)} is not in the mapping's table{near(text, table)}: {some}"
            )

        return _remembered(through_table)

    def _plain(self, told: str, source: FieldSource, column: Column) -> Encode:
        """Encoder of a text, behind its table."""
        if source.lookup is not None:
            return self._looked_up(told, source, column)
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
            number = number_reader(self._number_marks(source), symbols=self._symbols(source), column=told)
            return lambda text: number(text, 0)
        return lambda text: column.encode(text).decode()

    def _number_marks(self, source: FieldSource) -> NumberMarks:
        numbers = self._mapping.numbers
        decimal = source.decimal or numbers.decimal
        thousands = numbers.thousands if source.thousands is None else source.thousands
        if decimal is None and thousands is None:
            return self._marks
        return NumberMarks(decimal == ",", thousands or None)

    def decides_marks(self, name: str) -> bool:
        """Tell whether the mapping says how the numbers of a field are written."""
        source, numbers = self._mapping.fields[name], self._mapping.numbers
        told = (source.decimal, source.thousands, numbers.decimal, numbers.thousands)
        return any(each is not None for each in told)

    def _symbols(self, source: FieldSource) -> Sequence[str]:
        return self._mapping.numbers.symbols if source.symbols is None else source.symbols

    # Constants.

    def _constant(self, name: str, source: FieldSource, column: Column, value: Constant | None, encode: Encode) -> str:
        """Constant of a mapping as JSON: a text is read as a cell, anything else is what it says."""
        if isinstance(value, str):
            return encode(value)
        if isinstance(value, date):
            if column.leaf is not datetime:
                raise WrongMapping(f"fields.{name}: {name} is no date: write {value} in quotes")
            zone = source.timezone or self._mapping.dates.timezone
            return f'"{constant_time(value, timezone=zone, inclusive_end=source.inclusive_end, column=name)}"'
        if isinstance(value, Decimal):
            return str(value) if value.is_finite() else msgspec.json.encode(str(value)).decode()
        if isinstance(value, list) and source.lookup is not None:
            return f"[{','.join(map(self._entry(name, source), value))}]"
        return msgspec.json.encode(value).decode()

    def _default(self, name: str, source: FieldSource, column: Column, encode: Encode) -> Callable[[], str] | None:
        if source.default is None:
            return None
        return lambda: self._constant(name, source, column, source.default, encode)

    # Money.

    def _is_major(self, source: FieldSource, column: Column) -> bool:
        told = source.unit or self._mapping.numbers.unit
        return told == "major" and _is_money(column) and (source.column is not None or isinstance(source.value, str))

    def _money(self, name: str, source: FieldSource, column: Column) -> FieldReader:
        """Reader of an amount in the major unit of its row's currency."""
        number = number_reader(self._number_marks(source), symbols=self._symbols(source), column=source.column or name)
        unit_of = self._unit_reader(column)
        convert = lru_cache(_REMEMBERED)(number)
        index = None if source.column is None else self._header.index(source.column, name)
        constant = source.value if source.column is None else source.default

        def read(cells: Cells) -> str | None:
            cell = cells[index] if index is not None else ""
            if not cell:
                if not isinstance(constant, str):
                    return None if constant is None else msgspec.json.encode(constant).decode()
                cell = constant
            return convert(cell, minor_decimals(unit_of(cells).name))

        return FieldReader(name, column, read=read, columns=() if index is None else (index,))

    def _unit_reader(self, column: Column) -> Callable[[Cells], Found]:
        """Reader of the unit that the amounts of a schedule, or of a line, are counted in."""
        top = column.paths[0][0]
        field = self._by_path.get((top, "credit_type_id")) or self._by_path.get(("credit_type_id",))
        if field is None:
            return lambda _: _USD
        source = self._mapping.fields[field]
        return self._reader_of_found(field, source, "unit", otherwise=_USD)

    # Look-ups.

    def _looked_up(self, told: str, source: FieldSource, column: Column) -> Encode:
        entry = self._entry(told, source)
        if get_origin(column.leaf) is list:
            return lambda text: f"[{','.join(map(entry, _entries(text)))}]"
        return entry

    def _entry(self, told: str, source: FieldSource) -> Encode:
        return lambda text: f'"{self._found(told, self._wanted_by(source, text)).id}"'

    def _wanted(self, source: FieldSource, column: Column) -> Callable[[Cells], Sequence[Wanted]] | None:
        """Function that tells what a record asks for, where a field is made of one column or none."""
        if source.lookup is None and not self._is_unit_of_money(column):
            return None
        text_of = self._text_of(source)

        def wanted(cells: Cells) -> Sequence[Wanted]:
            text = text_of(cells)
            return () if text is None else self._wanted_of(source, column, text)

        return wanted

    def _is_unit_of_money(self, column: Column) -> bool:
        """Tell whether amounts in major units are counted in the unit that stands here."""
        is_unit = any(path[-1] == "credit_type_id" for path in column.paths)
        return is_unit and any(
            self._is_major(source, self._columns[name]) for name, source in self._mapping.fields.items()
        )

    def _wanted_of(self, source: FieldSource, column: Column, text: str) -> Sequence[Wanted]:
        if source.lookup is None:  # the id of a unit, whose name is needed
            return (Wanted("unit", "id", text),)
        texts = _entries(text) if get_origin(column.leaf) is list else [text]
        wanted = [self._wanted_by(source, each) for each in texts]
        return [each for each in wanted if each.by != "id" or each.kind == "unit"]

    def _text_of(self, source: FieldSource) -> Callable[[Cells], str | None]:
        """The text of a field, behind its table; None where it has none."""
        index = None if source.column is None else self._header.index(source.column, source.column)
        table = self._table(source) or {}
        template = None if source.template is None else parse_template(source.template)
        constant = source.value if source.column is None else source.default

        def text_of(cells: Cells) -> str | None:
            text = cells[index] if index is not None else ""
            told: Constant | None = table.get(text, text) if text else constant
            return told if isinstance(told, str) and told else None

        if template is None:
            return text_of
        indexes = [self._header.index(each, each) for each in template.columns]
        literals = template.literals

        def templated(cells: Cells) -> str | None:
            parts = [literals[0]]
            for at, literal in zip(indexes, literals[1:], strict=True):
                parts += (cells[at], literal)
            return "".join(parts)

        return templated

    def _reader_of_found(
        self, name: str, source: FieldSource, kind: str, *, otherwise: Found | None = None
    ) -> Callable[[Cells], Found]:
        """Reader of the record that a field names, for fields that depend on it."""
        text_of = self._text_of(source)
        told = source.column or name

        def read(cells: Cells) -> Found:
            text = text_of(cells)
            if text is None:
                if otherwise is None:
                    raise BadCell("cell_missing", f"{told} is empty")
                return otherwise
            if source.lookup is None:
                return self._found(told, Wanted("unit", "id", text)) if kind == "unit" else Found(text.lower(), text)
            return self._found(told, self._wanted_by(source, text))

        return read

    def _contract(self, name: str, source: FieldSource, column: Column) -> FieldReader:
        """Reader of a contract: of the row's customer, as others' may be called the same."""
        customer = self._mapping.fields.get("customer_id")
        if customer is None or self._columns["customer_id"].leaf is not str:
            raise WrongMapping(f"fields.{name}: a contract is one of the row's customer: map customer_id")
        customer_text = self._text_of(customer)
        text_of = self._text_of(source) if not source.is_only_contract else (lambda _: "")
        told = source.column or name

        def wanted_in(cells: Cells) -> Wanted | None:
            text, whose = text_of(cells), customer_text(cells)
            if text is None or whose is None:
                return None
            owner = self._wanted_by(customer, whose) if customer.lookup else Wanted("customer", "id", whose)
            return Wanted("contract", source.by or "name", text, owner)

        def read(cells: Cells) -> str | None:
            wanted = wanted_in(cells)
            if wanted is None or not self._has_owner(wanted):
                return None
            return f'"{self._found(told, wanted).id}"'

        def wanted(cells: Cells) -> Sequence[Wanted]:
            each = wanted_in(cells)
            return () if each is None else (each,)

        indexes = () if source.column is None else (self._header.index(source.column, name),)
        return FieldReader(name, column, read=read, wanted=wanted, columns=indexes)

    def _has_owner(self, wanted: Wanted) -> bool:
        """Tell whether the customer of a contract is known: one that is not refuses its row alone."""
        owner = wanted.customer
        return owner is None or owner.by == "id" or isinstance(self._lookups.get(owner), Found)

    def _wanted_by(self, source: FieldSource, text: str) -> Wanted:
        assert source.lookup is not None, "only what is looked up is wanted"
        return Wanted(source.lookup, "id" if text in self._ids else source.by or "name", text)

    def _found(self, told: str, wanted: Wanted) -> Found:
        if wanted.by == "id" and wanted.kind != "unit":
            return Found(wanted.text.lower(), wanted.text)
        found = self._lookups.get(wanted)
        if isinstance(found, Found):
            return found
        what = f"{told}: {shown(wanted.text)}" if wanted.by != "customer" else told
        if found is None or not found.candidates:
            raise BadCell("lookup_not_found", f"{what} {_no_record(wanted)}{found.near if found else ''}")
        raise BadCell("lookup_ambiguous", f"{what} {_several(wanted, found)}")

    def _table(self, source: FieldSource) -> Mapping[str, Scalar] | None:
        return self._mapping.tables[source.table] if source.table is not None else source.values


def _ids_in(mapping: TableMapping) -> Iterator[str]:
    """Ids that a mapping itself says for names: these are not looked up."""
    tables = [*mapping.tables.values(), *(source.values for source in mapping.fields.values() if source.values)]
    constants = [each for source in mapping.fields.values() for each in (source.value, source.default)]
    for told in (*chain(*(table.values() for table in tables)), *constants):
        if isinstance(told, str) and _UUID.fullmatch(told):
            yield told


def _no_record(wanted: Wanted) -> str:
    whose = " of the row's customer" if wanted.customer else ""
    if wanted.by == "customer":
        return ": the row's customer has no contract"
    return f"is the {_way(wanted.by)} of no {wanted.kind}{whose}"


def _several(wanted: Wanted, found: Unfound) -> str:
    listed = ", ".join(f"{each.id} {each.name}".rstrip() for each in found.candidates)
    if wanted.by == "customer":
        return f": the row's customer has several contracts: {listed}"
    return f"is the {_way(wanted.by)} of several {wanted.kind}s: {listed}"


def _way(by: str) -> str:
    return _TELLS_OF.get(by, by)


def _is_money(column: Column) -> bool:
    return column.numeric and all(path[-1] in _MONEY for path in column.paths)


def _is_text(column: Column) -> bool:
    leaf = column.leaf
    return leaf is str or (get_origin(leaf) is list and get_args(leaf)[0] is str)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def _remembered(encode: Encode) -> Encode:
    """Encoder that remembers what short texts became."""
    remembered = lru_cache(_REMEMBERED)(encode)
    return lambda text: remembered(text) if len(text) <= _CELL_CHARS_REMEMBERED else encode(text)
