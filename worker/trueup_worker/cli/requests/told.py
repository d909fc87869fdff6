"""Outcomes as lists of the command tell them: all of one in JSON, the first thing that is wrong in a table."""

from dataclasses import asdict

from trueup.ids import row_of
from trueup.wire.outcome import Outcome
from trueup_worker.cli.terminal.output import Record

COLUMNS = (
    "outcome",
    "field",
    "problem",
    "customer",
    "uniqueness_key",
    "first_decided_at",
    "decided_at",
    "request_id",
    "batch_id",
)
COLUMNS_OF_ROWS = ("row", "outcome", "field", "problem", "decided_at", "request_id")


def as_row(outcome: Outcome) -> Record:
    """A row of a batch, with its number."""
    return {"row": row_of(outcome.request_id)} | asdict(outcome)


def with_first_problem(record: Record) -> Record:
    """The same, and what is wrong in two cells."""
    first: Record = next(iter(record["errors"]), {})
    rest = len(record["errors"]) + record["more"] - 1
    said = first.get("message") or record["reason"] or _existing(record)
    return record | {"field": first.get("path"), "problem": f"{said} (and {rest} more)" if rest > 0 else said}


def _existing(record: Record) -> str | None:
    existing = record["existing"]
    return existing and f"{existing['id']} is there already"
