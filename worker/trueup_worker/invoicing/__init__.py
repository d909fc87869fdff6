"""Invoicing: what is used and what falls due becomes invoices; what operators book becomes entries.

    claim ─► compute ─► number ─► invoices, lines, entries, states, events ─► commit

Work of an account is done in this order: months that are over are closed (usage becomes periods, deductions, invoices),
what is left of ended segments expires, what is due is issued.

Invariants:
    * an obligation is settled at most once, and everything about its settlement is one transaction;
    * at most one non-VOID invoice per obligation: they share their id;
    * numbers are gapless and ascending per account: the counter is a row, and a rollback gives the number back;
    * a true-up bills max(0, sum of the commit's entries), read after its obligation was locked; whoever books a manual
      entry holds that same lock, so an entry is either in the true-up or refused;
    * a customer's months close one after the other; a line counts in its month or is late: whoever closes locks the
      customer, and so does whoever takes usage in;
    * what fails alone is parked alone.

Not guaranteed: the order of numbers between two claims that run at once. Within a claim it is the order of due times.
"""
