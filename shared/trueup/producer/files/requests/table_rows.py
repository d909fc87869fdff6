"""Rows of a table: one request a record, numbered from 1 below the header."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter

from trueup.limits import FOUND_CHARS_MAX, LOOKUPS_MAX
from trueup.producer.files.doubts.repeated_keys import KeyedRow, KeysSeen
from trueup.producer.files.doubts.suspects import Suspects
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.mapped_table import MappedTable
from trueup.producer.files.mapping.preview import MappedField
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.opening.content import UnfitMapping, UnreadableInput
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.requests.meaning import Meaning, meaning_of
from trueup.producer.files.requests.named_table import WrongColumns
from trueup.producer.files.row import Row
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.footers import Footers, begins_footer
from trueup.producer.files.tables.table import BadForm, Record, Table
from trueup.wire.message.envelope import FormProblem, Kind
from trueup.wire.message.packing import raw_content
from trueup.wire.request.named import Named, named_as

Warn = Callable[[str], None]

_WARNINGS_MAX = 10


def table_rows(
    table: Table,
    kind: Kind,
    *,
    name: str,
    warn: Warn | None = None,
    reading: Reading = AS_IT_STANDS,
    lookups: Lookups = NOTHING_LOOKED_UP,
) -> Iterator[Row]:
    """The rows of a table; a row's number is its record's, counted after the header without blank ones.

    A record with more or fewer cells than the header, with broken quotes, or that its mapping cannot read, travels as
    raw: its outcome says so.

    Args:
        table: is read to its end.
        kind: of a row that has no `kind` cell; rows of usage have none.
        name: what the user calls the file.
        reading: how it is read.
        lookups: what the catalog said of what the file asks for.
        warn: is told of records whose form is wrong: the first ten one by one, then how many more.

    Raises:
        UnreadableInput: the header cannot be understood.
    """
    judged = _Judged(table, kind, name=name, reading=reading, lookups=lookups, warn=warn)
    for number, record in judged.records():
        try:
            cells = judged.cells(record)
            if cells is not None:
                yield judged.meaning.row(number, cells, record.text)
        except (BadForm, BadCell) as bad:
            if isinstance(bad, BadForm):
                judged.warn_of(number, record, bad)
            form = None
            if bad.code:
                form = FormProblem(bad.code, judged.found(number, record, bad), *judged.names(record))
            content = raw_content(record.text, size_bytes=record.size_bytes)
            whole = record.text if len(record.text) == record.size_bytes else b""
            yield Row(number, kind, None, *content, form=form, record=whole)
    judged.warn_of_all()


def table_first_pass(
    table: Table, kind: Kind, *, name: str, reading: Reading, warn: Warn | None, wanted: set[Wanted], keys: KeysSeen
) -> Iterator[bool]:
    """Look at all records before anything is sent: of each whose row is sent, whether it is keyless.

    Args:
        table: is read to its end.
        kind: of a row that has no `kind` cell.
        name: what the user calls the file.
        reading: how it is read.
        warn: is told of records whose form is wrong, and of those that are left out.
        wanted: takes what the file asks the catalog for.
        keys: takes the keys.

    Raises:
        UnreadableInput: as `table_rows`; or cells can be read in two ways, a spreadsheet changed them, or they name too
            many records.
    """
    judged = _Judged(table, kind, name=name, reading=reading, lookups=NOTHING_LOOKED_UP, warn=warn)
    meaning = judged.meaning
    suspects = Suspects(numeric=meaning.numeric, keys=meaning.keys, delimiter=table.delimiter, marks=reading.marks)
    key_of = _key_picker(meaning)
    for number, record in judged.records():
        try:
            cells = judged.cells(record)
        except BadForm as bad:
            judged.warn_of(number, record, bad)
            yield False
            continue
        if cells is None:
            continue
        suspects.look(number, cells)
        if (key := key_of(cells)) is not None:
            keys.add(key)
        if asked := meaning.wanted(cells):
            wanted.update(asked)
            if len(wanted) > LOOKUPS_MAX:
                raise UnreadableInput(f"{name} names more than {LOOKUPS_MAX} different records to look up: split it")
        yield meaning.is_keyless(cells)
    judged.warn_of_all()
    suspects.require_none(name)


def table_mapped(
    table: Table, kind: Kind, *, name: str, reading: Reading, lookups: Lookups
) -> Iterator[tuple[int, list[MappedField]]]:
    """The numbers of the records that a mapping reads, and their fields before and after; of bad form none."""
    judged = _Judged(table, kind, name=name, reading=reading, lookups=lookups, warn=None)
    for number, record in judged.records():
        with suppress(BadForm):
            cells = judged.cells(record)
            if cells is not None and isinstance(judged.meaning, MappedTable):
                yield number, list(judged.meaning.fields_of(cells, key_suffix=reading.key_suffix))


def table_keyed(table: Table, kind: Kind, *, name: str, reading: Reading) -> Iterator[KeyedRow]:
    """The rows of a table that have a key; terms are the cells that requests are made of."""
    judged = _Judged(table, kind, name=name, reading=reading, lookups=NOTHING_LOOKED_UP, warn=None)
    key_of, used = _key_picker(judged.meaning), sorted(judged.meaning.columns)
    for number, record in judged.records():
        with suppress(BadForm):
            cells = judged.cells(record)
            if cells is not None and (key := key_of(cells)) is not None:
                yield KeyedRow(number, key, hash(tuple([cells[index] for index in used])))


def _key_picker(meaning: Meaning) -> Callable[[Sequence[str]], Hashable]:
    """Function that gives the cells that a record's key is made of; None: it has no key."""
    columns = meaning.key_columns
    if not columns:
        return lambda _: None
    pick = itemgetter(*columns)
    if len(columns) == 1:
        return lambda cells: pick(cells) or None
    return lambda cells: key if all(key := pick(cells)) else None


