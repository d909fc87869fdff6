"""Obligations: claiming those that are due, settling them. Statements that run often, one round trip each."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.catalog.parties import parties_expression
from trueup.store.invoices.drafts import NOTHING_OPEN, drafts_of
from trueup.store.postgres.calendar import last_month_of
from trueup.store.postgres.plans import plan_afresh
from trueup.store.postgres.rows import fetch_all
from trueup.store.usage.months import CLOSABLE_BEFORE, PRESENT

# The end of the month of an access's last hour: a true-up relies on all usage before it.
RELIES_ON = last_month_of("s.ending_before")

# Each claimed row with the month that it relies on: that of the last hour of a true-up's access.
_CLAIM = f"""
    SELECT o.id, o.commit_id, relied.customer_id, relied.closed_before
      FROM obligation AS o
      LEFT JOIN LATERAL (
        SELECT c.customer_id, {RELIES_ON} AS closed_before
          FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id AND s.position = 0
         WHERE o.kind = 'TRUE_UP' AND c.account_id = o.account_id AND c.id = o.commit_id OFFSET 0) AS relied ON true
     WHERE o.account_id = :account_id AND o.state = 'pending'
       AND (relied.closed_before IS NULL OR relied.closed_before <= {CLOSABLE_BEFORE})
       AND NOT EXISTS (SELECT FROM usage_month AS m
                        WHERE m.account_id = o.account_id AND m.customer_id = relied.customer_id
                          AND m.starting_at < relied.closed_before OFFSET 0)
"""

_CLAIM_DUE = text(f"""
    {_CLAIM} AND o.due_at <= {PRESENT}
     ORDER BY o.due_at, o.commit_id, o.position LIMIT :rows_max FOR UPDATE OF o SKIP LOCKED
""")

_CLAIM_THESE = text(f"""
    {_CLAIM} AND o.due_at <= {PRESENT} AND o.id = ANY(CAST(:ids AS uuid[]))
     ORDER BY o.due_at, o.commit_id, o.position FOR UPDATE OF o SKIP LOCKED
""")

# Whose months are closed already need not be locked: a watermark never goes back.
_LOCK_BEHIND = text("""
    SELECT u.id
      FROM unnest(CAST(:customer_ids AS uuid[]), CAST(:closed_before AS timestamptz[])) AS relied (id, closed_before)
      JOIN customer AS u ON u.account_id = :account_id AND u.id = relied.id
     WHERE coalesce(u.usage_closed_before, '-infinity') < relied.closed_before
     ORDER BY u.id FOR NO KEY UPDATE OF u
""")

# With a snapshot of its own, taken under the customers' locks: where usage came in meanwhile, the true-up waits.
_CLOSE_MONTHS = text("""
    UPDATE customer AS u
       SET usage_closed_before = greatest(coalesce(u.usage_closed_before, '-infinity'), relied.closed_before)
      FROM unnest(CAST(:customer_ids AS uuid[]), CAST(:closed_before AS timestamptz[])) AS relied (id, closed_before)
     WHERE u.account_id = :account_id AND u.id = relied.id
       AND NOT EXISTS (SELECT FROM usage_month AS m
                        WHERE m.account_id = u.account_id AND m.customer_id = u.id
                          AND m.starting_at < relied.closed_before OFFSET 0)
    RETURNING u.id
""")

_CLAIMED = """
    SELECT o.*, claimed.turn
      FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS claimed (id, turn)
      JOIN obligation AS o ON o.account_id = :account_id AND o.id = claimed.id
