"""Events of time: segments that begin, end or are about to end, and invoices that are about to be issued.

Each kind is a range of one index. Of several offsets that were missed only the nearest is told, and nothing of an
offset before an instant that has passed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

import orjson
from sqlalchemy import Connection, TextClause, text

from trueup.store.alerts.progress import Stretch
from trueup.store.alerts.settings import AlertKind
from trueup.store.invoices.drafts import Draft, read_drafts, select_drafts
from trueup.store.postgres.rows import fetch_all

SegmentKind = Literal["start", "end", "expiring"]
UpcomingKind = Literal["SCHEDULED", "TRUE_UP"]

DETAIL = """jsonb_build_object(
    'segment_id', segment_id, 'customer_id', customer_id, 'starting_at', starting_at, 'ending_before', ending_before,
    'amount', CAST(trim_scale(amount) AS text))"""
"""SQL of the facts of a segment's events."""

_DAYS = "make_interval(secs => CAST(wait.days * 86400 AS double precision))"

# No column, so that what was told is found by its subject: by the instant, all that fell due with it would be read.
_IS_AT = "t.fell_at + interval '0'"


def _window(column: str) -> str:
    """Range of a column in which `wait.days` before it is the nearest offset that has been reached."""
    return (
        f"{column} > greatest(:since + {_DAYS}, "
        "CAST(:present AS timestamptz) + make_interval(secs => CAST(wait.nearer * 86400 AS double precision))) "
        f"AND {column} <= CAST(:present AS timestamptz) + {_DAYS}"
    )


_WAITS = """
    SELECT days, coalesce(lag(days) OVER (ORDER BY days), 0) AS nearer FROM unnest(CAST(:days AS numeric[])) AS o (days)
"""


def _tell_segments(kind: SegmentKind, event: str, column: str) -> TextClause:
    exactly = f"s.{column} > :since AND s.{column} <= :present"
    ahead = kind == "expiring"
    offset = "jsonb_build_object('offset_days', trim_scale(days))" if ahead else "'{}'"
    since = "greatest(s.granted_at, s.starting_at)" if ahead else "s.granted_at"
    return text(f"""
    WITH wait AS ({_WAITS}), found AS MATERIALIZED (
        SELECT c.id AS commit_id, c.type, c.customer_id, s.*
          FROM wait CROSS JOIN LATERAL (
            SELECT s.commit_id AS of_commit, s.id AS segment_id, s.starting_at, s.ending_before, s.amount, wait.days,
                   s.{column} - {_DAYS} AS fell_at
              FROM segment AS s JOIN commit AS c ON c.account_id = s.account_id AND c.id = s.commit_id
             WHERE s.account_id = :account_id AND s.{column} > s.granted_at
               AND {_window("s." + column) if ahead else exactly}
               AND s.{column} - {_DAYS} > {since}
               AND s.amount > 0 AND s.ending_before > s.starting_at AND c.archived_at IS NULL
               AND NOT EXISTS (SELECT FROM alert_told AS t
                                WHERE t.account_id = s.account_id AND t.kind = '{kind}' AND t.subject_id = s.id
                                  AND {_IS_AT} = s.{column} - {_DAYS} OFFSET 0)
             ORDER BY s.{column} LIMIT :rows_max) AS s
          JOIN commit AS c ON c.account_id = :account_id AND c.id = s.of_commit
         ORDER BY s.fell_at LIMIT :rows_max
    ), told AS (
        INSERT INTO alert_told (account_id, kind, subject_id, fell_at)
        SELECT :account_id, '{kind}', segment_id, fell_at FROM found
    ), announced AS (
        INSERT INTO outbox (account_id, event, subject_ids, detail)
        SELECT :account_id, CASE type WHEN 'CREDIT' THEN 'credit.' ELSE 'commit.' END || '{event}', ARRAY[commit_id],
               {offset} || {DETAIL}
          FROM found ORDER BY fell_at, commit_id, segment_id
    )
    SELECT count(*) FROM found
    """)


_TELL_SEGMENTS = {
    "start": _tell_segments("start", "segment.start", "starting_at"),
    "end": _tell_segments("end", "segment.end", "ending_before"),
    "expiring": _tell_segments("expiring", "expiring", "ending_before"),
}

