"""Accounts in which alerts may be due: a few probes of indexes for each, however many commits there are."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from trueup.limits import ALERTS_PAUSE_S, ALERTS_SETTLE_S, ALERTS_TURN_H, USAGE_GATHERED_S
from trueup.store.alerts.settings import DEFAULTS


def _reached(days: str) -> str:
    """Tell whether an offset of days before something lies in the stretch: a SELECT from `wait`."""
    return f"""EXISTS (SELECT FROM unnest({days}) AS wait (days) CROSS JOIN LATERAL (
        SELECT CAST(wait.days * 86400 AS double precision) AS secs) AS w CROSS JOIN LATERAL ({{found}}) AS f)"""


_ENDING = _reached(
    "coalesce((SELECT thresholds FROM alert_setting AS s WHERE s.account_id = a.id AND s.kind = 'expiring_days' "
    "AND s.commit_id IS NULL), CAST(:expiring AS numeric[])) || CAST(0 AS numeric)"
).format(
    found="""SELECT FROM segment WHERE account_id = a.id AND ending_before > granted_at
              AND ending_before > a.since + make_interval(secs => w.secs)
              AND ending_before <= a.present + make_interval(secs => w.secs) LIMIT 1"""
)
_UPCOMING = _reached(
    "coalesce((SELECT thresholds FROM alert_setting AS s WHERE s.account_id = a.id AND s.kind = 'upcoming_days' "
    "AND s.commit_id IS NULL), CAST(:upcoming AS numeric[]))"
).format(
    found="""SELECT FROM obligation WHERE account_id = a.id AND state = 'pending'
              AND due_at > a.since + make_interval(secs => w.secs)
              AND due_at <= a.present + make_interval(secs => w.secs) LIMIT 1"""
)

# What was judged a moment ago is looked at again only once it can be settled. In real time a stretch ends after a
# while, though nothing fell due: what lies in it for other reasons is not passed over again and again.
_ACCOUNTS = text(f"""
    SELECT a.id
      FROM (SELECT account.id, coalesce(clock_at, now()) AS present,
                   CASE WHEN coalesce(k.told_at, k.judged_at) > now() - make_interval(secs => :settle_s)
                        THEN coalesce(k.told_to, k.judged_to) ELSE k.settled_to END AS since,
                   k.account_id IS NULL OR clock_at IS NULL
                     AND coalesce(k.told_at, k.judged_at) < now() - make_interval(hours => :turn_h) AS has_turn
              FROM account LEFT JOIN alert_clock AS k ON k.account_id = account.id) AS a
     WHERE a.has_turn
        OR a.present > a.since
           AND (EXISTS (SELECT FROM segment WHERE account_id = a.id AND starting_at > granted_at
                          AND starting_at > a.since AND starting_at <= a.present LIMIT 1)
                OR {_ENDING} OR {_UPCOMING})
        OR EXISTS (SELECT FROM (SELECT booked_at FROM usage_arrival WHERE account_id = a.id ORDER BY seq LIMIT 1) AS u
                    WHERE u.booked_at <= now() - make_interval(secs => :gathered_s))
        OR EXISTS (SELECT FROM balance_watch WHERE account_id = a.id AND due_at <= now() LIMIT 1)
     ORDER BY a.since NULLS FIRST, a.id LIMIT :accounts_max
""")


def accounts_to_alert(connection: Connection, *, accounts_max: int) -> Sequence[int]:
    """Accounts in which something may have to be told, the one that was judged longest ago first."""
    given = {
        "expiring": list(DEFAULTS["expiring_days"]),
        "upcoming": list(DEFAULTS["upcoming_days"]),
        "settle_s": ALERTS_SETTLE_S + ALERTS_PAUSE_S,
        "turn_h": ALERTS_TURN_H,
        "gathered_s": USAGE_GATHERED_S,
        "accounts_max": accounts_max,
    }
    return connection.scalars(_ACCOUNTS, given).all()
