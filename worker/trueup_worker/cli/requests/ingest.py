"""Files of requests become commits, and files of usage become lines."""

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trueup.clock import utc_now
from trueup.errors import ExitCode
from trueup.producer.files.opening.content import Source, open_source
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import Scan, header_of, scan
from trueup.producer.ingest import Ingest, NothingDecided, RowOutcome, Summary, name_batch
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.store.accounts.secret_key import require_secret_key
from trueup.store.accounts.tokens import Caller, NotAuthenticated, Scope, queue_key
from trueup.wire.message.envelope import CommitKind, Kind
from trueup_worker.cli.requests.csv_options import (
    DecimalComma,
    Encoding,
    KeySuffix,
    MappingFile,
    SheetName,
    Thousands,
    reading_of,
)
from trueup_worker.cli.requests.found_value import RowValues
from trueup_worker.cli.requests.references import judge_with_references
from trueup_worker.cli.requests.verdicts import judge_files
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json, emit_table, say, to_json
from trueup_worker.cli.terminal.whole_file import whole_file

_REASONS_SHOWN = 10
_BROKER_RETRY_S = 3.0

app = typer.Typer()

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="JSONL or CSV, plain or gzip, or .xlsx; - is stdin.")]
BatchName = Annotated[
    str | None, typer.Option("--batch-id", metavar="ID", help="Name the batch (a UUID or any name); one file only.")
]
New = Annotated[bool, typer.Option("--new", help="A new batch, even of a file that was ingested before.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Judge every row, send nothing (as validate).")]
Results = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Write row, id, outcome, errors, existing as JSON lines.")
]
Failed = Annotated[Path | None, typer.Option(metavar="PATH", help="Write the failed rows (else: in the data folder).")]


@dataclass(frozen=True, slots=True)
class Plan:
    """Options of an ingest run.

    Attributes:
        kind: what a bare body is, or a line of usage.
        batch_name: the name or id that the user gives the batch.
        new: makes a batch of its own of content that was ingested before.
        require_keys: refuses a file with rows that have no uniqueness key.
        results: where to write every row's outcome, as JSON lines.
        failed: where to write the rows that failed, to be corrected and sent.
        reading: how the files are read, as far as that was told.
    """

    kind: Kind = "commit"
    batch_name: str | None = None
    new: bool = False
    require_keys: bool = False
    results: Path | None = None
    failed: Path | None = None
    reading: Reading = AS_IT_STANDS

    @property
    def scope(self) -> Scope:
        """Scope that the token must have."""
        return "usage:write" if self.kind == "usage" else "commits:write"


@app.command()
def ingest(
    ctx: typer.Context,
    files: Files,
    *,
    kind: Annotated[CommitKind, typer.Option(help="What a bare body is.")] = "commit",
    batch_id: BatchName = None,
    new: New = False,
    require_keys: Annotated[
        bool, typer.Option("--require-keys", help="Refuse a file that has rows without uniqueness_key.")
    ] = False,
    dry_run: DryRun = False,
    results: Results = None,
    failed: Failed = None,
    decimal_comma: DecimalComma = None,
    thousands: Thousands = None,
    mapping: MappingFile = None,
    encoding: Encoding = None,
    sheet: SheetName = None,
    key_suffix: KeySuffix = None,
    as_json: AsJson = False,
) -> None:
    """Send files of requests and wait until every row has its outcome.

    Needs the scope commits:write. The same file again, also after a crash, continues where it was and creates nothing
    twice: request ids are made of batch and row, the batch's id of account and content. --json ends with one line:
    batch_id, rows, new, created, duplicate, invalid, not_found, parked, seconds.
    """
    reading = reading_of(
        decimal_comma=decimal_comma,
        thousands=thousands,
        mapping=mapping,
        key_suffix=key_suffix,
        encoding=encoding,
        sheet=sheet,
    )
    plan = Plan(kind, batch_id, new, require_keys, results, failed, reading)
    ingest_files(session(ctx), files, plan, dry_run=dry_run, as_json=as_json)


