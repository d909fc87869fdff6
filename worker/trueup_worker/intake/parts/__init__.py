"""Envelopes that do not become one transaction: parts of heavy ones by turns, halves of those that fail or kill.

Invariants:
    * of requests that fail for good only the one to blame is parked: halving finds it;
    * an envelope is released in the transaction that decides the last of its requests.
"""
