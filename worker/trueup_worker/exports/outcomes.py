"""Outcomes of requests: those that made something, then all others, each by request id."""

from collections.abc import Iterator

from sqlalchemy import Connection

from trueup_worker.exports.export import Export, Row, Span, selected

_COMMITS = selected("""
    SELECT c.id, CASE c.type WHEN 'CREDIT' THEN 'credit' ELSE 'commit' END, 'created', c.booked_at, c.attempt,
           c.batch_id, CAST(c.customer_id AS text), c.uniqueness_key, NULL, NULL, NULL, NULL
      FROM commit AS c
     WHERE c.account_id = :account_id AND c.booked_at >= :since AND c.booked_at < :until ORDER BY c.id
""")
_USAGE = selected("""
    SELECT l.request_id, 'usage', 'created', l.booked_at, l.attempt, l.batch_id, CAST(l.customer_id AS text),
           l.transaction_id, NULL, NULL, NULL, NULL
      FROM usage_line AS l
     WHERE l.account_id = :account_id AND l.booked_at >= :since AND l.booked_at < :until ORDER BY l.request_id
""")
_OTHERS = selected("""
    SELECT o.request_id, NULL, o.outcome, o.decided_at, o.attempt, o.batch_id, o.customer, o.uniqueness_key,
           o.first_decided_at, o.existing, o.reason, o.errors
      FROM outcome AS o
     WHERE o.account_id = :account_id AND o.decided_at >= :since AND o.decided_at < :until
       AND NOT EXISTS (SELECT FROM commit AS c WHERE c.account_id = o.account_id AND c.id = o.request_id)
       AND NOT EXISTS (SELECT FROM usage_line AS l WHERE l.account_id = o.account_id AND l.request_id = o.request_id)
     ORDER BY o.request_id
""")


def _rows(connection: Connection, account_id: int, span: Span) -> Iterator[Row]:
    for part in (_COMMITS, _USAGE, _OTHERS):
        yield from part(connection, account_id, span)


OUTCOMES = Export(
    name="outcomes",
    about="a request, and what became of it",
    dated="decided_at",
    columns={
        "request_id": "of the request; what it made has the same id, but for usage",
        "kind": "commit, credit or usage; empty: it made none",
        "outcome": "created, duplicate, invalid, not_found or parked",
        "decided_at": "in real time",
        "attempt": "the delivery that decided it, from 1",
        "batch_id": "the batch that it came with",
        "customer": "as the request names it",
        "uniqueness_key": "as the request gives it; of usage its transaction id",
        "first_decided_at": "in real time; empty: it was decided once",
        "existing": "what was there already, as JSON",
        "reason": "why it is parked",
        "errors": "what is wrong with it, as JSON",
    },
    rows=_rows,
)
