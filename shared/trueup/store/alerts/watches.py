"""Customers with usage: what came since their balances were judged, and whether that can have mattered.

Of balances that all pay money at list prices, or all at commit rates, none loses more than the new usage costs,
whatever order it is burnt down in: as long as that is less than the headroom, nothing need be judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.domain.thresholds import Told
from trueup.limits import BALANCE_PAUSE_S, COMMITS_COUNTED_MAX, USAGE_ARRIVALS_MAX
from trueup.store.postgres.rows import fetch_one
from trueup.store.usage.months import PRESENT

_COUNTED = f"""
    SELECT nullif(count(*), {COMMITS_COUNTED_MAX + 1}) AS commits
      FROM (SELECT FROM commit AS c WHERE c.account_id = :account_id AND c.customer_id = {{customer_id}}
             LIMIT {COMMITS_COUNTED_MAX + 1}) AS found
"""

# Who closes a month of a customer, or changes a commit, holds its row for as long: what it used waits, nobody else.
_GATHER = text(f"""
    WITH oldest AS MATERIALIZED (
        SELECT seq, customer_ids FROM usage_arrival WHERE account_id = :account_id
         ORDER BY seq LIMIT {USAGE_ARRIVALS_MAX} FOR UPDATE SKIP LOCKED
    ), named AS MATERIALIZED (
        SELECT DISTINCT unnest(customer_ids) AS customer_id FROM oldest
    ), locked AS MATERIALIZED (
        SELECT w.customer_id FROM balance_watch AS w
         WHERE w.account_id = :account_id AND w.customer_id = ANY(ARRAY(SELECT customer_id FROM named))
         ORDER BY w.customer_id FOR NO KEY UPDATE SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT coalesce(array_agg(w.customer_id), CAST('{{}}' AS uuid[])) AS by_others FROM balance_watch AS w
         WHERE w.account_id = :account_id AND w.customer_id = ANY(ARRAY(SELECT customer_id FROM named))
           AND w.customer_id <> ALL(ARRAY(SELECT customer_id FROM locked))
    ), taken AS (
        DELETE FROM usage_arrival AS u USING oldest, held
         WHERE u.account_id = :account_id AND u.seq = oldest.seq AND NOT oldest.customer_ids && held.by_others
        RETURNING u.customer_ids, u.amounts
    ), summed AS MATERIALIZED (
        SELECT each.customer_id, sum(each.amount) AS amount
          FROM taken CROSS JOIN LATERAL unnest(customer_ids, amounts) AS each (customer_id, amount)
         GROUP BY each.customer_id
    ), judged AS (
        SELECT summed.*, w.due_at, w.not_before,
               w.headroom IS NULL OR w.used + summed.amount >= w.headroom
                 OR w.valid_until <= present.at OR counted.commits IS NULL
                 OR counted.commits IS DISTINCT FROM w.commits AS may_matter
          FROM summed CROSS JOIN (SELECT {PRESENT} AS at) AS present
          LEFT JOIN balance_watch AS w ON w.account_id = :account_id AND w.customer_id = summed.customer_id
         CROSS JOIN LATERAL ({_COUNTED.format(customer_id="summed.customer_id")}) AS counted
    ), noted AS (
        INSERT INTO balance_watch AS w (account_id, customer_id, used, due_at)
        SELECT :account_id, customer_id, amount, CASE WHEN may_matter THEN greatest(now(), not_before) END
          FROM judged ORDER BY customer_id
        ON CONFLICT (account_id, customer_id) DO UPDATE
           SET used = w.used + excluded.used, due_at = coalesce(w.due_at, excluded.due_at)
    )
    SELECT count(*) FROM taken
""")

_DUE = text("""
    SELECT customer_id FROM balance_watch WHERE account_id = :account_id AND due_at <= now()
     ORDER BY due_at LIMIT :customers_max
""")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('balance ' || :account_id || ' ' || :customer_id, 0))")
_WATCH = text("""
    SELECT used, CAST(xmin AS text) AS version FROM balance_watch
     WHERE account_id = :account_id AND customer_id = :customer_id AND due_at <= now()
""")
_GRANTS = text("""
    SELECT s.id, s.amount, s.starting_at, s.ending_before
      FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.archived_at IS NULL
""")
_TOLD = text("""
    SELECT commit_id, CAST(segment_ids AS text[]) AS segment_ids, told FROM balance_told
     WHERE account_id = :account_id AND commit_id = ANY(CAST(:commit_ids AS uuid[]))
""")
_REMEMBER = text("""
    INSERT INTO balance_told (account_id, commit_id, segment_ids, told)
    SELECT :account_id, r.commit_id, r.segment_ids, r.told
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (commit_id uuid, segment_ids uuid[], told text[])
     ORDER BY r.commit_id
    ON CONFLICT (account_id, commit_id) DO UPDATE SET segment_ids = excluded.segment_ids, told = excluded.told
