"""Events: announced in the transaction that makes them happen, given their place in the feed after it, read by place.

Invariants:
    * an outbox row gets its positions once, after its transaction committed, from one relay at a time: whoever has read
      up to a position has read all that will ever stand before it;
    * what saw another transaction's effects stands behind it: rows are placed in the order in which they were written,
      which is later in whoever looked;
    * an account's positions begin with 1, one an event, and never change: the same range read twice has the same ids
      and facts, until it is trimmed from its beginning on.
"""
