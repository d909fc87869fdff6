"""Commits and credits with their balances, by id."""

from trueup.store.invoices.of_commit import obligations_of
from trueup_worker.exports.export import Export, selected

COMMITS = Export(
    name="commits",
    about="a commit or credit",
    dated="created_at",
    columns={
        "id": "of the request that made it",
        "type": "PREPAID, POSTPAID or CREDIT",
        "customer_id": "who promised",
        "customer": "the customer's name",
        "name": "as invoices show it",
        "product_id": "the FIXED product that it is invoiced under",
        "product": "the product's name",
        "priority": "lower is drawn first",
        "rate_type": "LIST_RATE or COMMIT_RATE",
        "access_type": "SPEND (draws money) or QUANTITY (draws units)",
        "access_unit_id": "unit of granted, drawn, expired, adjusted, trued_up and balances",
        "access_unit": "its name",
        "invoice_unit_id": "unit of scheduled, invoiced and unpaid; empty: nobody pays for it",
        "invoice_unit": "its name",
        "invoice_contract_id": "where its invoices go",
        "do_not_invoice": "whether the schedule is kept and never invoiced",
        "starting_at": "when access begins",
        "ending_before": "when access ends",
        "granted": "by its access schedule",
        "drawn": "by usage of closed months",
        "expired": "unused when access had ended",
        "trued_up": "invoiced because it was not drawn",
        "adjusted": "by hand, either sign",
        "ledger_balance": "sum of all ledger entries: granted - drawn - expired - trued_up + adjusted",
        "usable_balance": "what closed months leave of segments whose time is now; drafts are not counted",
        "scheduled": "sum of the invoice schedule, but for items that are not invoiced any more",
        "invoiced": "sum of its invoices that are not void",
        "uniqueness_key": "as the producer gave it",
        "netsuite_sales_order_id": "as the producer gave it",
        "salesforce_opportunity_id": "as the producer gave it",
        "custom_fields": "as JSON",
        "batch_id": "the batch that it came with",
        "created_at": "by the account's clock",
        "archived_at": "by the account's clock; empty: it is in use",
    },
    rows=selected(f"""
    SELECT c.id, c.type, c.customer_id, customer.name, c.name, c.product_id, product.name, trim_scale(c.priority),
           c.rate_type, c.access_type, c.access_unit_id, access_unit.name, c.invoice_unit_id, invoice_unit.name,
           c.invoice_contract_id, c.do_not_invoice, access.starting_at, access.ending_before,
           trim_scale(ledger.granted), trim_scale(ledger.drawn), trim_scale(ledger.expired),
           trim_scale(ledger.trued_up), trim_scale(ledger.adjusted), trim_scale(ledger.balance),
           trim_scale(usable.balance), trim_scale(items.scheduled), trim_scale(billed.invoiced), c.uniqueness_key,
           c.netsuite_sales_order_id, c.salesforce_opportunity_id, c.custom_fields, c.batch_id, c.created_at,
           c.archived_at
      FROM commit AS c
      JOIN account AS a ON a.id = c.account_id
      LEFT JOIN customer ON customer.account_id = c.account_id AND customer.id = c.customer_id
      LEFT JOIN product ON product.account_id = c.account_id AND product.id = c.product_id
      LEFT JOIN unit AS access_unit ON access_unit.account_id = c.account_id AND access_unit.id = c.access_unit_id
      LEFT JOIN unit AS invoice_unit ON invoice_unit.account_id = c.account_id AND invoice_unit.id = c.invoice_unit_id
     CROSS JOIN LATERAL (
        SELECT min(starting_at) AS starting_at, max(ending_before) AS ending_before
          FROM segment AS s WHERE s.account_id = c.account_id AND s.commit_id = c.id AND s.amount > 0) AS access
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS balance,
               coalesce(sum(amount) FILTER (WHERE type ~ '(SEGMENT_START|INITIAL_BALANCE)$'), 0) AS granted,
               coalesce(-sum(amount) FILTER (WHERE type ~ 'DEDUCTION$'), 0) AS drawn,
               coalesce(-sum(amount) FILTER (WHERE type ~ 'EXPIRATION$'), 0) AS expired,
               coalesce(-sum(amount) FILTER (WHERE type ~ 'TRUEUP$'), 0) AS trued_up,
               coalesce(sum(amount) FILTER (WHERE type ~ 'MANUAL$'), 0) AS adjusted
          FROM ledger_entry AS e WHERE e.account_id = c.account_id AND e.commit_id = c.id) AS ledger
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(greatest(left_over, 0)), 0) AS balance FROM (
            SELECT sum(e.amount) AS left_over
              FROM segment AS s
              JOIN ledger_entry AS e
                ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
             WHERE s.account_id = c.account_id AND s.commit_id = c.id AND c.archived_at IS NULL
               AND s.starting_at <= coalesce(a.clock_at, now()) AND coalesce(a.clock_at, now()) < s.ending_before
             GROUP BY s.id) AS segments) AS usable
     CROSS JOIN LATERAL (
        SELECT sum(amount) AS scheduled
          FROM {obligations_of("= c.id")} AS o
         WHERE (o.suppressed_by IS NULL OR o.suppressed_by = 'do_not_invoice')
           AND NOT EXISTS (SELECT FROM obligation AS n
                            WHERE n.account_id = o.account_id AND n.regenerated_from_id = o.id)) AS items
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(total), 0) AS invoiced
          FROM invoice AS i
         WHERE i.account_id = c.account_id AND i.commit_id = c.id AND i.status = 'FINALIZED') AS billed
     WHERE c.account_id = :account_id AND c.created_at >= :since AND c.created_at < :until
     ORDER BY c.id
"""),  # noqa: S608 (constants only)
)