""")
_COUNT = text(_COUNTED.format(customer_id=":customer_id"))
# In a statement of its own: the next one is to see what whoever held the row made of it.
_LOCK_WATCH = text("""
    SELECT FROM balance_watch WHERE account_id = :account_id AND customer_id = :customer_id FOR NO KEY UPDATE
""")
# What came meanwhile was not judged: it is at the next judgement.
_NOTE = text(f"""
    UPDATE balance_watch AS w
       SET used = w.used - :used, valid_until = :valid_until, commits = :commits, not_before = pause.ends_at,
           headroom = CASE WHEN CAST(w.xmin AS text) = :version THEN CAST(:headroom AS numeric) END,
           due_at = CASE WHEN CAST(w.xmin AS text) <> :version THEN pause.ends_at END
      FROM (SELECT clock_timestamp() + make_interval(
               secs => greatest({BALANCE_PAUSE_S}, :share * extract(epoch FROM clock_timestamp() - now())))
            AS ends_at) AS pause
     WHERE account_id = :account_id AND customer_id = :customer_id
""")


@dataclass(frozen=True, slots=True)
class Watch:
    """A customer whose balances are to be judged.

    Attributes:
        used: what usage since the last judgement costs at most.
        version: another one, once anything came that could change the balances.
    """

    used: Decimal
    version: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Grant of a segment: when it may be used, and how much it gave."""

    amount: Decimal
    starting_at: datetime
    ending_before: datetime


def gather_usage(connection: Connection, account_id: int) -> int:
    """Add up usage that came in, and note whose balances it may have brought to a threshold; returns of how many parts.

    Args:
        connection: a transaction.
        account_id: whose usage; `USAGE_ARRIVALS_MAX` parts at once, but for those of customers whom another holds.
    """
    return int(connection.execute(_GATHER, {"account_id": account_id}).scalar_one())


def customers_due(connection: Connection, account_id: int, *, customers_max: int) -> Sequence[UUID]:
    """Customers whose balances are to be judged, the longest overdue first."""
    return connection.scalars(_DUE, {"account_id": account_id, "customers_max": customers_max}).all()


def take_customer(connection: Connection, account_id: int, customer_id: UUID) -> Watch | None:
    """Keep a customer's balances from being judged by others until the transaction ends.

    Returns:
        None where another judges them, or did.
    """
    which = {"account_id": account_id, "customer_id": customer_id}
    if not connection.scalar(_LOCK, {name: str(value) for name, value in which.items()}):
        return None
    return fetch_one(connection, Watch, _WATCH, which)


def count_commits(connection: Connection, account_id: int, customer_id: UUID) -> int | None:
    """Number of the customer's commits and credits; None: too many to count."""
    found: int | None = connection.scalar(_COUNT, {"account_id": account_id, "customer_id": customer_id})
    return found


def grants_of(connection: Connection, account_id: int, customer_id: UUID) -> Mapping[str, Grant]:
    """Grants of the customer's segments, by the segments' ids as text; those of archived commits are left out."""
    rows = connection.execute(_GRANTS, {"account_id": account_id, "customer_id": customer_id})
    return {str(row.id): Grant(row.amount, row.starting_at, row.ending_before) for row in rows}


def told_of(connection: Connection, account_id: int, commit_ids: Sequence[UUID]) -> Mapping[UUID, Told]:
    """Thresholds that were told of these commits; those of which none was are left out."""
    rows = connection.execute(_TOLD, {"account_id": account_id, "commit_ids": list(commit_ids)})
    return {row.commit_id: Told(frozenset(row.segment_ids), frozenset(row.told)) for row in rows}


def remember_told(connection: Connection, account_id: int, told: Mapping[UUID, Told]) -> None:
    """Remember thresholds as told."""
    rows = [
        {"commit_id": key, "segment_ids": sorted(each.segment_ids), "told": sorted(each.keys)}
        for key, each in told.items()
    ]
    if rows:
        connection.execute(_REMEMBER, {"account_id": account_id, "rows": orjson.dumps(rows).decode()})


def note_judged(
    connection: Connection,
    account_id: int,
    customer_id: UUID,
    watch: Watch,
    *,
    headroom: Decimal | None,
    valid_until: datetime | None,
    commits: int | None,
    pause_share: int,
) -> None:
    """Note that a customer's balances were judged; they stay due where anything came since they were taken.

    Args:
        connection: the transaction that took them, in which each statement sees what has been committed.
        account_id: whose customer.
        customer_id: whose balances.
        watch: as it was taken, before the moment of which the balances are.
        headroom: usage that matters costs as much at least; None: no usage does.
        valid_until: on the account's clock: until the next segment begins or ends; None: none does.
        commits: how many there are; None: too many to count.
        pause_share: times as long as this transaction took is the pause, where that is longer than usual.
    """
    which = {"account_id": account_id, "customer_id": customer_id}
    connection.execute(_LOCK_WATCH, which)
    given = {"share": pause_share, "valid_until": valid_until, "commits": commits}
    seen = {"used": watch.used, "version": watch.version}
    connection.execute(_NOTE, which | given | seen | {"headroom": "Infinity" if headroom is None else f"{headroom:f}"})
