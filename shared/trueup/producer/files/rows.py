"""Files of requests, read in two passes: the first finds what cannot be read, the second sends."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from threading import Event

from trueup.producer.files.doubts.repeated_keys import KeyedRow, KeysSeen, told_of_repeated
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.preview import MappedField
from trueup.producer.files.opening.content import (
    ChangedInput,
    Format,
    Line,
    Source,
    UnreadableInput,
    has_stayed,
    lines,
    pieces,
    sha256_hex,
)
from trueup.producer.files.requests.json_document import elements
from trueup.producer.files.requests.jsonl_rows import jsonl_keyed, jsonl_keyless, jsonl_rows
from trueup.producer.files.requests.meaning import header_finder
from trueup.producer.files.requests.table_rows import table_first_pass, table_keyed, table_mapped, table_rows
from trueup.producer.files.row import Row
from trueup.producer.files.tables.open_table import open_table
from trueup.producer.files.tables.table import Table
from trueup.wire.message.envelope import Kind

_NO_RECORD = "nothing stands below its header"
_NO_ROW = {"csv": _NO_RECORD, "xlsx": _NO_RECORD, "jsonl": "all its lines are blank", "json": "it has no element"}

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scan:
    """Findings of the first pass over a file.

    Attributes:
        sha256_hex: of the uncompressed content and of how it is read, if that was told: what a batch's id is made of.
        content_sha256_hex: of the content alone.
        wanted: what the file asks the catalog for.
        rows: how many requests there are.
        keyless_rows: how many of them have no `uniqueness_key`.
        format: JSONL, CSV, a JSON document, or a workbook.
    """

    sha256_hex: str
    content_sha256_hex: str
    rows: int
    keyless_rows: int
    format: Format
    wanted: frozenset[Wanted] = frozenset()


def scan(source: Source, *, kind: Kind = "commit", warn: Warn | None = None) -> Scan:
    """The first pass: reads all of it, sends nothing. Its content is digested meanwhile, by a thread of its own.

    Args:
        source: what `open_source` opened.
        kind: what a bare body in it is.
        warn: is told of rows that will be refused because of their form.

    Raises:
        UnreadableInput: it cannot be read to its end, has no row, changes meanwhile, or has a header (CSV) that cannot
            be understood.
    """
    stop, wanted, keys = Event(), set[Wanted](), KeysSeen()
    with ThreadPoolExecutor(1) as pool, closing(_keyless(source, kind, warn, wanted, keys)) as keyless_of_rows:
        digest = pool.submit(sha256_hex, source, stop=stop)  # of a plain file a third of the work, for another core
        try:
            count, keyless = _count(keyless_of_rows)
        except BaseException:
            stop.set()
            raise
    if count == 0:
        is_mapped = source.reading.mapping is not None
        why = "nothing that the mapping keeps stands below its header" if is_mapped else _NO_ROW[source.format]
        raise UnreadableInput(f"{source.name} has no row: {why}")
    if warn is not None:
        _warn_of_repeated(source, kind, warn, keys)
    has_stayed(source)
    content_sha256_hex = digest.result()
    return Scan(
        source.reading.digest(content_sha256_hex), content_sha256_hex, count, keyless, source.format, frozenset(wanted)
    )


def rows(
    source: Source, *, kind: Kind = "commit", scanned: Scan | None = None, lookups: Lookups = NOTHING_LOOKED_UP
) -> Iterator[Row]:
    """A later pass: every row, in order.

    Args:
        source: what `open_source` opened.
        kind: what a bare body in it is.
        scanned: what the first pass found, which this one is held to; left out for a file that nobody can change.
        lookups: what the catalog said of what the first pass found wanted.

    Raises:
        UnreadableInput: as `scan`, where nothing was scanned.
        ChangedInput: this is not what the first pass found, which may show at the end only.
    """
    found = _rows(source, kind, lookups)
    return found if scanned is None else _held_to(scanned, found, source)


def mapped_rows(source: Source, *, kind: Kind, lookups: Lookups) -> Iterator[tuple[int, list[MappedField]]]:
    """Rows of a table that is read by a mapping: their numbers, and their fields before and after."""
    if source.is_table and source.reading.mapping is not None:
        with _table(source, kind) as table:
            yield from table_mapped(table, kind, name=source.name, reading=source.reading, lookups=lookups)


def _held_to(scanned: Scan, found: Iterator[Row], source: Source) -> Iterator[Row]:
    """The rows of a later pass; refuses the file when it is another than its first pass found."""
    count = 0
    with _was_readable(source):
        for row in islice(found, scanned.rows):
            count += 1
            yield row
        is_as_long = count == scanned.rows and next(found, None) is None
        is_same = has_stayed(source) or sha256_hex(source, stop=Event()) == scanned.content_sha256_hex
    if not (is_as_long and is_same):
        raise ChangedInput(f"{source.name} was changed while it was read")


@contextmanager
def _was_readable(source: Source) -> Iterator[None]:
    """Read what was read to its end before.

    Raises:
        ChangedInput: it cannot be read any more.
    """
    try:
        yield
    except ChangedInput:
        raise
    except UnreadableInput as error:
        has_stayed(source)
        raise ChangedInput(f"{error} (when it was read first, it was right: it was changed meanwhile)") from None


def _read(source: Source) -> Generator[Line, None, None]:
    return elements(pieces(source), name=source.name) if source.format == "json" else lines(source)


def _table(source: Source, kind: Kind) -> AbstractContextManager[Table]:
    return open_table(source, header_finder(kind, source.reading))


def _rows(source: Source, kind: Kind, lookups: Lookups) -> Iterator[Row]:
    if not source.is_table:
        yield from jsonl_rows(_read(source), kind)
        return
    with _table(source, kind) as table:
        yield from table_rows(table, kind, name=source.name, reading=source.reading, lookups=lookups)


def header_of(source: Source, *, kind: Kind) -> bytes:
    """The header of a table that was scanned, as it stands there, for records that are written to another file.

    Raises:
        ChangedInput: it cannot be read any more.
    """
    with _was_readable(source), _table(source, kind) as table:
        return table.header.text


def _count(keyless: Iterable[bool]) -> tuple[int, int]:
    """Count the items, and those of them that are true."""
    rows = keyless_rows = 0
    for is_keyless in keyless:
        rows += 1
        keyless_rows += is_keyless
    return rows, keyless_rows


def _warn_of_repeated(source: Source, kind: Kind, warn: Warn, keys: KeysSeen) -> None:
    """Tell of keys that stand in several rows with different terms."""
    if repeated := keys.repeated():
        name = "transaction_id" if kind == "usage" else "uniqueness_key"
        with closing(_keyed(source, kind)) as rows:
            told = told_of_repeated(rows, repeated, name)
        if told:
            warn(f"{source.name}: {'; '.join(told)}, and different terms: only the first of each can be created")


def _keyed(source: Source, kind: Kind) -> Generator[KeyedRow, None, None]:
    if not source.is_table:
        with closing(_read(source)) as read:
            yield from jsonl_keyed(read, kind)
        return
    with _table(source, kind) as table:
        yield from table_keyed(table, kind, name=source.name, reading=source.reading)


def _keyless(
    source: Source, kind: Kind, warn: Warn | None, wanted: set[Wanted], keys: KeysSeen
) -> Generator[bool, None, None]:
    if not source.is_table:
        with closing(_read(source)) as read:
            yield from jsonl_keyless(read, kind, keys)
        return
    with _table(source, kind) as table:
        yield from table_first_pass(
            table, kind, name=source.name, reading=source.reading, warn=warn, wanted=wanted, keys=keys
        )
