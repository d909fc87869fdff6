"""Checks of received requests: nothing ends without an outcome.

Received are the rows of a batch and the requests of a kept envelope. The gateway's are among these: what it answers
with an outcome was stored before, and what it answers without one is kept.
"""

from trueup.store.reconciliation.check import OVERDUE_MINUTES, Check, chosen

_IS_DECIDED = """
    EXISTS (SELECT FROM commit WHERE account_id = p.account_id AND id = p.request_id)
    OR EXISTS (SELECT FROM usage_line WHERE account_id = p.account_id AND request_id = p.request_id)
    OR EXISTS (SELECT FROM outcome WHERE account_id = p.account_id AND request_id = p.request_id)
"""


def _batches(name: str, comparison: str, *, which: str = "true") -> Check:
    """Received = sum of outcomes; a created commit, or usage line, is its own outcome."""
    return Check(
        name,
        f"""
        SELECT b.id AS subject, b.rows || ' outcomes' AS expected, commits.n + lines.n + outcomes.n AS found
          FROM batch AS b
          CROSS JOIN LATERAL (
              SELECT count(*) AS n FROM commit WHERE account_id = b.account_id AND batch_id = b.id) AS commits
          CROSS JOIN LATERAL (
              SELECT count(*) AS n FROM usage_line WHERE account_id = b.account_id AND batch_id = b.id) AS lines
          CROSS JOIN LATERAL (
              SELECT count(*) AS n FROM outcome AS o WHERE o.account_id = b.account_id AND o.batch_id = b.id
                 AND NOT EXISTS (SELECT FROM commit WHERE account_id = o.account_id AND id = o.request_id)
                 AND NOT EXISTS (
                    SELECT FROM usage_line WHERE account_id = o.account_id AND request_id = o.request_id)) AS outcomes
         WHERE {chosen("b")} AND {which} AND commits.n + lines.n + outcomes.n {comparison} b.rows
        """,
    )


CHECKS = (
    _batches("batch_undecided", "<", which="b.closed_at IS NULL"),  # of one that was undone no more need come
    _batches("batch_outcomes", ">"),
    Check(
        "kept_undecided",
        f"""
        SELECT encode(k.digest, 'hex') AS subject, k.size || ' outcomes' AS expected,
               'an envelope that is kept since ' || k.accepted_at AS found
          FROM intake AS k
         WHERE k.accepted_at < now() - make_interval(mins => {OVERDUE_MINUTES}) AND {chosen("k")}
        """,
    ),
    Check(
        "parked_without_outcome",
        f"""
        SELECT p.request_id AS subject, 'an outcome' AS expected, 'none, but it is parked: ' || p.reason AS found
          FROM parked AS p
         WHERE p.request_id IS NOT NULL AND {chosen("p")} AND NOT ({_IS_DECIDED})
        """,
    ),
    Check(
        "parked_total",
        """
        SELECT a.id AS subject, coalesce(p.bytes, 0) || ' bytes parked' AS expected, coalesce(t.bytes, 0) AS found
          FROM account AS a
          LEFT JOIN parked_total AS t ON t.account_id = a.id
          LEFT JOIN (SELECT account_id, sum(octet_length(meta) + octet_length(requests)) AS bytes
                       FROM parked WHERE state = 'parked' GROUP BY account_id) AS p ON p.account_id = a.id
         WHERE (CAST(:account_id AS integer) IS NULL OR a.id = :account_id)
           AND coalesce(p.bytes, 0) <> coalesce(t.bytes, 0)
        """,
    ),
)