class _Judged:
    """A table as it is read once: what its records mean, and what is told of them."""

    def __init__(
        self, table: Table, kind: Kind, *, name: str, reading: Reading, lookups: Lookups, warn: Warn | None
    ) -> None:
        self._table, self._name, self._warn = table, name, warn or _silent
        self._refused = 0
        try:
            self.meaning = meaning_of(table.names, kind, reading, lookups)
        except WrongColumns as error:
            raise UnreadableInput(f"{name}: {error}") from None
        except WrongMapping as error:
            raise UnfitMapping(f"{name}: {error}") from None
        for note in table.notes:
            self._warn(f"{name}: {note}")
        if table.above:
            self._warn(f"{name}: lines above its header are left out: {', '.join(map(shown, table.above))}")
        self._width = len(table.names)
        self._nameless = [index for index, each in enumerate(table.names) if not each]
        self._footers = Footers(self._width)

    def records(self) -> Iterator[tuple[int, Record]]:
        """The records below the header, with their numbers."""
        return enumerate(self._table.records(), start=1)

    def cells(self, record: Record) -> list[str] | None:
        """The cells of a record, as many as the header has; None: it is left out.

        Raises:
            BadForm: it has another form.
        """
        cells, width = self._table.cells(record), self._width
        if len(cells) != width:
            if len(cells) < width and self._is_left_out(cells + [""] * (width - len(cells))):
                return None
            if len(cells) < width or any(cells[width:]):
                is_total = begins_footer(next(filter(None, cells), ""))
                cure = "; if it is a sum below the table, and no row of it, delete it" if is_total else ""
                raise BadForm(f"{len(cells)} cells where the header has {width}{cure}", "csv_row_shape")
            del cells[width:]
        if record.odd:
            self._require_usable(record.odd, self.meaning.skip_columns)
        if self.meaning.is_skipped(cells) or (cells.count("") + 1 == width and self._footers.has(cells)):
            return None
        for index in self._nameless:
            if cells[index]:
                raise BadForm(f"{shown(cells[index])} stands in column {index + 1}, which has no name", "csv_row_shape")
        if record.odd:
            self._require_usable(record.odd, self.meaning.columns)
        return cells

    def found(self, number: int, record: Record, bad: Exception) -> str:
        """Words on a record that is refused: where it is, and why."""
        return f"{self._place(number, record)}: {bad}".replace("\0", "\\0")[:FOUND_CHARS_MAX]

    def names(self, record: Record) -> Named:
        """The customer and the key of a record that is refused, as far as they can be told."""
        cells = [*self._table.rough_cells(record), *[""] * self._width][: self._width]
        return named_as(*self.meaning.names(cells))

    def warn_of(self, number: int, record: Record, bad: BadForm) -> None:
        """Tell of a record whose form is wrong, unless many were told of."""
        self._refused += 1
        if self._refused <= _WARNINGS_MAX:
            self._warn(f"{self._name}, {self._place(number, record)}: {bad}; it will be refused")

    def warn_of_all(self) -> None:
        """Tell how many more records there were, and which are left out."""
        if self._refused > _WARNINGS_MAX:
            self._warn(f"{self._name}: {self._refused - _WARNINGS_MAX} more records will be refused for their form")
        if told := self.meaning.told_of_skipped():
            self._warn(f"{self._name}: rows that the mapping leaves out: {'; '.join(told)}")
        if self._footers.count:
            first = ", ".join(map(shown, self._footers.first))
            more = self._footers.count - len(self._footers.first)
            self._warn(
                f"{self._name}: lines below its table are left out: {first}" + (f", and {more} more" if more else "")
            )

    def _require_usable(self, odd: Mapping[int, str], used: Collection[int]) -> None:
        if found := [told for index, told in odd.items() if index in used]:
            raise BadForm("; ".join(found), "cell_unreadable")

    def _place(self, number: int, record: Record) -> str:
        return f"record {number} ({self._table.unit} {record.place})"

    def _is_left_out(self, padded: list[str]) -> bool:
        """Tell whether a record of fewer cells is no row: a condition of the mapping, or its words, say so."""
        is_skipped = not any(padded[1:]) and self.meaning.is_skipped(padded)
        return is_skipped or self._footers.has(padded)


def _silent(_: str) -> None:
    pass
