"""Checks of events: each has its place in the feed, one after the other, and goes to whoever asks for it."""

from trueup.store.reconciliation.check import OVERDUE_MINUTES, Check, chosen, is_late
from trueup.store.webhooks.standing import NEGLECTED_SINCE, NEXT_DUE

CHECKS = (
    Check(
        "event_without_place",
        f"""
        SELECT o.account_id || ': ' || o.seq AS subject, 'a place in the feed' AS expected,
               'none since ' || o.created_at || ': ' || o.event AS found
          FROM outbox AS o
         WHERE o.last_position IS NULL AND o.created_at < now() - make_interval(mins => {OVERDUE_MINUTES})
           AND {chosen("o")}
        """,
    ),
    Check(
        "places_of_feed",
        f"""
        SELECT p.account_id AS subject, 'an event at ' || p.due AS expected, 'the next one is at ' || p.found AS found
          FROM (SELECT o.account_id, o.first_position AS found,
                       coalesce(lag(o.last_position) OVER (PARTITION BY o.account_id ORDER BY o.last_position),
                                f.trimmed_through) + 1 AS due
                  FROM outbox AS o JOIN feed AS f ON f.account_id = o.account_id
                 WHERE o.last_position IS NOT NULL AND {chosen("o")}
                 UNION ALL
                SELECT f.account_id, f.last_position + 1,
                       coalesce((SELECT max(o.last_position) FROM outbox AS o WHERE o.account_id = f.account_id),
                                f.trimmed_through) + 1
                  FROM feed AS f WHERE {chosen("f")}) AS p
         WHERE p.found <> p.due
        """,
    ),
    Check(
        "webhook_overdue",
        f"""
        SELECT e.account_id || ': ' || e.id AS subject, 'an attempt' AS expected,
               'something is due, and nothing was tried since ' || {NEGLECTED_SINCE} AS found
          FROM webhook_endpoint AS e {NEXT_DUE}
         WHERE e.state = 'enabled' AND {is_late(NEGLECTED_SINCE)} AND {chosen("e")}
        """,
    ),
)
