"""What must always agree, as queries that return only what does not (spec 2.5, 3.2, 3.6).

There are no foreign keys between the rows that one statement writes: that they belong together is checked here.
Each query reads one snapshot, so that work going on meanwhile is never mistaken for a difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

OPENINGS = "('PREPAID_COMMIT_SEGMENT_START', 'CREDIT_SEGMENT_START', 'POSTPAID_COMMIT_INITIAL_BALANCE')"
DIFFERENCES_MAX = 1_000  # of one check that are listed
OVERDUE_MINUTES = 10  # the scheduler looks every second, and a full queue of a busy day is worked off sooner


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree, in words for people."""

    check: str
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query of `subject`, `expected` and `found` for every difference."""

    name: str
    sql: str


def _orphans(child: str, key: str, parent: str, *, where: str = "true") -> Check:
    """Every `child` must name a `parent` that exists."""
    return Check(
        f"{child}_without_{parent}",
        f"""
        SELECT c.{key} AS subject, 'a {parent} with this id' AS expected, 'none, but a {child} that names it' AS found
          FROM {child} AS c
         WHERE {where} AND (CAST(:account_id AS integer) IS NULL OR c.account_id = :account_id)
           AND NOT EXISTS (SELECT FROM {parent} AS p WHERE p.account_id = c.account_id AND p.id = c.{key})
        """,
    )


def _batches(name: str, comparison: str) -> Check:
    """Received = sum of outcomes; a created commit is its own outcome."""
    return Check(
        name,
        f"""
        SELECT b.id AS subject, b.rows || ' outcomes' AS expected, commits.n + outcomes.n AS found
          FROM batch AS b
          CROSS JOIN LATERAL (
              SELECT count(*) AS n FROM commit WHERE account_id = b.account_id AND batch_id = b.id) AS commits
          CROSS JOIN LATERAL (
              SELECT count(*) AS n FROM outcome AS o WHERE o.account_id = b.account_id AND o.batch_id = b.id
                 AND NOT EXISTS (SELECT FROM commit WHERE account_id = o.account_id AND id = o.request_id)) AS outcomes
         WHERE (CAST(:account_id AS integer) IS NULL OR b.account_id = :account_id)
           AND commits.n + outcomes.n {comparison} b.rows
        """,
    )


CHECKS = (
    _orphans("commit", "customer_id", "customer"),
    _orphans("commit", "product_id", "product"),
    _orphans("segment", "commit_id", "commit"),
    _orphans("obligation", "commit_id", "commit"),
    _orphans("ledger_entry", "commit_id", "commit"),
    _orphans("ledger_entry", "invoice_id", "invoice", where="c.invoice_id IS NOT NULL"),
    _orphans("invoice_line", "invoice_id", "invoice"),
    Check(
        "segments_of_commit",
        """
        SELECT c.id AS subject,
               CASE c.type WHEN 'POSTPAID' THEN '1 segment'
                    ELSE 'segments, numbered from 0 without a gap' END AS expected,
               coalesce(s.n, 0) || ', the last is ' || coalesce(s.last::text, 'none') AS found
          FROM commit AS c LEFT JOIN (
              SELECT account_id, commit_id, count(*) AS n, min(position) AS first, max(position) AS last
                FROM segment GROUP BY account_id, commit_id
          ) AS s ON s.account_id = c.account_id AND s.commit_id = c.id
         WHERE (CAST(:account_id AS integer) IS NULL OR c.account_id = :account_id)
           AND (s.n IS NULL OR s.first <> 0 OR s.last <> s.n - 1 OR c.type = 'POSTPAID' AND s.n <> 1)
        """,
    ),
    Check(
        "opening_of_segment",
        f"""
        SELECT s.id AS subject, '1 opening entry of ' || s.amount AS expected,
               coalesce(e.n, 0) || ' of ' || coalesce(e.amount, 0) AS found
          FROM segment AS s LEFT JOIN (
              SELECT account_id, commit_id, segment_id, count(*) AS n, sum(amount) AS amount
                FROM ledger_entry WHERE type IN {OPENINGS} GROUP BY account_id, commit_id, segment_id
          ) AS e ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
         WHERE (CAST(:account_id AS integer) IS NULL OR s.account_id = :account_id)
           AND (e.n IS DISTINCT FROM 1 OR e.amount <> s.amount)
        """,
    ),
    Check(
        "segment_of_entry",
        """
        SELECT e.id AS subject, 'a type and a segment of its commit, a ' || c.type AS expected,
               e.type || coalesce(' on segment ' || s.id, ' on a foreign segment') AS found
          FROM ledger_entry AS e
          JOIN commit AS c ON c.account_id = e.account_id AND c.id = e.commit_id
          LEFT JOIN segment AS s ON s.account_id = e.account_id AND s.commit_id = e.commit_id AND s.id = e.segment_id
         WHERE (CAST(:account_id AS integer) IS NULL OR e.account_id = :account_id)
           AND (s.id IS NULL OR NOT starts_with(e.type, c.type))
        """,
    ),
    # What was voided and made anew counts once: as the row that was there first.
    Check(
        "obligations_of_commit",
        """
        SELECT c.id AS subject,
               CASE WHEN c.invoice_unit_id IS NULL THEN 'no obligation' WHEN c.type = 'POSTPAID' THEN '1 true-up'
                    ELSE 'scheduled items, numbered from 0 without a gap' END AS expected,
               coalesce(o.n, 0) || ', ' || coalesce(o.true_ups, 0) || ' of them true-ups, the last is '
                   || coalesce(o.last::text, 'none') AS found
          FROM commit AS c LEFT JOIN (
              SELECT account_id, commit_id, count(*) AS n, min(position) AS first, max(position) AS last,
                     count(*) FILTER (WHERE kind = 'TRUE_UP') AS true_ups
                FROM obligation WHERE regenerated_from_id IS NULL GROUP BY account_id, commit_id
          ) AS o ON o.account_id = c.account_id AND o.commit_id = c.id
         WHERE (CAST(:account_id AS integer) IS NULL OR c.account_id = :account_id)
           AND CASE WHEN c.invoice_unit_id IS NULL THEN o.n IS NOT NULL
                    WHEN c.type = 'POSTPAID' THEN (o.n, o.true_ups) IS DISTINCT FROM (1, 1)
                    ELSE (o.first, o.last, o.true_ups) IS DISTINCT FROM (0, o.n - 1, 0) END
        """,
    ),
    # The last occurrence lies inside the window and the one after it would not; the times are those of the schedule.
    Check(
        "recurring_schedule",
        """
        SELECT r.id AS subject, 'every occurrence of ' || (r.schedule)::text AS expected,
               o.n || ' obligations over ' || o.amount AS found
          FROM (
              SELECT account_id, id, recurring_schedule AS schedule,
                     CAST(recurring_schedule ->> 'starting_at' AS timestamptz) AS anchor,
                     CAST(recurring_schedule ->> 'ending_before' AS timestamptz) AS ends,
                     make_interval(months => CASE recurring_schedule ->> 'frequency' WHEN 'MONTHLY' THEN 1
                         WHEN 'QUARTERLY' THEN 3 WHEN 'SEMI_ANNUAL' THEN 6 ELSE 12 END) AS period,
                     CAST(recurring_schedule ->> 'unit_price' AS numeric)
                         * CAST(recurring_schedule ->> 'quantity' AS numeric) AS charge
                FROM commit WHERE recurring_schedule IS NOT NULL
                 AND (CAST(:account_id AS integer) IS NULL OR account_id = :account_id)
          ) AS r CROSS JOIN LATERAL (
              SELECT count(*)::integer AS n, coalesce(sum(amount), 0) AS amount,
                     count(*) FILTER (WHERE scheduled_at = r.anchor + position * r.period) AS in_time
                FROM obligation
               WHERE account_id = r.account_id AND commit_id = r.id AND regenerated_from_id IS NULL
          ) AS o
         WHERE o.n = 0 OR o.in_time <> o.n OR r.anchor + (o.n - 1) * r.period >= r.ends
            OR r.anchor + o.n * r.period < r.ends
            OR o.amount <> CASE r.schedule ->> 'amount_distribution' WHEN 'EACH' THEN o.n * r.charge ELSE r.charge END
        """,
    ),
    Check(
        "invoice_of_obligation",
        """
        SELECT coalesce(o.id, i.id) AS subject,
               CASE o.state WHEN 'issued' THEN 'FINALIZED' WHEN 'voided' THEN 'VOID' ELSE 'none' END AS expected,
               coalesce(i.status, 'none') AS found
          FROM obligation AS o FULL JOIN (SELECT * FROM invoice WHERE type = 'SCHEDULED') AS i
            ON i.account_id = o.account_id AND i.id = o.id
         WHERE (CAST(:account_id AS integer) IS NULL OR coalesce(o.account_id, i.account_id) = :account_id)
           AND coalesce(i.status, 'none')
               <> CASE o.state WHEN 'issued' THEN 'FINALIZED' WHEN 'voided' THEN 'VOID' ELSE 'none' END
        """,
    ),
    Check(
        "lines_of_invoice",
        """
        SELECT i.id AS subject, 'lines that add up to ' || i.total AS expected, coalesce(l.total, 0) AS found
          FROM invoice AS i LEFT JOIN (
              SELECT account_id, invoice_id, sum(amount) AS total, bool_and(amount = quantity * unit_price) AS exact
                FROM invoice_line GROUP BY account_id, invoice_id
          ) AS l ON l.account_id = i.account_id AND l.invoice_id = i.id
         WHERE i.type = 'SCHEDULED' AND (CAST(:account_id AS integer) IS NULL OR i.account_id = :account_id)
           AND (l.total IS DISTINCT FROM i.total OR NOT l.exact)
        """,
    ),
    Check(
        "amount_of_item",
        """
        SELECT i.id AS subject, o.amount || ' for commit ' || o.commit_id AS expected,
               i.total || ' for commit ' || i.commit_id AS found
          FROM obligation AS o JOIN invoice AS i ON i.account_id = o.account_id AND i.id = o.id
         WHERE o.kind = 'SCHEDULED' AND (CAST(:account_id AS integer) IS NULL OR o.account_id = :account_id)
           AND (i.total, i.commit_id) IS DISTINCT FROM (o.amount, o.commit_id)
        """,
    ),
    Check(
        "entry_of_true_up",
        """
        SELECT i.id AS subject, CASE i.status WHEN 'VOID' THEN 0 ELSE -i.total END || ' booked' AS expected,
               coalesce(e.amount, 0) AS found
          FROM obligation AS o
          JOIN invoice AS i ON i.account_id = o.account_id AND i.id = o.id
          LEFT JOIN (
              SELECT account_id, commit_id, invoice_id, sum(amount) AS amount
                FROM ledger_entry WHERE type = 'POSTPAID_COMMIT_TRUEUP' GROUP BY account_id, commit_id, invoice_id
          ) AS e ON e.account_id = i.account_id AND e.commit_id = o.commit_id AND e.invoice_id = i.id
         WHERE o.kind = 'TRUE_UP' AND (CAST(:account_id AS integer) IS NULL OR o.account_id = :account_id)
           AND coalesce(e.amount, 0) <> CASE i.status WHEN 'VOID' THEN 0 ELSE -i.total END
        """,
    ),
    # With the entry it booked, a true-up leaves nothing: so it billed exactly the balance before it.
    Check(
        "balance_after_true_up",
        """
        SELECT o.commit_id AS subject, CASE o.state WHEN 'issued' THEN '0' ELSE '0 or less' END AS expected,
               e.balance AS found
          FROM obligation AS o JOIN (
              SELECT account_id, commit_id, sum(amount) AS balance FROM ledger_entry GROUP BY account_id, commit_id
          ) AS e ON e.account_id = o.account_id AND e.commit_id = o.commit_id
         WHERE o.kind = 'TRUE_UP' AND (CAST(:account_id AS integer) IS NULL OR o.account_id = :account_id)
           AND CASE o.state WHEN 'issued' THEN e.balance <> 0
                            WHEN 'nothing_due' THEN e.balance > 0 WHEN 'suppressed' THEN e.balance > 0 END
        """,
    ),
    Check(
        "arithmetic_of_true_up",
        """
        SELECT l.invoice_id AS subject, 'committed - drawn + adjustments = ' || l.amount AS expected,
               coalesce(l.arithmetic::text, 'none') AS found
          FROM obligation AS o
          JOIN invoice_line AS l ON l.account_id = o.account_id AND l.invoice_id = o.id
         WHERE o.kind = 'TRUE_UP' AND (CAST(:account_id AS integer) IS NULL OR o.account_id = :account_id)
           AND (CAST(l.arithmetic ->> 'due' AS numeric) IS DISTINCT FROM l.amount
                OR CAST(l.arithmetic ->> 'committed' AS numeric) - CAST(l.arithmetic ->> 'drawn' AS numeric)
                   + CAST(l.arithmetic ->> 'adjustments' AS numeric) IS DISTINCT FROM l.amount)
        """,
    ),
    Check(
        "invoice_numbers",
        """
        SELECT a.name AS subject, 'the numbers 1 to ' || a.next_invoice_number - 1 AS expected,
               coalesce(i.n, 0) || ' numbers, ' || coalesce(i.first, 0) || ' to ' || coalesce(i.last, 0) AS found
          FROM account AS a LEFT JOIN (
              SELECT account_id, count(*) AS n, min(number) AS first, max(number) AS last
                FROM invoice GROUP BY account_id
          ) AS i ON i.account_id = a.id
         WHERE (CAST(:account_id AS integer) IS NULL OR a.id = :account_id)
           AND (coalesce(i.n, 0), coalesce(i.first, 1), coalesce(i.last, 0))
               <> (a.next_invoice_number - 1, 1, a.next_invoice_number - 1)
        """,
    ),
    _batches("batch_undecided", "<"),
    _batches("batch_outcomes", ">"),
    Check(
        "obligation_parked",
        """
        SELECT id AS subject, 'settled' AS expected, state || ': ' || coalesce(reason, '') AS found
          FROM obligation
         WHERE state = 'parked' AND (CAST(:account_id AS integer) IS NULL OR account_id = :account_id)
        """,
    ),
    # A sandbox's time moves in leaps: what its last leap made due is late by real time since then.
    Check(
        "overdue",
        f"""
        SELECT o.id AS subject, 'settled' AS expected, 'pending since ' || late.since AS found
          FROM account AS a
          JOIN obligation AS o ON o.account_id = a.id AND o.state = 'pending'
               AND o.due_at <= coalesce(a.clock_at, now())
          LEFT JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
          CROSS JOIN LATERAL (
              SELECT greatest(CASE WHEN a.sandbox THEN a.created_at ELSE o.due_at END, c.booked_at,
                              (SELECT max(at) FROM audit WHERE account_id = a.id AND action = 'advance_clock')) AS since
          ) AS late
         WHERE (CAST(:account_id AS integer) IS NULL OR a.id = :account_id)
           AND late.since < now() - make_interval(mins => {OVERDUE_MINUTES})
        """,
    ),
)


def find_differences(connection: Connection, check: Check, account_id: int | None) -> Iterator[Difference]:
    """What one check finds, up to `DIFFERENCES_MAX`; every account's when `account_id` is None."""
    chosen = {"account_id": account_id, "differences_max": DIFFERENCES_MAX}
    for row in connection.execute(text(f"{check.sql} LIMIT :differences_max"), chosen):
        yield Difference(check.name, str(row.subject), str(row.expected), str(row.found))
