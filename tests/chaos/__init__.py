"""Chaos: processes, services and connections die while a backlog is being worked, and then everything must agree.

    python -m tests.chaos --rounds 100 --seed 1
    python -m tests.chaos --rounds 1 --only overload --only replay_twice --full

A round builds a backlog, lets faults happen that its seed chooses, stops them, gives the system a minute to recover by
itself, and looks for violations:

    every request that was accepted has exactly one outcome, the one its content asks for
    one commit per id and per uniqueness key, announced once; one invoice per due obligation; numbers without a gap
    `reconcile` finds nothing; nothing is kept or parked any more
    a reader of the feed, who pages all the while, skips no event, reads none twice, and reads them in their order
    no row of another account was touched; delivering everything again changes nothing

What is real: Postgres, Valkey, the supervisor that restarts what died, workers, schedulers, gateways, producers, and
callers over HTTP. What is of the tests: a proxy before Postgres, shorter timeouts, file systems that can be filled, a
clock that can be set, and the faults, a family a file in `faults`.
"""
