"""Outcomes: a commit, or a usage line, is its request's outcome `created`; outcome rows tell the rest."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from trueup.store.postgres.index_lookup import lacks, row_of
from trueup.store.requests.standing_outcomes import STANDS, bound
from trueup.wire.outcome import VERDICTS, Outcome, Verdict

_COMMITS = f"""
      FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
      JOIN LATERAL {row_of("commit", "id", "wanted.id")} AS c ON c.id = wanted.id
"""

_CREATED = text(f"SELECT c.id, c.attempt, c.booked_at, c.batch_id {_COMMITS}")

_OF_REQUESTS = text(f"""
    SELECT c.id AS request_id, 'created' AS outcome, c.attempt, c.booked_at AS decided_at, '[]'::jsonb AS errors,
           0 AS more, NULL::jsonb AS existing, NULL AS reason, c.batch_id {_COMMITS}
    UNION ALL
    SELECT l.request_id, 'created', l.attempt, l.booked_at, '[]'::jsonb, 0, NULL::jsonb, NULL, l.batch_id
      FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
      JOIN LATERAL {row_of("usage_line", "request_id", "wanted.id")} AS l ON l.request_id = wanted.id
    UNION ALL
    SELECT o.request_id, o.outcome, o.attempt, o.decided_at, o.errors, o.more, o.existing, o.reason, o.batch_id
      FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
      JOIN LATERAL {row_of("outcome", "request_id", "wanted.id")} AS o ON o.request_id = wanted.id
     WHERE {lacks("commit", "id", "wanted.id")}
       AND {lacks("usage_line", "request_id", "wanted.id")}
""")


def _counts_of_batch(which: str) -> TextClause:
    return text(f"""
    SELECT 'created' AS outcome, count(*) AS n
      FROM commit WHERE account_id = :account_id AND batch_id = :batch_id
    UNION ALL
    SELECT 'created', count(*) FROM usage_line WHERE account_id = :account_id AND batch_id = :batch_id
    UNION ALL
    SELECT outcome, count(*)
      FROM outcome AS o WHERE account_id = :account_id AND batch_id = :batch_id
       AND {which}
       AND {lacks("commit", "id", "o.request_id")}
       AND {lacks("usage_line", "request_id", "o.request_id")}
     GROUP BY outcome
""")


_COUNTS_OF_BATCH, _STANDING_COUNTS_OF_BATCH = _counts_of_batch("true"), _counts_of_batch(STANDS)

_MADE_BY_BATCH = text("""
    SELECT (SELECT count(*) FROM commit WHERE account_id = :account_id AND batch_id = :batch_id)
         + (SELECT count(*) FROM usage_line WHERE account_id = :account_id AND batch_id = :batch_id)
""")

_CREATED_OF_BATCH = text("""
    SELECT id FROM commit WHERE account_id = :account_id AND batch_id = :batch_id
    UNION ALL
    SELECT request_id FROM usage_line WHERE account_id = :account_id AND batch_id = :batch_id
""")

_STANDING_OF_BATCH = text(f"""
    SELECT request_id FROM outcome AS o WHERE account_id = :account_id AND batch_id = :batch_id AND {STANDS}
""")

_DRIVER = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_CREATED_IN_LOOP, _OF_REQUESTS_IN_LOOP = (str(each.compile(dialect=_DRIVER)) for each in (_CREATED, _OF_REQUESTS))


def read_outcomes(connection: Connection, account_id: int, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
    """The outcomes of those of `ids` that have one."""
    rows = connection.execute(_OF_REQUESTS, {"account_id": account_id, "ids": list(ids)})
    return {row.request_id: outcome_of_row(row) for row in rows}


async def read_outcomes_in_loop(cursor: "AsyncCursor[Any]", account_id: int, ids: Collection[str]) -> list[Outcome]:
    """As `read_outcomes`, in an event loop; most are commits, so that it looks for these alone first.

    Args:
        cursor: one that is kept: a new one would learn the types of all that it sends and reads anew.
        account_id: whose.
        ids: as texts.
    """
    rows = await _fetched(cursor, _CREATED_IN_LOOP, account_id, ids)
    found = [
        Outcome(request_id, "created", attempt, booked_at, batch_id=batch_id)
        for request_id, attempt, booked_at, batch_id in rows
    ]
    if len(found) < len(ids):
        missing = set(ids) - {str(each.request_id) for each in found}
        found += [
            Outcome(request_id, outcome, attempt, decided_at, tuple(errors), *rest)
            for request_id, outcome, attempt, decided_at, errors, *rest in await _fetched(
                cursor, _OF_REQUESTS_IN_LOOP, account_id, missing
            )
        ]
    return found


async def _fetched(cursor: "AsyncCursor[Any]", statement: str, account_id: int, ids: Collection[str]) -> list[Any]:
    array = f"{{{','.join(ids)}}}"  # in a tenth of the time that the driver takes to write a list
    await cursor.execute(statement, {"account_id": account_id, "ids": array}, prepare=True)
    return await cursor.fetchall()


def count_outcomes(
    connection: Connection, account_id: int, batch_id: UUID, *, anew_before: datetime | None = None
) -> dict[Verdict, int]:
    """Number of a batch's requests by outcome; every verdict is a key.

    Args:
        anew_before: leaves out what a message with this instant has judged anew (`standing_outcomes`).
    """
    counts = dict.fromkeys(VERDICTS, 0)
    which = {"account_id": account_id, "batch_id": batch_id}
    if anew_before is None:
        found = connection.execute(_COUNTS_OF_BATCH, which)
    else:
        found = connection.execute(_STANDING_COUNTS_OF_BATCH, which | {"anew_before": bound(anew_before)})
    for verdict, n in found:
        counts[verdict] += n
    return counts


def count_made(connection: Connection, account_id: int, batch_id: UUID) -> int:
    """Number of commits, or usage lines, that a batch made."""
    which = {"account_id": account_id, "batch_id": batch_id}
    return int(connection.execute(_MADE_BY_BATCH, which).scalar_one())


def created_ids(connection: Connection, account_id: int, batch_id: UUID) -> Iterator[UUID]:
    """The ids of the requests of a batch that became commits, or usage lines, streamed."""
    return _streamed(connection, _CREATED_OF_BATCH, {"account_id": account_id, "batch_id": batch_id})


def standing_ids(connection: Connection, account_id: int, batch_id: UUID, *, anew_before: datetime) -> Iterator[UUID]:
    """The ids of a batch's requests with another outcome that a message with this instant repeats, streamed."""
    which = {"account_id": account_id, "batch_id": batch_id, "anew_before": bound(anew_before)}
    return _streamed(connection, _STANDING_OF_BATCH, which)


def _streamed(connection: Connection, statement: TextClause, parameters: dict[str, Any]) -> Iterator[UUID]:
    return iter(connection.scalars(statement.execution_options(stream_results=True, yield_per=10_000), parameters))


def outcome_of_row(row: Any) -> Outcome:
    """An outcome of a row with its members as columns."""
    return Outcome(
        request_id=row.request_id,
        outcome=row.outcome,
        attempt=row.attempt,
        decided_at=row.decided_at,
        errors=tuple(row.errors),
        more=row.more,
        existing=row.existing,
        reason=row.reason,
        batch_id=row.batch_id,
    )
