"""Files of requests, and what became of each row."""

from shared.store.reconciliation.check import Check, chosen


def _batches(name: str, comparison: str) -> Check:
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
         WHERE {chosen("b")} AND commits.n + lines.n + outcomes.n {comparison} b.rows
        """,
    )


CHECKS = (
    _batches("batch_undecided", "<"),
    _batches("batch_outcomes", ">"),
)