_TAKE_UPCOMING = text(f"""
    WITH wait AS ({_WAITS}), found AS MATERIALIZED (
        SELECT o.* FROM wait CROSS JOIN LATERAL (
            SELECT o.id, o.due_at - {_DAYS} AS fell_at, wait.days
              FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
             WHERE o.account_id = :account_id AND o.state = 'pending' AND o.kind = :kind AND {_window("o.due_at")}
               AND o.suppressed_by IS NULL AND o.due_at - {_DAYS} > c.created_at AND c.archived_at IS NULL
               AND NOT EXISTS (SELECT FROM alert_told AS t
                                WHERE t.account_id = o.account_id AND t.kind = 'upcoming' AND t.subject_id = o.id
                                  AND {_IS_AT} = o.due_at - {_DAYS} OFFSET 0)
             ORDER BY o.due_at LIMIT :rows_max) AS o
         ORDER BY o.fell_at LIMIT :rows_max
    ), told AS (
        INSERT INTO alert_told (account_id, kind, subject_id, fell_at)
        SELECT :account_id, 'upcoming', id, fell_at FROM found
    )
    SELECT id, days FROM found ORDER BY fell_at, id
""")
_DRAFTS = select_drafts("""
    SELECT o.*, taken.turn FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS taken (id, turn)
      JOIN obligation AS o ON o.account_id = :account_id AND o.id = taken.id
""")
_ANNOUNCE = text("""
    INSERT INTO outbox (account_id, event, subject_ids, detail)
    SELECT :account_id, 'invoice.upcoming', ARRAY[CAST(told.detail ->> 'id' AS uuid)], told.detail - 'id'
      FROM jsonb_array_elements(CAST(:told AS jsonb)) WITH ORDINALITY AS told (detail, turn) ORDER BY turn
""")

_PRESENT = "coalesce(a.clock_at, now())"
_SINCE = "coalesce(k.settled_to, least(a.created_at, a.clock_at))"


def _pass_over(kind: str, column: str, rows: str) -> TextClause:
    """Note rows that are still to come, and less than an offset away, as told of that offset."""
    return text(f"""
    INSERT INTO alert_told (account_id, kind, subject_id, fell_at)
    SELECT a.id, '{kind}', s.id, s.{column} - {_DAYS}
      FROM account AS a LEFT JOIN alert_clock AS k ON k.account_id = a.id
     CROSS JOIN unnest(CAST(:days AS numeric[])) AS wait (days)
      JOIN {rows} AND s.{column} > greatest({_PRESENT}, {_SINCE} + {_DAYS}) AND s.{column} <= {_PRESENT} + {_DAYS}
     WHERE a.id = :account_id
    ON CONFLICT DO NOTHING
    """)


_PASS_OVER = {
    "expiring_days": _pass_over(
        "expiring", "ending_before", "segment AS s ON s.account_id = a.id AND s.ending_before > s.granted_at"
    ),
    "upcoming_days": _pass_over("upcoming", "due_at", "obligation AS s ON s.account_id = a.id AND s.state = 'pending'"),
}


@dataclass(frozen=True, slots=True)
class Upcoming:
    """An obligation that will be due within so many days."""

    id: UUID
    days: Decimal


def tell_segments(
    connection: Connection,
    account_id: int,
    kind: SegmentKind,
    stretch: Stretch,
    *,
    days: Sequence[Decimal] = (),
    rows_max: int,
) -> int:
    """Tell of segments, the earliest first; returns of how many: `rows_max` means that there may be more.

    Args:
        connection: the transaction that took the stretch.
        account_id: whose segments.
        kind: what time brings about.
        stretch: in which.
        days: of `expiring`: for how many days before the end.
        rows_max: that are told of at once.
    """
    offsets = list(days) if kind == "expiring" else [Decimal(0)]
    given = {"account_id": account_id, "since": stretch.since, "present": stretch.present}
    told: int = connection.scalar(_TELL_SEGMENTS[kind], given | {"days": offsets, "rows_max": rows_max}) or 0
    return told


def pass_over(connection: Connection, account_id: int, kind: AlertKind, days: Collection[Decimal]) -> None:
    """Have nothing told of instants of new offsets that have passed by now, on the account's clock.

    Args:
        connection: the transaction that sets them.
        account_id: whose alerts.
        kind: of which they are; nothing is passed over of a kind that is not of time.
        days: the offsets that were none before.
    """
    if days and kind in _PASS_OVER:
        connection.execute(_PASS_OVER[kind], {"account_id": account_id, "days": sorted(days)})


def take_upcoming(
    connection: Connection,
    account_id: int,
    kind: UpcomingKind,
    stretch: Stretch,
    *,
    days: Sequence[Decimal],
    rows_max: int,
) -> list[Upcoming]:
    """Note obligations of a kind as told of, up to `rows_max`; the caller tells of them in the same transaction."""
    given = {"account_id": account_id, "kind": kind, "since": stretch.since, "present": stretch.present}
    return fetch_all(connection, Upcoming, _TAKE_UPCOMING, given | {"days": list(days), "rows_max": rows_max})


def drafts_of_upcoming(
    connection: Connection, account_id: int, upcoming: Sequence[Upcoming], open_draws: dict[UUID, Decimal]
) -> list[Draft]:
    """Drafts of these obligations, as they stand; `open_draws` as for `read_drafts`."""
    return read_drafts(connection, account_id, _DRAFTS, {"ids": [each.id for each in upcoming]}, open_draws)


def announce_upcoming(connection: Connection, account_id: int, told: Sequence[dict[str, object]]) -> None:
    """Announce invoices that will be issued: what is true of each, with its `id`."""
    if told:
        connection.execute(_ANNOUNCE, {"account_id": account_id, "told": orjson.dumps(told).decode()})
