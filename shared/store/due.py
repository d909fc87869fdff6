"""What is due: who has it, claiming it, settling it. The hot statements of invoicing, one round trip each."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from shared.store.drafts import drafts_of

# The probe stays one index descent per account: LIMIT keeps the planner from turning it into a scan of the future.
_ACCOUNTS = text("""
    SELECT account.id
      FROM account CROSS JOIN LATERAL (
          SELECT due_at FROM obligation
           WHERE account_id = account.id AND state = 'pending' AND due_at <= coalesce(account.clock_at, now())
           ORDER BY due_at LIMIT 1
      ) AS oldest
     ORDER BY oldest.due_at, account.id LIMIT :accounts_max
""")

_CLAIM = text("""
    SELECT id FROM obligation
     WHERE account_id = :account_id AND state = 'pending'
       AND due_at <= coalesce((SELECT clock_at FROM account WHERE id = :account_id), now())
     ORDER BY due_at, commit_id, position LIMIT :rows_max FOR UPDATE SKIP LOCKED
""")

_CLAIM_THESE = text("""
    SELECT id FROM obligation
     WHERE account_id = :account_id AND state = 'pending' AND id = ANY(CAST(:ids AS uuid[]))
     ORDER BY due_at, commit_id, position FOR UPDATE SKIP LOCKED
""")

_CLAIMED = """
    SELECT o.*, claimed.turn
      FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS claimed (id, turn)
      JOIN obligation AS o ON o.account_id = :account_id AND o.id = claimed.id
"""
# Runs after the claim, with a snapshot of its own: an adjustment that held one of these rows until now is seen.
# The account's row is the only one here that others may wait for, so the counter cannot be part of a deadlock.
# Of a plan kept from when the tables were small, every obligation of the account would be held against every commit.
_PLAN_AFRESH = text("SET LOCAL plan_cache_mode = force_custom_plan")

_SETTLE = text(f"""
    WITH draft AS MATERIALIZED (
        SELECT *, CASE WHEN suppressed_by IS NOT NULL THEN 'suppressed'
                       WHEN amount = 0 THEN 'nothing_due' ELSE 'issued' END AS becomes
          FROM ({drafts_of(_CLAIMED)}) AS computed
    ), numbered AS (
        SELECT *, row_number() OVER (ORDER BY turn) AS nth FROM draft WHERE becomes = 'issued'
    ), counter AS (
        UPDATE account SET next_invoice_number = next_invoice_number + wanted.numbers
          FROM (SELECT count(*) AS numbers FROM numbered) AS wanted
         WHERE id = :account_id AND wanted.numbers > 0
        RETURNING next_invoice_number - wanted.numbers - 1 AS last_used, coalesce(clock_at, now()) AS account_now
    ), invoices AS (
        INSERT INTO invoice (account_id, id, number, type, status, customer_id, contract_id, unit_id, commit_id,
                             total, issued_at, finalized_at, regenerated_from_id)
        SELECT account_id, id, last_used + nth, 'SCHEDULED', 'FINALIZED', customer_id, contract_id, unit_id, commit_id,
               amount, scheduled_at, account_now, regenerated_from_id
          FROM numbered CROSS JOIN counter ORDER BY nth
    ), lines AS (
        INSERT INTO invoice_line (account_id, invoice_id, position, name, product_id, quantity, unit_price, amount,
                                  commit_id, arithmetic)
        SELECT account_id, id, 0, name, product_id, quantity, unit_price, amount, commit_id, arithmetic
          FROM numbered
    ), entries AS (
        INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, invoice_id, reason)
        SELECT d.account_id, d.commit_id, s.id,
               CASE becomes WHEN 'issued' THEN 'POSTPAID_COMMIT_TRUEUP' ELSE 'POSTPAID_COMMIT_EXPIRATION' END,
               -d.amount, d.due_at, CASE becomes WHEN 'issued' THEN d.id END, d.suppressed_by
          FROM draft AS d
          LEFT JOIN segment AS s ON s.account_id = d.account_id AND s.commit_id = d.commit_id AND s.position = 0
         WHERE d.kind = 'TRUE_UP' AND d.amount > 0
         ORDER BY d.turn
    ), settled AS (
        UPDATE obligation AS o SET state = draft.becomes, reason = draft.suppressed_by, settled_at = now()
          FROM draft WHERE o.account_id = draft.account_id AND o.id = draft.id
    ), events AS (
        INSERT INTO outbox (account_id, event, subject_ids, detail)
        SELECT account_id, 'invoice.finalized', array_agg(id ORDER BY nth), '{{}}' FROM numbered GROUP BY account_id
        UNION ALL
        SELECT account_id, 'commit.trued_up', array_agg(commit_id ORDER BY turn), jsonb_build_object('outcome', becomes)
          FROM draft WHERE kind = 'TRUE_UP' AND becomes <> 'suppressed' GROUP BY account_id, becomes
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


def accounts_due(connection: Connection, *, accounts_max: int) -> Sequence[int]:
    """Accounts that have something due by their own clock, the longest overdue first."""
    return connection.scalars(_ACCOUNTS, {"accounts_max": accounts_max}).all()


def claim_due(connection: Connection, account_id: int, *, rows_max: int) -> Sequence[UUID]:
    """Locks up to `rows_max` due obligations that nobody else has locked, in due order."""
    return connection.scalars(_CLAIM, {"account_id": account_id, "rows_max": rows_max}).all()


def claim_these(connection: Connection, account_id: int, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Locks those of `ids` that are still pending and that nobody else has locked, in due order."""
    return connection.scalars(_CLAIM_THESE, {"account_id": account_id, "ids": list(ids)}).all()


def settle(connection: Connection, account_id: int, claimed: Sequence[UUID]) -> Mapping[str, int]:
    """Settles claimed obligations: invoices, lines, numbers, ledger entries, states and events, all or nothing.

    Returns:
        How many became `issued`, `nothing_due` and `suppressed`.
    """
    connection.execute(_PLAN_AFRESH)
    rows = connection.execute(_SETTLE, {"account_id": account_id, "ids": list(claimed)})
    return {row.becomes: row.rows for row in rows}


def count_failure(
    connection: Connection, account_id: int, obligation_id: UUID, *, reason: str, attempts_max: int
) -> str:
    """Notes a failed try of one obligation, and parks it with `reason` when it was the last one.

    Returns:
        The state it is in now; `settled` when somebody else settled it meanwhile.
    """
    found = {"account_id": account_id, "id": obligation_id, "reason": reason, "attempts_max": attempts_max}
    return connection.scalar(_COUNT_FAILURE, found) or "settled"
