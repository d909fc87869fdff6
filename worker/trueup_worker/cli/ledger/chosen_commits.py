"""Which commits a change is for: one that is named, those of a batch, or those that a file names."""

import csv
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from trueup.errors import ExitCode
from trueup.producer.files.opening.content import Source, UnreadableInput, lines, open_source
from trueup_worker.cli.terminal.exits import CommandError

OneCommit = Annotated[
    str | None,
    typer.Argument(metavar="[ID|KEY]", help="One, by its id, its uniqueness key or its id elsewhere."),
]
OfBatch = Annotated[str | None, typer.Option("--batch", metavar="ID", help="All that a batch made and is in use.")]
OfFile = Annotated[
    str | None,
    typer.Option("--file", metavar="CSV", help="All that a file names: a commit a line, or a column `commit`."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Judge each change, and make none.")]
Results = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Write row, commit, outcome, reason, before, after as JSON lines.")
]
Failed = Annotated[Path | None, typer.Option(metavar="PATH", help="Write what was refused, as a CSV of commits.")]

_DELIMITERS = ",;\t"
_COLUMNS = ("commit", "commit_id", "uniqueness_key", "id", "key")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Choice of commits, of which one way must be taken.

    Raises:
        CommandError: none is, or several are.
    """

    commit: str | None = None
    batch: str | None = None
    file: str | None = None
    dry_run: bool = False
    results: Path | None = None
    failed: Path | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.commit, self.batch, self.file)) != 1:
            raise CommandError("say which commits: one by its ID or KEY, --batch ID or --file CSV")
        if self.commit is not None and (self.results or self.failed):
            raise CommandError("--results and --failed go with --batch or --file")


def names_in(file: str) -> Iterator[str]:
    """The commits that a file names: a CSV by the column that its header says, any other a line each.

    Raises:
        UnreadableInput: it cannot be read, as a file of requests cannot.
        CommandError: it names none.
    """
    found = False
    with open_source(file, format="csv") as source, closing(_texts(source)) as texts:
        first = next(texts, "")
        delimiter = max(_DELIMITERS, key=first.count)
        header = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        column = next((header.index(name) for name in _COLUMNS if name in header), None)
        names = chain([first], texts) if column is None else _cells(texts, delimiter, column)
        for name in filter(None, map(str.strip, names)):
            found = True
            yield name
    if not found:
        raise CommandError(f"{file} names no commit: one a line, or in a column `commit`", ExitCode.UNREADABLE)


def _cells(texts: Iterator[str], delimiter: str, column: int) -> Iterator[str]:
    """The cells of one column."""
    return (cells[column] for cells in csv.reader(texts, delimiter=delimiter) if len(cells) > column)


def _texts(source: Source) -> Generator[str, None, None]:
    for line in lines(source):
        try:
            yield line.text.decode()
        except UnicodeDecodeError:
            raise UnreadableInput(f"{source.name}: line {line.number} is not UTF-8: save it as UTF-8") from None
