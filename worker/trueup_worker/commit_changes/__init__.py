"""Commits and credits that exist are changed: ended, edited, archived, freed of their true-up.

    lock (obligations ─► customer) ─► read ─► judge ─► write ─► audit, event

Invariants:
    * each change is one transaction with one audit row, who, when, before and after; one that changes nothing has none;
    * nothing that is finalized moves: neither an invoice, nor what a closed period drew, nor when it drew it;
    * no change takes more from a segment than it has left, so no balance falls below 0;
    * the opening entries of a segment add up to its amount; what was booked stays booked;
    * scope and order (filters, priority, rate type) hold for what is closed from now on. Closed months follow when
      their invoices are voided and regenerated;
    * a change waits for whoever invoices the commit or closes the customer's months, and they for it.
"""
