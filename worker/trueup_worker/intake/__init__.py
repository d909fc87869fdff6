"""One envelope in, one transaction, one outcome for each of its requests.

    admit ─► read ─► judge ─► persist ─► remember and announce

Invariants:
    * nothing of a body is read before the envelope's signature, scope, account and age were checked;
    * the message is acknowledged only after the transaction committed, so every step may run again: ids converge;
    * what one request does never touches its neighbours.
"""
