"""One envelope in, one transaction, one outcome for each of its requests: `receive` is the use case.

    admit ─► read ─► judge ─► persist ─► remember and announce

    admission/  whose envelope it is, and whether it is one; nothing is read before
    commits/    read, judge and persist, for commits and credits (`trueup_worker.intake.usage` has those of usage)
    parts/      what does not become one transaction: too heavy, failing, deadly
    parked/     what could not be decided, and what an operator does with it

Invariants:
    * nothing of a body is read before the envelope's signature, scope, account and age were checked;
    * the message is acknowledged only after the transaction committed, so every step may run again: ids converge;
    * what one request does never touches its neighbours.
"""