def ingest_files(current: Session, files: list[str], plan: Plan, *, dry_run: bool, as_json: bool) -> NoReturn:
    """Ingest files one after the other, or only judge them, and end the command.

    Raises:
        CommandError: options contradict each other, or the number of files.
        typer.Exit: with the worst of the exit codes.
    """
    if len(files) > 1 and (plan.batch_name or plan.results or plan.failed):
        raise CommandError("--batch-id, --results and --failed go with one FILE")
    if plan.new and plan.batch_name:
        raise CommandError("--new and --batch-id exclude each other")
    if dry_run:
        judges = judge_with_references(current, kind=plan.kind)
        raise typer.Exit(judge_files(files, judges, kind=plan.kind, reading=plan.reading, as_json=as_json))
    raise typer.Exit(max([ingest_file(current, name, plan, as_json=as_json) for name in files]))


def ingest_file(current: Session, name: str, plan: Plan, *, as_json: bool = False) -> ExitCode:
    """Ingest one file and reports it.

    Raises:
        UnreadableInput: nothing of it was sent.
        BatchDiffers: likewise.
        BrokerUnavailable: what was sent goes on; the same command again resumes.
        WrongSecretKey: the workers that read this database would not believe the messages.
        NotAuthenticated: likewise those of this token.
    """
    caller = _signing_caller(current, plan.scope)
    with open_source(name, reading=plan.reading) as source:
        scanned = scan(source, kind=plan.kind, warn=say)
        _warn_of_keyless(source, scanned, plan)
        batch = name_batch(source, scanned, account=caller.account, kind=plan.kind, name=plan.batch_name, new=plan.new)
        with _publisher(current, caller) as publisher, _progress(scanned.rows) as progress:
            run = Ingest(
                source=source,
                scanned=scanned,
                batch=batch,
                account_id=caller.account_id,
                engine=current.engine,
                publisher=publisher,
                progress=progress,
                say=say,
                check=lambda: _signing_caller(current, plan.scope),
            )
            try:
                summary = run.run()
            except (KeyboardInterrupt, BrokerUnavailable, NothingDecided) as stop:
                return _report_stop(run, stop, as_json=as_json)
        failures = _write_results(current, run, summary, plan, source)
    _report(summary, failures, as_json=as_json)
    return ExitCode.ROWS_FAILED if failures else ExitCode.OK


def _signing_caller(current: Session, scope: Scope) -> Caller:
    """Caller whose token signs the messages."""
    with current.transaction(scope) as (connection, caller):
        require_secret_key(connection, current.secret_key)
        if queue_key(connection, caller.key_id, secret_key=current.secret_key, now=utc_now()) is None:
            raise NotAuthenticated(
                f"token {caller.key_id} was made under a secret key that is lost: workers refuse what it signs; "
                "create another (`trueup tokens create`), or restart `trueup up`, which makes the one that it keeps"
            )
    return caller


def _warn_of_keyless(source: Source, scanned: Scan, plan: Plan) -> None:
    if not scanned.keyless_rows:
        return
    told = f"{source.name}: {scanned.keyless_rows} of {scanned.rows} rows have no uniqueness_key"
    if plan.require_keys:
        raise CommandError(f"{told}; --require-keys refuses the file: give each row a key. Nothing was sent")
    say(f"{told}: an edited copy of this file would create them again (correct the file of failed rows instead)")
    if plan.reading.key_suffix is not None:
        say("--key-suffix leaves those rows as they are")


@contextmanager
def _publisher(current: Session, caller: Caller) -> Iterator[Publisher]:
    settings = current.settings
    publisher = Publisher(
        str(settings.broker_url),
        account=caller.account,
        signer=Signer.of_token(current.token),
        queue_limit=settings.queue_limit,
        retry_s=_BROKER_RETRY_S,
    )
    with publisher:
        yield publisher


