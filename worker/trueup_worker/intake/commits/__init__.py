"""Read, judge and persist, for envelopes of commits and credits.

Invariants:
    * a key is used once in an account, for ever, and only by what became a commit;
    * Postgres decides who was first; what Redis remembers of used keys is verified there.
"""
