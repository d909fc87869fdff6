"""Something happens between COMMIT and what follows it: a cut, a kill, a broker that is away."""

import signal
from collections.abc import Iterable
from random import Random
from typing import Any

from tests.chaos.faults.fault import Fault
from tests.chaos.proxy import Ambush
from tests.chaos.waiting import POLL_S
from tests.chaos.world import World
from trueup_worker.local.servers.server import Server, wait_until

_AMBUSH_SECONDS_MAX = 2.0  # until the COMMITs have come; an idle process makes none


def kill_worker_before_commit(world: World, rng: Random) -> str:
    """SIGKILL for workers whose COMMIT has not reached Postgres."""
    return _at_commit(world, world.lineup.commit_workers, count=rng.randint(1, 3), meanwhile=world.kill)


def kill_worker_after_commit(world: World, rng: Random) -> str:
    """SIGKILL for workers between COMMIT and ack."""
    return _at_commit(world, world.lineup.commit_workers, count=rng.randint(1, 3), reaches=True, meanwhile=world.kill)


def kill_valkey_before_ack(world: World, _: Random) -> str:
    """Valkey is away at the moment when a worker that has committed acknowledges."""
    ended: list[Server] = []
    told = _at_commit(
        world,
        world.lineup.worker_names,
        count=1,
        reaches=True,
        is_answered=True,
        meanwhile=lambda _: ended.append(world.end("Valkey", signal.SIGKILL)),
    )
    for server in ended:
        world.wait_until_back("Valkey", server)
    return told


def lose_commits(world: World, rng: Random) -> str:
    """Connections are cut when COMMIT is on its way to Postgres."""
    return _at_commit(world, world.lineup.names, count=rng.randint(3, 8))


def lose_answers_to_commits(world: World, rng: Random) -> str:
    """Connections are cut when Postgres has committed, and nobody knows."""
    return _at_commit(world, world.lineup.names, count=rng.randint(3, 8), reaches=True)


KINDS: tuple[Fault, ...] = (
    kill_worker_before_commit,
    kill_worker_after_commit,
    kill_valkey_before_ack,
    lose_commits,
    lose_answers_to_commits,
)


def _at_commit(world: World, doors: Iterable[str], *, count: int, **what: Any) -> str:
    """Lies in wait for so many COMMITs."""
    ambushes = [Ambush(frozenset(doors), **what) for _ in range(count)]
    for ambush in ambushes:
        world.proxy.lie_in_wait(ambush)
    happened = [ambush.happened for ambush in ambushes]
    wait_until(lambda: all(each.is_set() for each in happened), seconds_max=_AMBUSH_SECONDS_MAX, interval_s=POLL_S)
    world.proxy.give_up()
    return f"{sum(each.is_set() for each in happened)} of {count}"
