"""An export: what it is called, its columns, and where its rows come from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, TextClause, text

from trueup.errors import NotFound, Refused
from trueup.limits import EXPORTED_ROWS_AT_ONCE
from trueup.store.postgres.plans import plan_afresh

Row = Sequence[Any]
Rows = Callable[[Connection, int, "Span"], Iterator[Row]]

# A page of rows may take its time where much has to be sorted first; nothing waits for a reader's snapshot.
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


class UnknownExport(NotFound):
    """No export has this name."""


class SpanRefused(Refused):
    """No time lies between these instants."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time, aware; without an end on a side, all that lies there.

    Raises:
        SpanRefused: it ends before it begins.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise SpanRefused(f"{self.since.isoformat()} is later than {self.until.isoformat()}")

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Both ends, far away where there is none."""
        return self.since or _EVER[0], self.until or _EVER[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Rows of one kind.

    Attributes:
        name: on the command line and in the address.
        about: what a row is.
        dated: which of its times `--since` and `--until` choose by.
        columns: what each is, in their order.
        rows: gives them, streamed, from a snapshot.
        left_out: tells what has no rows although it might, and why, in words.
    """

    name: str
    about: str
    dated: str
    columns: Mapping[str, str]
    rows: Rows
    left_out: Callable[[Connection, int, Span], Sequence[str]] = lambda _connection, _account_id, _span: ()


def selected(statement: str) -> Rows:
    """The rows of a statement with the parameters `account_id`, `since` and `until`, as they come."""
    prepared = text(statement)

    def rows(connection: Connection, account_id: int, span: Span) -> Iterator[Row]:
        since, until = span.bounds
        return streamed(connection, prepared, {"account_id": account_id, "since": since, "until": until})

    return rows


def streamed(connection: Connection, statement: TextClause, parameters: Mapping[str, object]) -> Iterator[Row]:
    """The rows of a statement by a cursor of the server, some thousand at a time."""
    connection.execute(_PATIENCE)
    plan_afresh(connection)
    streaming = statement.execution_options(stream_results=True, yield_per=EXPORTED_ROWS_AT_ONCE)
    with connection.execute(streaming, dict(parameters)) as rows:
        yield from rows
