"""The journal: double entry made of invoices, instalments and the ledger, month by month.

Invariants:
    * a closed month is read as it was written when it was closed: the same bytes for ever;
    * what no closed month has is in an open one: nothing is booked twice, and nothing but units that are no money is
      left out;
    * rows come in a fixed order: invoices by number, then instalments, then ledger entries by commit.
"""
