"""Rated usage, as it comes in: the pipeline of `trueup_worker.intake`, with lines in place of commits.

Invariants:
    * a transaction id is used once in an account, for ever: a repeat changes nothing, other content is refused;
    * a line counts in its month, or it is late: intake holds its customer while it stores it;
    * locks are taken in one order: customers, lines, months, outcomes.
"""
