"""Processes end or stand still: workers, schedulers, producers."""

import signal
from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.world import World


def kill_worker(world: World, rng: Random) -> str:
    """SIGKILL for one worker."""
    name = rng.choice(world.lineup.worker_names)
    world.kill(name)
    return name


def kill_all_workers(world: World, _: Random) -> str:
    """SIGKILL for all of them at the same moment."""
    names = world.lineup.worker_names
    for name in names:
        world.kill(name)
    return f"{len(names)} workers"


def stop_worker(world: World, rng: Random) -> str:
    """SIGTERM for a worker in mid-batch."""
    name = rng.choice(world.lineup.commit_workers)
    world.send(name, signal.SIGTERM)
    return name


def freeze_worker(world: World, rng: Random) -> str:
    """SIGSTOP for a worker until what it holds was delivered to another, which is when the faults are over."""
    name = rng.choice(world.lineup.commit_workers)
    return f"{name}, {world.freeze(name)} messages unacknowledged"


def kill_scheduler(world: World, rng: Random) -> str:
    """SIGKILL for one scheduler, or for all."""
    names = rng.choice([world.lineup.scheduler_names, world.lineup.scheduler_names[:1]])
    for name in names:
        world.kill(name)
    return " and ".join(names)


def kill_producer(world: World, rng: Random) -> str:
    """SIGKILL for a producer."""
    name = rng.choice(world.lineup.producers)
    world.kill(name)
    return name


KINDS: tuple[Fault, ...] = (
    kill_worker,
    kill_all_workers,
    stop_worker,
    freeze_worker,
    kill_scheduler,
    kill_producer,
)
