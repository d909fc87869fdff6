"""Judge a file without sending it."""

from pathlib import Path
from typing import Annotated

import typer

from trueup.errors import ExitCode
from trueup.extras import extra
from trueup.wire.message.envelope import Kind
from trueup_worker.cli.requests.csv_options import DecimalComma, Encoding, MappingFile, SheetName, Thousands, reading_of
from trueup_worker.cli.requests.verdicts import judge_bodies_alone, judge_files
from trueup_worker.cli.terminal.listing import AsJson

app = typer.Typer()


@app.command()
def validate(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="JSONL or CSV, also gzip, or .xlsx; - is stdin.")
    ],
    *,
    kind: Annotated[Kind, typer.Option(help="What a row without a kind is.")] = "commit",
    offline: Annotated[bool, typer.Option("--offline", help="Judge no references: no database is asked.")] = False,
    decimal_comma: DecimalComma = None,
    thousands: Thousands = None,
    mapping: MappingFile = None,
    encoding: Encoding = None,
    sheet: SheetName = None,
    as_json: AsJson = False,
) -> None:
    """Judge every row of the files, references too, and send nothing.

    --json prints one line per row: {"row", "outcome": "valid" | "invalid" | "not_found", "errors"}. Exit code 3 if some
    rows are not valid. Whether a uniqueness key or a transaction id is used already is not judged. Needs the scope
    read, unless --offline.
    """
    judges = judge_bodies_alone()
    if not offline:
        with extra("worker", needed_by=f"`{ctx.command_path}` without --offline"):
            from trueup_worker.cli.requests.references import judge_with_references  # noqa: PLC0415 - needs the extra
            from trueup_worker.cli.terminal.context import session  # noqa: PLC0415 - likewise
        judges = judge_with_references(session(ctx), kind=kind)
    reading = reading_of(
        decimal_comma=decimal_comma, thousands=thousands, mapping=mapping, encoding=encoding, sheet=sheet
    )
    code = judge_files(files, judges, kind=kind, reading=reading, as_json=as_json)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