"""

_PARTIES = parties_expression(
    customer="numbered.customer_id",
    contract="numbered.contract_id",
    commit="numbered.commit_id",
    unit="numbered.unit_id",
)

# Runs after the claim, with a snapshot of its own: an adjustment that held one of these rows until now is seen.
# The account's row is the only one here that others may wait for, so the counter cannot be part of a deadlock.
_SETTLE = text(f"""
    WITH draft AS MATERIALIZED (
        SELECT draft.*, s.id AS segment_id,
               hold.reason AS held_for,
               CASE WHEN suppressed_by IS NOT NULL THEN 'suppressed'
                    WHEN hold.reason = 'usage_voided' THEN 'held'
                    WHEN draft.amount = 0 THEN 'nothing_due'
                    WHEN hold.reason IS NOT NULL THEN 'held'
                    ELSE 'issued' END AS becomes
          FROM ({drafts_of(_CLAIMED)}) AS draft
          LEFT JOIN unnest(CAST(:held_ids AS uuid[]), CAST(:reasons AS text[])) AS hold (id, reason)
            ON hold.id = draft.id
          LEFT JOIN segment AS s ON s.account_id = draft.account_id AND s.commit_id = draft.commit_id
                                AND s.position = 0 AND draft.kind = 'TRUE_UP'
    ), numbered AS (
        SELECT *, row_number() OVER (ORDER BY turn) AS nth FROM draft WHERE becomes = 'issued'
    ), counter AS (
        UPDATE account SET next_invoice_number = next_invoice_number + wanted.numbers
          FROM (SELECT count(*) AS numbers FROM numbered) AS wanted
         WHERE id = :account_id AND wanted.numbers > 0
        RETURNING next_invoice_number - wanted.numbers - 1 AS last_used, coalesce(clock_at, now()) AS account_now
    ), invoices AS (
        INSERT INTO invoice (account_id, id, number, type, status, customer_id, contract_id, unit_id, commit_id,
                             total, instalments_before, issued_at, finalized_at, regenerated_from_id, parties)
        SELECT account_id, id, last_used + nth, 'SCHEDULED', 'FINALIZED', customer_id, contract_id, unit_id, commit_id,
               amount, instalments_before, scheduled_at, account_now, regenerated_from_id, {_PARTIES}
          FROM numbered CROSS JOIN counter ORDER BY nth
    ), lines AS (
        INSERT INTO invoice_line (account_id, invoice_id, position, name, product_id, quantity, unit_price, amount,
                                  commit_id, arithmetic)
        SELECT account_id, id, 0, name, product_id, quantity, unit_price, amount, commit_id, arithmetic
          FROM numbered
    ), entries AS (
        INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, invoice_id, reason)
        SELECT d.account_id, d.commit_id, d.segment_id,
               CASE becomes WHEN 'issued' THEN 'POSTPAID_COMMIT_TRUEUP' ELSE 'POSTPAID_COMMIT_EXPIRATION' END,
               -d.amount, d.due_at, CASE becomes WHEN 'issued' THEN d.id END, d.suppressed_by
          FROM draft AS d
         WHERE d.kind = 'TRUE_UP' AND d.amount > 0 AND d.becomes <> 'held'
         ORDER BY d.turn
    ), settled AS (
        UPDATE obligation AS o
           SET state = draft.becomes, settled_at = now(),
               reason = CASE draft.becomes WHEN 'held' THEN draft.held_for ELSE draft.suppressed_by END
          FROM draft WHERE o.account_id = draft.account_id AND o.id = draft.id
    ), events AS (
        INSERT INTO outbox (account_id, event, subject_ids, detail)
        SELECT account_id, 'invoice.finalized', array_agg(id ORDER BY nth), '{{}}' FROM numbered GROUP BY account_id
        UNION ALL
        SELECT account_id, 'commit.trued_up', array_agg(commit_id ORDER BY turn), jsonb_build_object('outcome', becomes)
          FROM draft WHERE kind = 'TRUE_UP' AND becomes NOT IN ('suppressed', 'held') GROUP BY account_id, becomes
        UNION ALL
        SELECT account_id, 'invoice.held', array_agg(id ORDER BY turn), jsonb_build_object('reason', held_for)
          FROM draft WHERE becomes = 'held' GROUP BY account_id, held_for
    )
    SELECT becomes, count(*) AS rows FROM draft GROUP BY becomes
