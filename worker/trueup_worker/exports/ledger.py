"""Ledger entries, commit by commit, in the order of booking."""

from trueup_worker.exports.export import Export, selected

LEDGER = Export(
    name="ledger",
    about="a ledger entry",
    dated="effective_at",
    columns={
        "id": "of the entry",
        "commit_id": "whose balance",
        "commit_type": "PREPAID, POSTPAID or CREDIT",
        "customer_id": "who promised",
        "segment_id": "the segment that it belongs to",
        "seq": "order of booking in the installation",
        "type": "what was booked: a grant, a draw, an expiry, a true-up, or an entry by hand",
        "amount": "signed, in the unit",
        "unit_id": "of the commit's access",
        "unit": "the unit's name",
        "effective_at": "when it counts, by the account's clock",
        "booked_at": "in real time",
        "invoice_id": "the invoice that it was booked with",
        "period_id": "the closed usage period that it was booked with",
        "reason": "an operator's words",
    },
    rows=selected("""
    SELECT e.id, e.commit_id, c.type, c.customer_id, e.segment_id, e.seq, e.type, trim_scale(e.amount),
           c.access_unit_id, unit.name, e.effective_at, e.booked_at, e.invoice_id, e.period_id, e.reason
      FROM ledger_entry AS e
      JOIN commit AS c ON c.account_id = e.account_id AND c.id = e.commit_id
      LEFT JOIN unit ON unit.account_id = c.account_id AND unit.id = c.access_unit_id
     WHERE e.account_id = :account_id AND e.effective_at >= :since AND e.effective_at < :until
     ORDER BY e.commit_id, e.seq
"""),
)
