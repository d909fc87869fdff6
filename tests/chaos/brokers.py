"""Brokers other than the embedded Valkey, which is the cache then: Debian's, with faults of their own."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from tests.chaos.faults import feed, http, postgres, processes, transactions
from tests.chaos.faults.fault import Fault
from tests.chaos.waiting import last
from tests.chaos.world import World
from tests.services.rabbitmq import RabbitMQ, rabbitmq
from tests.services.sentinels import Sentinels, sentinels

_STILL_S = (2.0, 12.0)  # the last is longer than the time-outs of those who wait for it
_COMMON: tuple[Fault, ...] = (
    *processes.KINDS,
    *transactions.KINDS,
    *postgres.KINDS,
    *feed.KINDS,
    *http.KINDS,
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs, and what may happen in its world.

    Attributes:
        url: where it answers.
        faults: of which a round has some.
        own: how many of them, from the first, are its own.
    """

    url: str
    faults: tuple[Fault, ...]
    own: int


@contextmanager
def rabbitmq_broker(folder: Path) -> Iterator[Broker]:
    """A node of RabbitMQ."""
    with rabbitmq(folder) as node:
        yield Broker(node.url, (*(own := _of_rabbitmq(node)), *_COMMON), len(own))


@contextmanager
def sentinel_broker(folder: Path) -> Iterator[Broker]:
    """Redis with a replica and three sentinels."""
    with sentinels(folder) as watched:
        yield Broker(watched.url, (*(own := _of_sentinels(watched)), *_COMMON), len(own))


BROKERS: dict[str, Callable[[Path], AbstractContextManager[Broker]]] = {
    "rabbitmq": rabbitmq_broker,
    "sentinel": sentinel_broker,
}


def _of_rabbitmq(node: RabbitMQ) -> tuple[Fault, ...]:
    def kill_rabbitmq(_: World, __: Random) -> str:
        """The node is killed and comes back with what it has confirmed."""
        node.stop(by=signal.SIGKILL)
        node.start()
        return "and is back"

    def restart_rabbitmq(_: World, __: Random) -> str:
        """The node ends cleanly and comes back."""
        node.stop()
        node.start()
        return "and is back"

    def freeze_rabbitmq(_: World, rng: Random) -> str:
        """SIGSTOP for the node: connections are open, and nothing is answered, until it goes on."""
        assert node.process is not None
        seconds = rng.choice(_STILL_S)
        ours = [psutil.Process(node.process.pid), *psutil.Process(node.process.pid).children(recursive=True)]
        for each in ours:
            each.suspend()
        try:
            last(seconds)
        finally:
            for each in ours:
                each.resume()
        return f"for {seconds:.0f} s"

    return kill_rabbitmq, restart_rabbitmq, freeze_rabbitmq


def _of_sentinels(watched: Sentinels) -> tuple[Fault, ...]:
    def kill_master(world: World, _: Random) -> str:
        """The master is killed, its replica takes its place, and it comes back as a replica."""
        killed = watched.master
        world.broker_forgot = True  # what the replica had not got yet
        made = watched.kill_master()
        watched.bring_back(killed)
        return f"{made} in place of {killed}"

    def fail_over(world: World, _: Random) -> str:
        """The replica takes the master's place, which lives on."""
        world.broker_forgot = True
        watched.fail_over()
        return f"{watched.master} is the master"

    return kill_master, fail_over
