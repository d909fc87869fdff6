"""Double entry: what is booked in which account of the books, and by how much. Pure.

Invariants:
    * every entry balances: its debits are its credits, to the last decimal;
    * what a PREPAID commit's ledger entries come to, from its opening until it is empty, is what its instalments come
      to: no rounding is left over;
    * a figure above 0 is a debit, one below 0 a credit.
"""
