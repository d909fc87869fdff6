"""Postgres, the truth.

Invariants:
    * every table carries the account, and every key starts with it;
    * `commit.id` is the id of the request that made it;
    * `ledger_entry` is append-only, as closed months and the parties of invoices are (a trigger refuses everything
      else): a balance is a sum of entries;
    * money is `numeric` without a scale, so that nothing is rounded on the way in, and CHECKs exclude NaN.
"""
