"""Verdicts on the rows of a file, and how they are told."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import USD_IN_CENTS, Unit
from trueup.errors import ExitCode
from trueup.ids import new_id_text
from trueup.limits import ENVELOPE_REQUESTS_MAX, PROBLEMS_MAX
from trueup.producer.files.key_suffix import with_suffix
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.preview import MappedField
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.reading import Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import mapped_rows, rows, scan
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.problems import Problem, outcome_of
from trueup.wire.request.raw import raw_problem
from trueup.wire.request.read import read_body
from trueup_worker.cli.requests.found_value import RowValues
from trueup_worker.cli.requests.totals import Totals
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.output import Record, as_text, emit, emit_table, say, to_json

Judge = Callable[[Sequence[QueuedRequest]], Mapping[str, list[Problem]]]  # the problems of those that have some, by id
Judged = tuple[Row, Record]


@dataclass(frozen=True, slots=True)
class Judges:
    """Judges of a file's rows.

    Attributes:
        judge: judges requests.
        look_up: finds the records that a mapping asks for.
        units: tells the units by id.
    """

    judge: Judge
    look_up: Callable[[Collection[Wanted]], Lookups]
    units: Callable[[], Mapping[str, Unit]]


_TOLD_ROWS = 50  # to people; --json tells them all
_ROWS_SHOWN = 3
_TOTALS = ["type", "unit", "rows", "amount", "invoices"]


def judge_bodies_alone() -> Judges:
    """Judges that ask no database: what requests refer to is taken to be there."""
    return Judges(_judge_bodies, _look_up_nothing, lambda: {USD_CENTS: USD_IN_CENTS})


def _judge_bodies(requests: Sequence[QueuedRequest]) -> dict[str, list[Problem]]:
    return {request.id: found for request in requests if (found := _problems(request))}


def _look_up_nothing(wanted: Collection[Wanted]) -> Lookups:
    if wanted:
        raise CommandError("the mapping looks records up, which --offline cannot: leave --offline out")
    return NOTHING_LOOKED_UP


def _problems(request: QueuedRequest) -> list[Problem]:
    if problem := raw_problem(request):
        return [problem]
    read = read_body(request.text, request.kind)
    return read if isinstance(read, list) else []


def judge_files(
    files: Sequence[str | Path], judges: Judges, *, kind: Kind, reading: Reading, as_json: bool
) -> ExitCode:
    """Judge and print every row; `ROWS_FAILED` when some are not valid.

    With a mapping people see the first rows before and after, and the totals by type and unit.
    """
    counts: Counter[str] = Counter()
    totals = Totals() if reading.mapping is not None and not as_json else None
    for file in files:
        with open_source(file, reading=reading) as source:
            scanned = scan(source, kind=kind, warn=say)
            lookups = judges.look_up(scanned.wanted)
            if totals:
                _emit_first_rows(mapped_rows(source, kind=kind, lookups=lookups), source.name)
            found = rows(source, kind=kind, scanned=scanned, lookups=lookups)
            verdicts = _verdicts(found, judges.judge, totals, suffix=reading.key_suffix)
            _emit_lines(verdicts, counts) if as_json else _emit_failed(source.name, verdicts, counts)
    if totals:
        sums = totals.records(judges.units())
        columns = _TOTALS + ["recurring"] * any("recurring" in each for each in sums)
        emit_table(columns, sums, title="what would be sent", nothing=None)
    say(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return ExitCode.OK if counts.total() == counts["valid"] else ExitCode.ROWS_FAILED


def _emit_first_rows(mapped: Iterator[tuple[int, list[MappedField]]], name: str) -> None:
    for number, fields in islice(mapped, _ROWS_SHOWN):
        told = [each._asdict() | {"after": _after(each)} for each in fields]
        emit_table(("field", "before", "after"), told, title=f"{name}, row {number}")


def _after(mapped: MappedField) -> str:
    return mapped.after if mapped.meaning is None else f"{mapped.after} = {as_text(mapped.meaning)}"


def _verdicts(stream: Iterator[Row], judge: Judge, totals: Totals | None, *, suffix: str | None) -> Iterator[Judged]:
    """A verdict per row, in the file's order, with flat memory."""
    while chunk := list(islice(stream, ENVELOPE_REQUESTS_MAX)):
        requests = [row.request(new_id_text()) for row in chunk]
        if suffix is not None:
            requests = [with_suffix(request, suffix) for request in requests]
        problems = judge(requests)
        if totals:
            totals.add(row for row, request in zip(chunk, requests, strict=True) if request.id not in problems)
        for row, request in zip(chunk, requests, strict=True):
            yield row, _verdict(row, problems.get(request.id, []))


def _verdict(row: Row, problems: list[Problem]) -> Record:
    errors = [asdict(problem) for problem in problems[:PROBLEMS_MAX]]
    verdict = {"row": row.number, "outcome": outcome_of(problems) if problems else "valid", "errors": errors}
    return verdict | ({"more": len(problems) - PROBLEMS_MAX} if len(problems) > PROBLEMS_MAX else {})


def _emit_lines(verdicts: Iterator[Judged], counts: Counter[str]) -> None:
    while chunk := list(islice(verdicts, ENVELOPE_REQUESTS_MAX)):
        counts.update(verdict["outcome"] for _, verdict in chunk)
        emit(b"".join(to_json(verdict) + b"\n" for _, verdict in chunk))


def _emit_failed(name: str, verdicts: Iterator[Judged], counts: Counter[str]) -> None:
    told: list[Record] = []
    for row, verdict in verdicts:
        counts[verdict["outcome"]] += 1
        if len(told) <= _TOLD_ROWS and verdict["errors"]:
            values = RowValues(row)
            told += [
                verdict | error | {"message": values.with_value(error["path"], error["message"])}
                for error in verdict["errors"]
            ]
    if told:
        emit_table(("row", "outcome", "path", "code", "message"), told[:_TOLD_ROWS], title=name)
    if len(told) > _TOLD_ROWS:
        say(f"the first {_TOLD_ROWS} problems of {name}: --json tells them all")
