"""The draft of an invoice, computed in SQL: what an obligation would bill if it settled now.

Reads of drafts and the issuing of invoices share this one computation. A column that cannot be computed (the commit,
its product or its opening entry is missing) is null, so that the invoice's NOT NULL constraints refuse the row.
"""

NOTHING_OPEN = "{}"
"""For `:open_draws` of whoever settles: all usage that counts is in the ledger by then."""

# What the instalments before an obligation `o` come to, where the schedule of its commit `c` is an expanded one: all
# are alike, but for the last of what was divided, which takes the rest.
_CHARGE = (
    "CAST(c.recurring_schedule ->> 'unit_price' AS numeric) * CAST(c.recurring_schedule ->> 'quantity' AS numeric)"
)
BEFORE = f"""CASE
               WHEN c.recurring_schedule ->> 'amount_distribution' = 'EACH' OR (o.position + 1) * o.amount < {_CHARGE}
               THEN o.position * o.amount ELSE {_CHARGE} - o.amount END"""


def drafts_of(obligations: str) -> str:
    """A SELECT of one draft per obligation.

    The statement that it stands in has a parameter `open_draws`: what usage that is not in the ledger takes from
    POSTPAID commits, by their ids, as JSON.

    Args:
        obligations: a SELECT of obligation rows, with a column `turn` that is passed through.
    """
    return f"""
    SELECT o.account_id, o.id, o.turn, o.commit_id, o.kind, o.state, o.reason, o.suppressed_by,
           o.scheduled_at, o.due_at, o.regenerated_from_id,
           c.customer_id, c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id,
           c.product_id, coalesce(c.name, p.name) AS name,
           CASE o.kind WHEN 'TRUE_UP' THEN 1 ELSE o.quantity END AS quantity,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.unit_price END AS unit_price,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.amount END AS amount,
           CASE WHEN o.kind = 'SCHEDULED' THEN coalesce(o.instalments_before, {BEFORE}) END AS instalments_before,
           CASE o.kind WHEN 'TRUE_UP' THEN jsonb_build_object(
               'committed', trim_scale(ledger.committed)::text, 'drawn', trim_scale(ledger.drawn)::text,
               'adjustments', trim_scale(ledger.adjustments)::text, 'due', ledger.due::text) END AS arithmetic
      FROM ({obligations}) AS o
      LEFT JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
      LEFT JOIN product AS p ON p.account_id = o.account_id AND p.id = c.product_id
      LEFT JOIN LATERAL (
          SELECT trim_scale(greatest(sum(amount) - open.drawn, 0)) AS due,
                 sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_INITIAL_BALANCE') AS committed,
                 coalesce(-sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION'), 0)
                     + open.drawn AS drawn,
                 coalesce(sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_MANUAL'), 0) AS adjustments
            FROM ledger_entry AS e
           CROSS JOIN (
                SELECT coalesce(CAST(CAST(:open_draws AS jsonb) ->> CAST(o.commit_id AS text) AS numeric), 0) AS drawn
           ) AS open
           WHERE o.kind = 'TRUE_UP' AND e.account_id = o.account_id AND e.commit_id = o.commit_id
           GROUP BY open.drawn
      ) AS ledger ON true
    """
