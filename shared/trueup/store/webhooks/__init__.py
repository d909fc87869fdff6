"""Webhooks as they are stored: endpoints, their deliveries, the log of attempts.

Invariants:
    * a delivery is made in the transaction that moves its endpoint's position, under the lock of the endpoint's row;
    * what is due is `waiting` and its `next_attempt_at` is past; whoever takes it moves that to the end of a lease;
    * an outcome counts for the attempt that it is of: one that comes after the lease, when another has begun, does not.
"""
