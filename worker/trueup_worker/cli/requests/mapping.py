"""Mappings of tables: a first one, suggested from a file."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from trueup.producer.files.opening.content import Source, lines, open_source
from trueup.producer.files.suggestion.suggest import suggest_for
from trueup_worker.cli.requests.csv_options import Encoding, SheetName, reading_of
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.output import say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def mapping() -> None:
    """Mappings: how the columns of any table fill the fields of requests."""


@app.command()
def suggest(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A table with a header; - is stdin.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="TOML", help="Where to write it (else: standard output).")
    ] = None,
    encoding: Encoding = None,
    sheet: SheetName = None,
) -> None:
    """Write a first mapping for a file, from its header and its first 1,000 rows.

    Comments say what was recognised from what. What the names and the values do not decide is an open point, a text
    that begins with TODO: until it is decided, `trueup ingest --mapping` sends nothing. Needs no stack.
    """
    with open_source(file, format="csv", reading=reading_of(encoding=encoding, sheet=sheet)) as source:
        if _is_json(source):
            raise CommandError(f"{source.name} is JSON, which names its fields itself: a mapping is for tables")
        found = suggest_for(source)
    if output is None:
        typer.echo(found.text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as written:
            written.write(found.text)
    except FileExistsError:
        raise CommandError(f"{output} is there already: name another file, or remove it") from None
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}") from None
    left = f"{found.open_points} open: look for TODO" if found.open_points else "nothing is open"
    say(f"{output}: {found.fields} fields recognised, {left}")


def _is_json(source: Source) -> bool:
    if source.format == "xlsx":
        return False
    with closing(lines(source)) as read:
        first = next((line.text.strip() for line in read if line.text.strip()), b"")
    return first.startswith((b"{", b"["))
