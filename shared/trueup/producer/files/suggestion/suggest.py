"""Suggest a mapping for a table."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trueup.producer.files.opening.content import Source, UnreadableInput
from trueup.producer.files.suggestion.dates import dates_of
from trueup.producer.files.suggestion.records import record_fields
from trueup.producer.files.suggestion.sample import ROWS_MAX, Sample
from trueup.producer.files.suggestion.suggested import Suggested
from trueup.producer.files.suggestion.terms import skips, term_fields
from trueup.producer.files.suggestion.toml_text import mapping_text
from trueup.producer.files.suggestion.vocabulary import COLUMNS, names_for, names_of
from trueup.producer.files.tables.open_table import open_table
from trueup.producer.files.tables.table import BadForm, Table


def is_header(cells: Sequence[str]) -> bool:
    """Tell whether a line names columns: two of them at least are in the vocabulary."""
    known = {name for role in COLUMNS for name in names_for(role)}
    return sum(any(name in known for name in names_of(cell)) for cell in set(cells) if cell) > 1


def suggest(names: Sequence[str], records: Iterable[Sequence[str]]) -> tuple[list[Suggested], Sample]:
    """Suggestions for a table, and the sample of it that they were made from.

    Args:
        names: the header's cells.
        records: the cells of each record, as many as the header has.
    """
    sample = Sample.of(names, islice(records, ROWS_MAX))
    dates = dates_of(sample.columns.values())
    return [*record_fields(sample), *term_fields(sample, dates), *skips(sample)], sample


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A first mapping.

    Attributes:
        text: TOML.
        fields: how many fields were recognised.
        open_points: how many have to be decided.
    """

    text: str
    fields: int
    open_points: int


def suggest_for(source: Source) -> Suggestion:
    """Suggest a first mapping for a file; records of another form than the header's are left out.

    Raises:
        UnreadableInput: it has no header, or no record below it.
    """
    with open_table(source, is_header) as table:
        names, first = table.names, list(islice(_records(table), ROWS_MAX))
    if not first:
        raise UnreadableInput(f"{source.name} has no row to make a mapping from: nothing stands below its header")
    return suggest_mapping(Path(source.name).name, names, first)


def _records(table: Table) -> Iterator[list[str]]:
    """The cells of records that have the header's form."""
    width = len(table.names)
    for record in table.records():
        with suppress(BadForm):
            cells = table.cells(record)
            if len(cells) >= width and not any(cells[width:]):
                yield cells[:width]


def suggest_mapping(name: str, names: Sequence[str], records: Iterable[Sequence[str]]) -> Suggestion:
    """Suggest a first mapping for a table; `name` is its file's."""
    suggested, sample = suggest(names, records)
    used = {part for each in suggested for part in (each.column, each.source.get("template")) if part}
    unused = [
        column for column in sample.columns if not any(column == part or f"{{{column}}}" in part for part in used)
    ]
    text = mapping_text(name, rows=sample.rows, suggested=suggested, unused=unused, repeated=sample.repeated)
    open_points = sum(each.is_open for each in suggested)
    return Suggestion(text, sum(not each.is_open for each in suggested if each.field != "skip"), open_points)
