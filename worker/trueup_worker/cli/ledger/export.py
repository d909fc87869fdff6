"""Exports: rows of the account as a file, or on stdout."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.output import as_text, emit, emit_table, say
from trueup_worker.cli.terminal.progress import bar
from trueup_worker.cli.terminal.whole_file import whole_file
from trueup_worker.exports.catalogue import EXPORTS, export_named
from trueup_worker.exports.export import Export, Span
from trueup_worker.exports.formats import Format, chunks
from trueup_worker.exports.months import month_named
from trueup_worker.invoicing.clock import account_now

app = typer.Typer()

_Write = Callable[[bytes], object]


@app.command()
def export(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"What: {', '.join(EXPORTS)}.")],
    *,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=f"From then on: {INSTANT_HELP}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only what is before then.")] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Of this calendar month (UTC) only.")] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Else by the ending of the file, and csv where that says nothing."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Else stdout; there whole, or not at all.")
    ] = None,
    columns: Annotated[bool, typer.Option("--columns", help="Tell what the columns are, and end.")] = False,
) -> None:
    """Write rows of one moment, as many as there are, with flat memory. Needs the scope read."""
    chosen = export_named(name)
    if columns:
        emit_table(("column", "what"), [{"column": each, "what": what} for each, what in chosen.columns.items()])
        return
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        span = _span(month, since, until, lambda: account_now(connection, caller.account_id))
        rows = chosen.rows(connection, caller.account_id, span)
        written = chunks(list(chosen.columns), rows, form=form or _format_of(file))
        with _output(file) as write, _progress(chosen, file) as shown:
            count = 0
            for chunk in written:
                write(chunk.content)
                shown(chunk.rows)
                count += chunk.rows
        left_out = chosen.left_out(connection, caller.account_id, span)
    say(f"{count} rows of {chosen.name}{f' in {file}' if file else ''}")
    for each in left_out:
        say(f"left out: {as_text(each)}")


def _span(month: str | None, since: str | None, until: str | None, now: Callable[[], Any]) -> Span:
    if month is not None:
        if since or until:
            raise CommandError("give --month, or --since and --until")
        return Span(*month_named(month))
    ends = (None if each is None else read_instant(each, now=now()) for each in (since, until))
    return Span(*ends)


def _format_of(file: Path | None) -> Format:
    return "jsonl" if file is not None and file.suffix in (".jsonl", ".ndjson") else "csv"


@contextmanager
def _output(file: Path | None) -> Iterator[_Write]:
    if file is None:
        yield emit
        return
    with whole_file(file) as opened:
        yield opened.write


def _progress(chosen: Export, file: Path | None) -> AbstractContextManager[Callable[[int], object]]:
    """A bar on stderr, unless it would run into the rows."""
    if file is None and sys.stdout.isatty():
        return nullcontext(lambda _: None)
    return bar(f"{chosen.name}, rows")