@contextmanager
def _progress(rows: int) -> Iterator[Any]:
    """A bar on stderr, where somebody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        sent, decided = bar.add_task("sent", total=rows), bar.add_task("decided", total=rows)

        def show(rows_sent: int, rows_decided: int) -> None:
            bar.update(sent, completed=rows_sent)
            bar.update(decided, completed=rows_decided)

        yield show


def _report_stop(run: Ingest, stop: BaseException, *, as_json: bool) -> ExitCode:
    why = "interrupted" if isinstance(stop, KeyboardInterrupt) else f"error: {stop}"
    say(f"{why}\n{run.sent} rows were sent and go on; the same command again sends the others")
    if as_json:
        emit_json(asdict(run.summary()))
    return ExitCode.INTERRUPTED if isinstance(stop, KeyboardInterrupt) else ExitCode.UNAVAILABLE


def _write_results(current: Session, run: Ingest, summary: Summary, plan: Plan, source: Source) -> list[RowOutcome]:
    """Write both files, whole or not at all; returns the first failed rows."""
    if summary.created == summary.rows and not plan.results:
        return []
    failures: list[RowOutcome] = []
    left_out = 0
    failed_path = (
        plan.failed
        or current.folder.path / "batches" / f"{summary.batch_id}.failed.{'csv' if source.is_table else 'jsonl'}"
    )
    with ExitStack() as stack:
        results = stack.enter_context(whole_file(plan.results)) if plan.results else None
        failed: IO[bytes] | None = None
        for row in run.results():
            if results:
                results.write(_result_line(row))
            if row.failed:
                if failed is None:
                    failed = stack.enter_context(_created(failed_path))
                    failed.write(_header_line(source, plan))
                line = _input_line(row.row)
                failed.write(line)
                if not line:
                    left_out += 1
                    _tell_left_out(row.row, left_out)
                failures += [row] if len(failures) < _REASONS_SHOWN else []
    if left_out > _REASONS_SHOWN:
        say(f"{left_out - _REASONS_SHOWN} more rows are too large likewise")
    if failed:
        again = "; ".join(_options_again(plan.reading))
        say(f"failed rows, to be corrected and sent{again and f' ({again})'}: {failed_path}")
    return failures


def _tell_left_out(row: Row, count: int) -> None:
    if count <= _REASONS_SHOWN:
        say(f"row {row.number} is too large to be held: it is not in the file of failed rows; mend it in its own file")


def _options_again(reading: Reading) -> Iterator[str]:
    """Options by which the file of failed rows is read otherwise than theirs."""
    if reading.encoding is not None:
        yield "without --encoding: it is UTF-8"
    if reading.sheet is not None:
        yield "without --sheet: it is CSV"
    if reading.key_suffix is not None:
        yield f"with --key-suffix={reading.key_suffix} again: they are as they were in the file"


def _created(path: Path) -> AbstractContextManager[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return whole_file(path)


def _result_line(row: RowOutcome) -> bytes:
    outcome = row.outcome
    return (
        to_json(
            {
                "row": row.row.number,
                "id": row.id,
                "outcome": outcome.outcome if outcome else None,
                "errors": outcome.errors if outcome else [],
                "existing": outcome.existing if outcome else None,
            }
        )
        + b"\n"
    )


def _header_line(source: Source, plan: Plan) -> bytes:
    """The beginning of the file of failed rows: with a mark, where another encoding may be said of it again."""
    mark = b"" if plan.reading.encoding is None else BOM_UTF8
    return mark + (header_of(source, kind=plan.kind) + b"\n" if source.is_table else b"")


def _input_line(row: Row) -> bytes:
    """The row as `ingest` reads it again; empty where the whole of it is not there."""
    if row.record is None and row.raw_bytes is not None:
        return b""
    if row.record is not None:
        return row.record and row.record + b"\n"
    if row.raw or (row.kind != "credit" and row.idempotency_key is None):
        return row.text.replace("\n", " ").encode() + b"\n"
    key = b"" if row.idempotency_key is None else b'"idempotency_key":' + orjson.dumps(row.idempotency_key) + b","
    body = row.text.replace("\n", " ").encode()
    return b'{"kind":"' + row.kind.encode() + b'",' + key + b'"body":' + body + b"}\n"


def _report(summary: Summary, failures: list[RowOutcome], *, as_json: bool) -> None:
    if as_json:
        emit_json(asdict(summary))
        return
    emit_table([name for name in asdict(summary) if name != "batch_id"], [asdict(summary)], title="outcomes")
    say(f"batch {summary.batch_id}: {summary.rows / max(summary.seconds, 0.001):,.0f} rows/s")
    if failures:
        emit_table(["row", "outcome", "problem"], map(_problem, failures), title="the first rows that failed")


def _problem(row: RowOutcome) -> dict[str, Any]:
    outcome = row.outcome
    if outcome is None:
        return {"row": row.row.number, "outcome": "none", "problem": "no outcome yet"}
    values = RowValues(row.row)
    told = "; ".join(
        f"{error['path']} {values.with_value(error['path'], error['message'])}" for error in outcome.errors
    )
    if outcome.outcome == "duplicate" and outcome.existing:
        told = f"its uniqueness_key belongs to {outcome.existing['id']}, with other content"
    return {"row": row.row.number, "outcome": outcome.outcome, "problem": told or outcome.reason}
