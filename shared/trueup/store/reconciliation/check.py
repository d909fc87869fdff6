"""A check: a query that finds what does not agree."""

from dataclasses import dataclass

OPENINGS = "('PREPAID_COMMIT_SEGMENT_START', 'CREDIT_SEGMENT_START', 'POSTPAID_COMMIT_INITIAL_BALANCE')"
OVERDUE_MINUTES = 10  # the scheduler looks twice a second, and a full queue of a busy day is worked off sooner


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree, in words for people."""

    check: str
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query of `subject`, `expected` and `found` for every difference.

    It may use the parameters `account_id` (null: all of them) and `usage_grace_h`, and reads whole tables.
    """

    name: str
    sql: str


def chosen(table: str) -> str:
    """The condition that rows are of the account in question."""
    return f"(CAST(:account_id AS integer) IS NULL OR {table}.account_id = :account_id)"


def orphans(child: str, key: str, parent: str) -> Check:
    """Every `child` that has a `key` must name a `parent` that exists."""
    return Check(
        f"{child}_without_{parent}",
        f"""
        SELECT c.{key} AS subject, 'a {parent} with this id' AS expected, 'none, but a {child} that names it' AS found
          FROM {child} AS c
         WHERE c.{key} IS NOT NULL AND {chosen("c")}
           AND NOT EXISTS (SELECT FROM {parent} AS p WHERE p.account_id = c.account_id AND p.id = c.{key})
        """,
    )


ACTS = """
    LEFT JOIN (SELECT account_id, max(at) AS at FROM audit GROUP BY account_id) AS act
      ON act.account_id = a.id
"""


def late_since(due_at: str, *known_at: str) -> str:
    """Since when something that is due has waited, in real time.

    A sandbox's time moves in leaps: what a leap made due has waited since then. What operators do (they void, release,
    edit, adjust) can make something due whose time has long passed.

    Args:
        due_at: when it fell due by the clock of its account, which is `a`, with `ACTS` joined.
        known_at: real times before which nobody could know of it; null: no such time.
    """
    given = ", ".join(("CASE WHEN a.sandbox THEN a.created_at ELSE " + due_at + " END", *known_at))
    return f"greatest({given}, act.at)"


def is_late(since: str) -> str:
    """Tell whether that is too long ago."""
    return f"{since} < now() - make_interval(mins => {OVERDUE_MINUTES})"
