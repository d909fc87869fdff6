"""Metrics of a process: what is counted and measured, and the address where Prometheus reads it.

Invariants:
    * a label's values are a closed set: whatever is not in it counts as `other`; no id, and no account's name, is one;
    * nothing that is decided depends on a metric, and no work waits for whoever reads them;
    * they are served on an address of their own, never on the port that callers reach.
"""
