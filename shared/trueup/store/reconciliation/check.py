"""A check: a query that finds what does not agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OPENINGS = "('PREPAID_COMMIT_SEGMENT_START', 'CREDIT_SEGMENT_START', 'POSTPAID_COMMIT_INITIAL_BALANCE')"
OVERDUE_MINUTES = 10  # the scheduler looks twice a second, and a full queue of a busy day is worked off sooner


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree, in words for people."""

    check: str
    subject: str
    expected: str
    found: str


By = Literal["commit", "invoice"]

# The column of each table by which its rows belong together.
KEYS: Mapping[By, Mapping[str, str]] = {
    "commit": {
        "commit": "id",
        "segment": "commit_id",
        "ledger_entry": "commit_id",
        "obligation": "commit_id",
    },
    "invoice": {"obligation": "id", "invoice": "id", "invoice_line": "invoice_id", "usage_period": "id"},
}


@dataclass(frozen=True, slots=True)
class Check:
    """A query of `subject`, `expected` and `found` for every difference.

    It may use the parameters `account_id` (null: all of them) and `usage_grace_h`.

    Attributes:
        by: it holds rows of the same commit, or those of the same invoice, against one another, and is asked of some
            of these at a time; None: of all of an account.
        of: the tables of which it then reads these rows alone, by an index. Of others it finds rows one by one.
    """

    name: str
    sql: str
    by: By | None = None
    of: tuple[str, ...] = ()


def chosen(table: str) -> str:
    """The condition that rows are of the account in question."""
    return f"(CAST(:account_id AS integer) IS NULL OR {table}.account_id = :account_id)"


def orphans(child: str, key: str, parent: str) -> Check:
    """Every `child` that has a `key` must name a `parent` that exists."""
    is_sliced = child in KEYS["commit"]
    of = tuple(each for each in (child, parent) if each in KEYS["commit"]) if is_sliced else ()
    # Where only the child is sliced: one probe of an index for each of its rows, whatever these are taken for.
    alone = "OFFSET 0" if is_sliced and parent not in of else ""
    return Check(
        f"{child}_without_{parent}",
        f"""
        SELECT c.{key} AS subject, 'a {parent} with this id' AS expected, 'none, but a {child} that names it' AS found
          FROM {child} AS c
         WHERE c.{key} IS NOT NULL AND {chosen("c")}
           AND NOT EXISTS (SELECT FROM {parent} AS p WHERE p.account_id = c.account_id AND p.id = c.{key} {alone})
        """,
        by="commit" if is_sliced else None,
        of=of,
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
