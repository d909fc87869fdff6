"""Postgres ends, or ends connections."""

import signal
from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.world import World


def restart_postgres(world: World, _: Random) -> str:
    """Postgres ends by a fast shutdown and comes back."""
    return world.restart("Postgres", signal.SIGINT)


def crash_postgres(world: World, _: Random) -> str:
    """Postgres ends by an immediate shutdown and comes back after crash recovery."""
    return world.restart("Postgres", signal.SIGQUIT)


def terminate_backends(world: World, rng: Random) -> str:
    """Half of the connections to Postgres are ended by the server."""
    backends = world.rows(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup' AND pid <> pg_backend_pid() ORDER BY pid"
    )
    chosen = rng.sample(backends, len(backends) // 2)
    for (pid,) in chosen:
        world.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    return f"{len(chosen)} of {len(backends)}"


KINDS: tuple[Fault, ...] = (
    restart_postgres,
    crash_postgres,
    terminate_backends,
)
