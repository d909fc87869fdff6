"""Starts and ends of segments that a change moves to where an account's time was judged for good."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.alerts.timed import DETAIL
from trueup.store.commits.changes import Segment
from trueup.store.postgres.driver_statement import uuid_array

# Later ones are told by the judgement of their time. The row is written, so that no judgement that looked before this
# transaction has ended settles more: it begins anew.
_TELL = text(f"""
    WITH moved AS MATERIALIZED (
        SELECT kind.event, kind.at, kind.was, s.id AS segment_id, s.starting_at, s.ending_before, s.amount,
               c.id AS commit_id, c.type, c.customer_id
          FROM unnest(CAST(:ids AS uuid[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
                 AS was (id, starting_at, ending_before)
          JOIN segment AS s ON s.account_id = :account_id AND s.commit_id = :commit_id AND s.id = was.id
          JOIN commit AS c ON c.account_id = :account_id AND c.id = :commit_id
          JOIN account AS a ON a.id = :account_id
         CROSS JOIN LATERAL (VALUES ('segment.start', s.starting_at, was.starting_at),
                                    ('segment.end', s.ending_before, was.ending_before)) AS kind (event, at, was)
         WHERE kind.at < kind.was AND kind.at <= coalesce(a.clock_at, now()) AND kind.at > s.granted_at
           AND s.amount > 0 AND s.ending_before > s.starting_at AND c.archived_at IS NULL
    ), touched AS (
        UPDATE alert_clock SET settled_to = settled_to
         WHERE account_id = :account_id AND EXISTS (SELECT FROM moved) RETURNING settled_to
    )
    INSERT INTO outbox (account_id, event, subject_ids, detail)
    SELECT :account_id, CASE type WHEN 'CREDIT' THEN 'credit.' ELSE 'commit.' END || event, ARRAY[commit_id], {DETAIL}
      FROM moved JOIN touched ON at <= settled_to AND was > settled_to
     ORDER BY at, segment_id
""")


def tell_moved(connection: Connection, account_id: int, commit_id: UUID, before: Sequence[Segment]) -> None:
    """Tell of starts and ends that have come by a change: their time, which was to come, lies in what is judged.

    Args:
        connection: the transaction that changed the commit.
        account_id: whose.
        commit_id: the commit.
        before: its segments as they were.
    """
    given = {
        "ids": uuid_array(str(each.id) for each in before),
        "starts": [each.starting_at for each in before],
        "ends": [each.ending_before for each in before],
    }
    connection.execute(_TELL, {"account_id": account_id, "commit_id": commit_id} | given)
