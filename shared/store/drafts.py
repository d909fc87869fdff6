"""The draft of an invoice, computed in SQL: what an obligation would bill if it settled now (spec 3.6).

Reads of drafts and the issuing of invoices share this one computation. A column that cannot be computed (the commit,
its product or its opening entry is missing) is null, so that the invoice's NOT NULL constraints refuse the row.
"""


def drafts_of(obligations: str) -> str:
    """A SELECT of one draft per obligation.

    Args:
        obligations: a SELECT of obligation rows, with a column `turn` that is passed through.
    """
    return f"""
    SELECT o.account_id, o.id, o.turn, o.commit_id, o.kind, o.state, o.reason, o.suppressed_by,
           o.scheduled_at, o.due_at, o.regenerated_from_id, o.released_at,
           c.customer_id, c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id,
           c.applicable_contract_ids, greatest(c.booked_at, c.widened_at) AS agreed_at,
           c.product_id, coalesce(c.name, p.name) AS name,
           CASE o.kind WHEN 'TRUE_UP' THEN 1 ELSE o.quantity END AS quantity,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.unit_price END AS unit_price,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.amount END AS amount,
           CASE o.kind WHEN 'TRUE_UP' THEN jsonb_build_object(
               'committed', trim_scale(ledger.committed)::text, 'drawn', trim_scale(ledger.drawn)::text,
               'adjustments', trim_scale(ledger.adjustments)::text, 'due', ledger.due::text) END AS arithmetic
      FROM ({obligations}) AS o
      LEFT JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
      LEFT JOIN product AS p ON p.account_id = o.account_id AND p.id = c.product_id
      LEFT JOIN LATERAL (
          SELECT CASE WHEN sum(amount) < 0 THEN 0 ELSE trim_scale(sum(amount)) END AS due,
                 sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_INITIAL_BALANCE') AS committed,
                 coalesce(-sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION'), 0) AS drawn,
                 coalesce(sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_MANUAL'), 0) AS adjustments
            FROM ledger_entry AS e
           WHERE o.kind = 'TRUE_UP' AND e.account_id = o.account_id AND e.commit_id = o.commit_id
      ) AS ledger ON true
    """
