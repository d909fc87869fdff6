"""Lines of invoices that are finalized or void, by number and position."""

from trueup_worker.exports.export import Export, selected

INVOICE_LINES = Export(
    name="invoice-lines",
    about="a line of an invoice that is finalized or void",
    dated="issued_at, of its invoice",
    columns={
        "invoice_id": "of its invoice",
        "invoice_number": "of its invoice",
        "invoice_status": "FINALIZED or VOID",
        "issued_at": "date of the invoice",
        "customer_id": "who pays",
        "contract_id": "under which contract",
        "position": "in the invoice, from 0",
        "kind": "charge (what a commit bills), usage (what was used) or applied (what a balance paid, below 0)",
        "is_billed": "whether the total holds it; what a POSTPAID commit covers is shown only",
        "name": "as the invoice shows it",
        "product_id": "what is charged",
        "product": "the product's name now",
        "quantity": "times unit_price is the amount",
        "is_rounded": "whether the quantity was rounded to twelve decimals",
        "unit_price": "per unit",
        "amount": "in the unit",
        "unit_id": "of the invoice",
        "unit": "the unit's name",
        "commit_id": "what is charged for, or who pays; empty: nobody, it is overage",
        "segment_id": "of that commit, where it draws on one",
        "pricing_group_values": "of usage, as JSON",
        "presentation_group_values": "of usage, as JSON",
        "starting_at": "of usage: its first hour",
        "ending_before": "of usage: the end of its last hour",
    },
    rows=selected("""
    SELECT i.id, i.number, i.status, i.issued_at, i.customer_id, i.contract_id, l.position, l.kind, l.is_billed, l.name,
           l.product_id, product.name, trim_scale(l.quantity), l.is_rounded, trim_scale(l.unit_price),
           trim_scale(l.amount), i.unit_id, unit.name, l.commit_id, l.segment_id, l.pricing_group_values,
           l.presentation_group_values, l.starting_at, l.ending_before
      FROM invoice AS i
      JOIN invoice_line AS l ON l.account_id = i.account_id AND l.invoice_id = i.id
      LEFT JOIN product ON product.account_id = i.account_id AND product.id = l.product_id
      LEFT JOIN unit ON unit.account_id = i.account_id AND unit.id = i.unit_id
     WHERE i.account_id = :account_id AND i.issued_at >= :since AND i.issued_at < :until
     ORDER BY i.number, l.position
"""),
)
