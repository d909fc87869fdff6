"""Accounts in which alerts may be due: a few probes of indexes for each that is to be looked at."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from trueup.limits import ALERTS_PAUSE_S, ALERTS_SETTLE_S, LOOKED_AT_AGAIN_H, USAGE_GATHERED_S
from trueup.store.accounts.next_looks import accounts_to_look_at
from trueup.store.alerts.settings import DEFAULTS


def _offsets(kind: str, *, default: str, zero: bool = False) -> str:
    """The offsets before something at which account `a` is told of it, in seconds."""
    own = (
        f"(SELECT thresholds FROM alert_setting AS s WHERE s.account_id = a.id AND s.kind = '{kind}' "
        "AND s.commit_id IS NULL)"
    )
    days = f"coalesce({own}, CAST(:{default} AS numeric[]))" + (" || CAST(0 AS numeric)" if zero else "")
    return f"(SELECT CAST(days * 86400 AS double precision) AS secs FROM unnest({days}) AS wait (days)) AS w"


_ENDING_OFFSETS = _offsets("expiring_days", default="expiring", zero=True)
_UPCOMING_OFFSETS = _offsets("upcoming_days", default="upcoming")
_ENDING = f"""EXISTS (SELECT FROM {_ENDING_OFFSETS} CROSS JOIN LATERAL (
    SELECT FROM segment WHERE account_id = a.id AND ending_before > granted_at
       AND ending_before > a.since + make_interval(secs => w.secs)
       AND ending_before <= a.present + make_interval(secs => w.secs) LIMIT 1) AS f)"""
_UPCOMING = f"""EXISTS (SELECT FROM {_UPCOMING_OFFSETS} CROSS JOIN LATERAL (
    SELECT FROM obligation WHERE account_id = a.id AND state = 'pending'
       AND due_at > a.since + make_interval(secs => w.secs)
       AND due_at <= a.present + make_interval(secs => w.secs) LIMIT 1) AS f)"""

# When something falls due though nothing changes: the next instant of each kind on the account's clock, and, where the
# last judgement is not settled, the time for that.
_COMES = f"""
    SELECT min(at) FILTER (WHERE a.is_live)
      FROM (
        (SELECT starting_at AS at FROM segment WHERE account_id = a.id AND starting_at > granted_at
            AND starting_at > a.present ORDER BY starting_at LIMIT 1)
         UNION ALL
        (SELECT f.at - make_interval(secs => w.secs) FROM {_ENDING_OFFSETS} CROSS JOIN LATERAL (
            SELECT ending_before AS at FROM segment WHERE account_id = a.id AND ending_before > granted_at
               AND ending_before > a.present + make_interval(secs => w.secs) ORDER BY ending_before LIMIT 1) AS f)
         UNION ALL
        (SELECT f.at - make_interval(secs => w.secs) FROM {_UPCOMING_OFFSETS} CROSS JOIN LATERAL (
            SELECT due_at AS at FROM obligation WHERE account_id = a.id AND state = 'pending'
               AND due_at > a.present + make_interval(secs => w.secs) ORDER BY due_at LIMIT 1) AS f)
      ) AS to_come
     UNION ALL
    SELECT a.settles_at WHERE a.settles_at > now()
"""


def _found_in(table: str, *, that: str = "true") -> str:
    """The accounts that have rows in `table`, one probe of its index for each, whatever the number of their rows."""
    return f"""
        SELECT min(account_id) AS id FROM {table} WHERE {that}
         UNION ALL
        SELECT (SELECT account_id FROM {table} WHERE account_id > found.id AND {that} ORDER BY account_id LIMIT 1)
          FROM found WHERE found.id IS NOT NULL
    """


# Each account's oldest usage, and its first customer to be judged: rows of one that fails hide nobody else's. What was
# judged a moment ago is looked at again only once it can be settled. Half of the places are for each of time and usage.
_ACCOUNTS = text(f"""
    WITH by_usage AS MATERIALIZED (
        SELECT account_id AS id, min(at) AS since
          FROM (
            (WITH RECURSIVE found AS ({_found_in("usage_arrival")})
             SELECT oldest.* FROM found CROSS JOIN LATERAL (
                SELECT account_id, booked_at + make_interval(secs => :gathered_s) AS at FROM usage_arrival
                 WHERE account_id = found.id ORDER BY seq LIMIT 1) AS oldest)
             UNION ALL
            (WITH RECURSIVE found AS ({_found_in("balance_watch", that="due_at IS NOT NULL")})
             SELECT first.* FROM found CROSS JOIN LATERAL (
                SELECT account_id, due_at FROM balance_watch
                 WHERE account_id = found.id AND due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS first)
          ) AS each (account_id, at)
         WHERE at <= now() GROUP BY account_id
    ), chosen AS MATERIALIZED (
        SELECT account.id, clock_at IS NULL AS is_live, coalesce(clock_at, now()) AS present,
               CASE WHEN coalesce(k.told_at, k.judged_at) > now() - make_interval(secs => :settle_s)
                    THEN coalesce(k.told_to, k.judged_to) ELSE k.settled_to END AS since,
               coalesce(k.told_at, k.judged_at) + make_interval(secs => :settle_s) AS settles_at
          FROM account LEFT JOIN alert_clock AS k ON k.account_id = account.id
         WHERE account.id = ANY(CAST(:ids AS integer[]))
    ), judged AS MATERIALIZED (
        SELECT a.*, a.since IS NULL
                 OR a.present > a.since
                    AND (EXISTS (SELECT FROM segment WHERE account_id = a.id AND starting_at > granted_at
                                   AND starting_at > a.since AND starting_at <= a.present LIMIT 1)
                         OR {_ENDING} OR {_UPCOMING}) AS is_due
          FROM chosen AS a
    ), noted AS (
        UPDATE next_look AS n SET alerts_at = found.at
          FROM (SELECT a.id, CASE WHEN a.is_due THEN least(now(), greatest(n.alerts_at, a.since, '2000-01-01Z'))
                                  ELSE least((SELECT min(at) FROM ({_COMES}) AS come (at)),
                                             now() + make_interval(hours => :again_h)) END AS at
                  FROM judged AS a JOIN next_look AS n ON n.account_id = a.id) AS found
         WHERE n.account_id = found.id AND n.alerts_at <> found.at
    )
    SELECT id FROM (
        SELECT id, row_number() OVER (ORDER BY since NULLS FIRST, id) AS nth FROM judged WHERE is_due
         UNION ALL
        SELECT id, row_number() OVER (ORDER BY since, id) FROM by_usage
    ) AS found
     GROUP BY id ORDER BY min(nth), id LIMIT :accounts_max
""")


def accounts_to_alert(connection: Connection, *, accounts_max: int) -> Sequence[int]:
    """Accounts in which something may have to be told: of those by time and by usage as many each."""
    given = {
        "ids": list(accounts_to_look_at(connection, "alerts")),
        "expiring": list(DEFAULTS["expiring_days"]),
        "upcoming": list(DEFAULTS["upcoming_days"]),
        "settle_s": ALERTS_SETTLE_S + ALERTS_PAUSE_S,
        "gathered_s": USAGE_GATHERED_S,
        "again_h": LOOKED_AT_AGAIN_H,
        "accounts_max": accounts_max,
    }
    return connection.scalars(_ACCOUNTS, given).all()