""")

_COUNT_FAILURE = text("""
    UPDATE obligation
       SET attempts = attempts + 1,
           state = CASE WHEN attempts + 1 < :attempts_max THEN state ELSE 'parked' END,
           reason = CAST(:reason AS text),
           settled_at = CASE WHEN attempts + 1 < :attempts_max THEN NULL ELSE now() END
     WHERE account_id = :account_id AND id = :id AND state = 'pending'
    RETURNING state
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A locked obligation; of a true-up also whose usage it relies on, and up to when that must be final."""

    id: UUID
    commit_id: UUID
    customer_id: UUID | None
    closed_before: datetime | None


def claim_due(connection: Connection, account_id: int, *, rows_max: int, usage_grace_h: int) -> list[Claimed]:
    """Lock up to `rows_max` due obligations that wait for nothing and that nobody else has locked, in due order."""
    which = {"account_id": account_id, "rows_max": rows_max, "usage_grace_h": usage_grace_h}
    return fetch_all(connection, Claimed, _CLAIM_DUE, which)


def claim_these(connection: Connection, account_id: int, ids: Sequence[UUID], *, usage_grace_h: int) -> list[Claimed]:
    """As `claim_due`, those of `ids`."""
    which = {"account_id": account_id, "ids": list(ids), "usage_grace_h": usage_grace_h}
    return fetch_all(connection, Claimed, _CLAIM_THESE, which)


def close_relied(connection: Connection, account_id: int, claimed: Sequence[Claimed]) -> list[Claimed]:
    """Close the months that claimed true-ups rely on, those without usage too.

    Returns:
        Those that can be settled. One that has to wait after all, because usage came in meanwhile, stays pending.
    """
    plan_afresh(connection)
    waiting = _close_months(connection, account_id, claimed)
    return [each for each in claimed if each.customer_id not in waiting]


def settle(
    connection: Connection, account_id: int, ready: Sequence[Claimed], held: Mapping[UUID, str]
) -> Mapping[str, int]:
    """Settle claimed obligations: invoices, lines, numbers, ledger entries, states and events, all or nothing.

    Args:
        connection: the transaction that claimed them.
        account_id: whose obligations.
        ready: whose months are closed.
        held: what holds true-ups, by id; one with nothing due is held where its usage is void, and only there.

    Returns:
        How many became `issued`, `nothing_due`, `suppressed` and `held`.
    """
    given = {"account_id": account_id, "ids": [each.id for each in ready], "open_draws": NOTHING_OPEN}
    holds = {"held_ids": list(held), "reasons": list(held.values())}
    rows = connection.execute(_SETTLE, given | holds)
    return {row.becomes: row.rows for row in rows}


def _close_months(connection: Connection, account_id: int, claimed: Sequence[Claimed]) -> AbstractSet[UUID]:
    """Move the watermarks that true-ups rely on; returns the customers whose months have to be closed first."""
    relied: dict[UUID, datetime] = {}
    for each in claimed:
        if each.customer_id and each.closed_before:
            relied[each.customer_id] = max(each.closed_before, relied.get(each.customer_id, each.closed_before))
    behind = connection.scalars(_LOCK_BEHIND, _columns(account_id, relied)).all() if relied else ()
    if not behind:
        return set()
    closed = connection.scalars(_CLOSE_MONTHS, _columns(account_id, {each: relied[each] for each in behind}))
    return set(behind).difference(closed)


def _columns(account_id: int, relied: Mapping[UUID, datetime]) -> dict[str, object]:
    return {"account_id": account_id, "customer_ids": list(relied), "closed_before": list(relied.values())}


def count_failure(
    connection: Connection, account_id: int, obligation_id: UUID, *, reason: str, attempts_max: int
) -> str:
    """Note a failed try of one obligation, and park it with `reason` when it was the last one.

    Returns:
        The state it is in now; `settled` when somebody else settled it meanwhile.
    """
    found = {"account_id": account_id, "id": obligation_id, "reason": reason, "attempts_max": attempts_max}
    return connection.scalar(_COUNT_FAILURE, found) or "settled"
