"""A mapping compiled for a table: a record's cells become a request, or the reason why they cannot."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar, cast, get_args

import msgspec

from trueup.limits import IDEMPOTENCY_KEY_CHARS_MAX
from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.columns.csv_columns import (
    KEYS,
    Column,
    UnknownColumn,
    column_named,
    encode_text,
    form_of,
    missing_columns,
    named_twice,
)
from trueup.producer.files.columns.numbers import AS_IN_JSON, NumberMarks
from trueup.producer.files.mapping.field_reader import Cells, Encode, FieldReader, Read
from trueup.producer.files.mapping.fields import FieldCompiler
from trueup.producer.files.mapping.header import Header
from trueup.producer.files.mapping.layout import Layouts, Leaf
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.model import TableMapping
from trueup.producer.files.mapping.preview import MappedField, preview
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.mapping.skip import Condition, compile_skip
from trueup.producer.files.mapping.template import columns_of_source
from trueup.producer.files.row import Row
from trueup.wire.message.envelope import CommitKind, Kind

T = TypeVar("T")
Pick = Callable[[Cells], Any]

_REMEMBERED = 16_384  # texts of a field: the same dates, names and units come again
_CHARS_REMEMBERED = 200
_UNKNOWN: Any = object()
_PROBLEMS_TOLD_MAX = 5
_COLUMNS_MIN = 2


class MappedTable:
    """A mapping compiled for a table's header.

    Args:
        mapping: the model.
        names: of the table's columns.
        kind: of rows of which the mapping says nothing else.
        marks: how numbers are written where the mapping says nothing.
        lookups: what the catalog said; left out for a pass that makes no rows.

    Attributes:
        numeric: columns of numbers.
        keys: index and name of columns that keys are made of.
        key_columns: indexes of those that the key is made of which is used once.
        columns: indexes of all columns that it reads.
        skip_columns: indexes of those that decide which records are left out.

    Raises:
        WrongMapping: with every problem.
    """

    def __init__(
        self,
        mapping: TableMapping,
        names: Sequence[str],
        kind: Kind,
        *,
        marks: NumberMarks = AS_IN_JSON,
        lookups: Lookups = NOTHING_LOOKED_UP,
    ) -> None:
        read = columns_of(mapping)
        self.columns: Collection[int] = frozenset(index for index, name in enumerate(names) if name in read)
        self._kind, self._header, self._lookups = kind, Header(names), lookups
        columns = _columns(mapping, kind)
        compiler = FieldCompiler(mapping, self._header, columns, marks, lookups)
        fields: dict[str, FieldReader] = {}
        self._skips: list[Condition] = []
        problems: list[str] = []
        for name in columns:
            try:
                fields[name] = compiler.compile(name)
            except WrongMapping as wrong:
                problems.append(str(wrong))
        for number, skip in enumerate(mapping.skip, start=1):
            try:
                self._skips.append(compile_skip(skip, self._header, f"skip {number}"))
            except WrongMapping as wrong:
                problems.append(str(wrong))
        numeric = [name for name in fields if columns[name].numeric]
        try:
            compiler.require_one_decimal(numeric)
        except WrongMapping as wrong:
            problems.append(str(wrong))
        if problems:
            raise WrongMapping("\n  ".join(["the mapping does not fit:", *problems]))
        self.skipped = [0] * len(self._skips)
        self.skip_columns: Collection[int] = [self._header.index(each.column, "skip") for each in mapping.skip]
        self._own = {name: fields.pop(name) for name in form_of(kind).row_columns if name in fields}
        self._fields = list(fields.values())
        self._sort_out()
        self._layouts = Layouts(self._leaves)
        self._key = next((field for field in self._fields if field.name == "uniqueness_key"), None)
        used_once = next((field for field in self._fields if field.name in ("uniqueness_key", "transaction_id")), None)
        self.key_columns: Sequence[int] = used_once.columns if used_once else ()
        self._used_once = used_once
        self._customer = next((field for field in self._fields if field.name == "customer_id"), None)
        self._customer_text = compiler.text_of("customer_id") if self._customer else None
        asking = [field for field in (*self._fields, *self._own.values()) if field.wanted is not None]
        asked = sorted({index for field in asking for index in field.columns})
        self._asking = [field.wanted for field in asking if field.wanted is not None]
        self._asked: Pick = itemgetter(*asked) if asked else tuple
        self._asked_before: set[Any] = set()
        self.numeric = sorted({column for name in numeric for column in compiler.number_columns(name)})
        keyed = [field for field in (*self._fields, *self._own.values()) if field.name in KEYS]
        self.keys = sorted({(at, names[at]) for field in keyed for at in field.columns})

    def fields_of(self, cells: Cells, *, key_suffix: str | None = None) -> Iterator[MappedField]:
        """The fields of a record, with the cells that they are made of and what these become."""
        fields = [*self._own.values(), *self._fields]
        return preview(fields, self._header.names, cells, self._lookups, key_suffix=key_suffix or "")

    def _sort_out(self) -> None:
        """Sort the fields by the way in which they are made: places of their values, and what makes these."""
        self._plain: list[tuple[int, int, Encode]] = []
        self._repeated: list[tuple[int, int, Encode, dict[str, str]]] = []
        self._made_again: list[tuple[int, Read, Pick, dict[Any, str | None]]] = []
        made: dict[Read, list[int]] = {}
        for at, field in enumerate(self._fields):
            if field.encode is not None and field.is_repeated:
                self._repeated.append((at, field.columns[0], field.encode, {}))
            elif field.encode is not None:
                self._plain.append((at, field.columns[0], field.encode))
            elif field.read is not None and field.is_repeated and field.columns:
                self._made_again.append((at, field.read, itemgetter(*field.columns), {}))
            elif field.read is not None:
                made.setdefault(field.read, []).append(at)
        self._made = [(places, read) for read, places in made.items()]

    def told_of_skipped(self) -> list[str]:
        """The numbers of records that were left out, with the reasons."""
        counted = zip(self.skipped, self._skips, strict=True)
        return [f"{count} where {condition.told}" for count, condition in counted if count]

    def is_skipped(self, cells: Cells) -> bool:
        """Tell whether a record is left out, and count it."""
        for at, condition in enumerate(self._skips):
            if condition.meets(cells):
                self.skipped[at] += 1
                return True
        return False

    def is_keyless(self, cells: Cells) -> bool:
        """Tell whether a record makes a commit without a uniqueness key."""
        if self._kind == "usage":
            return False
        if self._key is None:
            return True
        return self._key.encode is not None and not cells[self._key.columns[0]] and self._key.default is None

    def wanted(self, cells: Cells) -> Sequence[Wanted]:
        """List what a record asks the catalog for, unless the one before asked for the same."""
        if not self._asking:
            return ()
        asked = self._asked(cells)
        if asked in self._asked_before:
            return ()
        if len(self._asked_before) >= _REMEMBERED:
            self._asked_before.clear()
        self._asked_before.add(asked)
        found: list[Wanted] = []
        for wanted in self._asking:
            with suppress(BadCell):
                found += wanted(cells)
        return found

    def names(self, cells: Cells) -> tuple[str | None, str | None]:
        """The customer and the key of a record that makes no request; who is not found is called as the cell says."""
        return _named(self._customer, cells) or _told(self._customer_text, cells), _named(self._used_once, cells)

    def row(self, number: int, cells: Cells, record: bytes) -> Row:
        """The request that a record makes.

        Raises:
            BadCell: its cells cannot be read as the mapping says; every problem is told.
        """
        try:
            content = self._layouts.content(self._values(cells))
            kind, key = self._kind_and_key(cells) if self._own else (self._kind, None)
        except BadCell:
            raise self._problems(cells) from None
        return Row(number, kind, key, *content, keyless=self.is_keyless(cells), record=record)

    def _values(self, cells: Cells) -> list[str | None]:
        """The JSON of each field that cells fill; what comes again and again is remembered."""
        values: list[str | None] = [None] * len(self._fields)
        for at, index, encode in self._plain:
            if cell := cells[index]:
                values[at] = encode(cell)
        for at, index, encode, known in self._repeated:
            if cell := cells[index]:
                value = known.get(cell)
                values[at] = _remembered(known, cell, encode(cell), cell) if value is None else value
        for places, read in self._made:
            value = read(cells)
            for at in places:
                values[at] = value
        for at, read, pick, known_of in self._made_again:
            picked = pick(cells)
            made = known_of.get(picked, _UNKNOWN)
            values[at] = _remembered(known_of, picked, read(cells), *picked) if made is _UNKNOWN else made
        return values

    def _leaves(self, filled: Sequence[bool]) -> list[Leaf]:
        return [_leaf(*each) for each in zip(self._fields, filled, strict=True)]

    def _kind_and_key(self, cells: Cells) -> tuple[Kind, str | None]:
        own = {name: _text(field, cells) for name, field in self._own.items()}
        kind, key = own.get("kind") or self._kind, own.get("idempotency_key")
        if kind not in get_args(CommitKind):
            raise BadCell("cell_unreadable", f"kind: {kind!r} is neither commit nor credit")
        if key is not None and (len(key) > IDEMPOTENCY_KEY_CHARS_MAX or "\0" in key):
            raise BadCell("cell_unreadable", f"idempotency_key: has more than {IDEMPOTENCY_KEY_CHARS_MAX} characters")
        return cast("Kind", kind), key

    def _problems(self, cells: Cells) -> BadCell:
        """All problems of a record, under the code of the first."""
        found: list[BadCell] = []
        for field in (*self._fields, *self._own.values()):
            try:
                field.json_of(cells)
            except BadCell as bad:
                if str(bad) not in map(str, found):
                    found.append(bad)
        if not found:
            self._kind_and_key(cells)
        more = f"; and {len(found) - _PROBLEMS_TOLD_MAX} more" if len(found) > _PROBLEMS_TOLD_MAX else ""
        return BadCell(found[0].code, "; ".join(map(str, found[:_PROBLEMS_TOLD_MAX])) + more)


def names_columns(mapping: TableMapping, cells: Sequence[str]) -> bool:
    """Tell whether a line is the header of the table that a mapping reads: two of its columns stand there."""
    named = columns_of(mapping)
    return len(named.intersection(cells)) >= min(_COLUMNS_MIN, len(named))


def columns_of(mapping: TableMapping) -> set[str]:
    """The columns that a mapping reads."""
    skipping = (column_name(each.column) for each in mapping.skip)
    return {*skipping, *chain.from_iterable(map(columns_of_source, mapping.fields.values()))}


def _columns(mapping: TableMapping, kind: Kind) -> dict[str, Column]:
    """The places of all fields.

    Raises:
        WrongMapping: a field is unknown, stands twice, or is missing.
    """
    form, columns, unknown = form_of(kind), {}, []
    for name in mapping.fields:
        try:
            columns[name] = column_named(name, form) if name not in form.row_columns else Column((), encode_text)
        except UnknownColumn as error:
            unknown.append(str(error))
    has_type = kind == "credit" or "kind" in mapping.fields
    placed = {name: column for name, column in columns.items() if column.paths}
    wrong = {
        "unknown fields": unknown,
        "fields that stand twice": [] if unknown else named_twice(list(placed), list(placed.values())),
        "missing fields": []
        if unknown
        else [each for each in missing_columns(list(placed.values()), form) if not (each == "type" and has_type)],
    }
    told = "; ".join(f"{what}: {', '.join(which)}" for what, which in wrong.items() if which)
    if told:
        raise WrongMapping(f"the mapping does not make requests: {told}")
    return columns


def _remembered(known: dict[Any, T], key: Any, value: T, *cells: str) -> T:
    """A value, which is remembered under a key unless the cells are long."""
    if sum(map(len, cells)) <= _CHARS_REMEMBERED:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = value
    return value


def _leaf(field: FieldReader, is_filled: bool) -> Leaf:  # noqa: FBT001
    constant = None if is_filled or field.default is None else field.default()
    return Leaf(field.column.paths, field.column.detail, constant, may_be_filled=bool(field.columns))


def _named(field: FieldReader | None, cells: Cells) -> str | None:
    """The text that a field has in a row; None where it cannot be read."""
    return None if field is None else _told(partial(_text, field), cells)


def _told(read: Read | None, cells: Cells) -> str | None:
    try:
        return None if read is None else read(cells)
    except BadCell:
        return None


def _text(field: FieldReader, cells: Cells) -> str | None:
    """The text that a field has in a row."""
    told = field.json_of(cells)
    return None if told is None else str(msgspec.json.decode(told))
