"""Judge a file without sending it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from trueup.errors import ExitCode
from trueup.ids import new_id_text
from trueup.limits import ENVELOPE_REQUESTS_MAX, PROBLEMS_MAX
from trueup.producer.files.content import Source, open_source
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.wire.message.envelope import Kind
from trueup.wire.problems import Problem, outcome_of
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import Record, emit, emit_table, say, to_json
from trueup_worker.intake.judge import judge_bodies, judge_catalog
from trueup_worker.usage.judge import judge_terms

app = typer.Typer()

_TOLD_ROWS = 50  # to people; --json tells them all


@app.command()
def validate(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSONL or CSV, also gzip; - for stdin.")],
    *,
    kind: Annotated[Kind, typer.Option(help="What a row without a kind is.")] = "commit",
    as_json: AsJson = False,
) -> None:
    """Judge every row of the files, references too, and send nothing.

    --json prints one line per row: {"row", "outcome": "valid" | "invalid" | "not_found", "errors"}. Exit code 3 if some
    rows are not valid. Whether a uniqueness key or a transaction id is used already is not judged. Needs the scope
    read.
    """
    code = judge_files(session(ctx), files, kind=kind, as_json=as_json)
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def judge_files(here: Session, files: Sequence[str | Path], *, kind: Kind, as_json: bool) -> ExitCode:
    """Judge and print every row; `ROWS_FAILED` when some are not valid."""
    counts: Counter[str] = Counter()
    caller = here.caller("read")
    for file in files:
        with open_source(file) as source:
            scan(source, kind=kind, warn=say)
            with here.engine.connect() as connection:
                verdicts = _judge(connection, caller.account_id, source, kind=kind)
                _emit_lines(verdicts, counts) if as_json else _emit_failed(source.name, verdicts, counts)
    say(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return ExitCode.OK if counts.total() == counts["valid"] else ExitCode.ROWS_FAILED


def _judge(connection: Connection, account_id: int, source: Source, *, kind: Kind) -> Iterator[Record]:
    """A verdict per row, in the file's order, with flat memory."""
    stream = rows(source, kind=kind)
    while chunk := list(islice(stream, ENVELOPE_REQUESTS_MAX)):
        yield from _judge_chunk(connection, account_id, chunk, kind=kind)


def _judge_chunk(connection: Connection, account_id: int, chunk: list[Row], *, kind: Kind) -> Iterator[Record]:
    requests = [row.request(new_id_text()) for row in chunk]
    judge_references = judge_terms if kind == "usage" else judge_catalog
    judged = judge_references(connection, account_id, judge_bodies(requests))
    problems = {refusal.request.id: refusal.problems for refusal in judged.refusals}
    for row, request in zip(chunk, requests, strict=True):
        yield _verdict(row, problems.get(request.id, []))


def _verdict(row: Row, problems: list[Problem]) -> Record:
    errors = [asdict(problem) for problem in problems[:PROBLEMS_MAX]]
    verdict = {"row": row.number, "outcome": outcome_of(problems) if problems else "valid", "errors": errors}
    return verdict | ({"more": len(problems) - PROBLEMS_MAX} if len(problems) > PROBLEMS_MAX else {})


def _emit_lines(verdicts: Iterator[Record], counts: Counter[str]) -> None:
    while chunk := list(islice(verdicts, ENVELOPE_REQUESTS_MAX)):
        counts.update(verdict["outcome"] for verdict in chunk)
        emit(b"".join(to_json(verdict) + b"\n" for verdict in chunk))


def _emit_failed(name: str, verdicts: Iterator[Record], counts: Counter[str]) -> None:
    told: list[Record] = []
    for verdict in verdicts:
        counts[verdict["outcome"]] += 1
        if len(told) <= _TOLD_ROWS:
            told += [verdict | error for error in verdict["errors"]]
    if told:
        emit_table(("row", "outcome", "path", "code", "message"), told[:_TOLD_ROWS], title=name)
    if len(told) > _TOLD_ROWS:
        say(f"the first {_TOLD_ROWS} problems of {name}: --json tells them all")
