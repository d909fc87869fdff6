"""CPU time by kind of process, over whole process trees.

Every process of a run descends from this one. A process that ended is in its parent's account of reaped children, so
that adding up own and reaped time of all that live counts everything once: also Postgres backends that came and went.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

PRODUCER = "producer"
_NAMED = (  # how the name of a process begins, and what kind that makes it
    ("trueup-gateway", "gateway"),
    ("trueup-schedule", "scheduler"),
    ("trueup-fork_server", "fork_server"),
    ("trueup-events", "deliveries"),
    ("trueup-", "workers"),
    ("postgres", "postgres"),
    ("valkey-server", "valkey"),
    ("celery", "naive workers"),
)
_RUNNING = (  # what a command line holds, where the name tells nothing
    ("tests.benchmarks.bare_route", "bare route"),
    ("tests.benchmarks.receiver", "receiver"),
)


def kind_of(process: psutil.Process) -> str:
    """The kind of a process; by its name, as one that has just ended has no command line any more."""
    name = process.name()
    if kind := next((kind for start, kind in _NAMED if name.startswith(start)), None):
        return kind
    command = " ".join(process.cmdline())
    return next((kind for part, kind in _RUNNING if part in command), "other")


def processes() -> Iterator[tuple[str, psutil.Process]]:
    """This process, which produces, and everything that descends from it, with its kind."""
    here = psutil.Process()
    yield PRODUCER, here
    for child in here.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            yield kind_of(child), child


def cpu_seconds() -> dict[str, float]:
    """CPU seconds so far, user and system, by kind."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for kind, process in processes():
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds[kind] += times.user + times.system
            if process.pid != os.getpid():  # our own children are counted by themselves
                seconds[kind] += times.children_user + times.children_system
    return seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took: wall time and CPU time by kind of process."""

    seconds: float
    cpu_s: Mapping[str, float]


class Meter:
    """Measures what happens inside a `with`, up to `stop` or its end; `cost` is there afterwards."""

    cost: Cost
    _is_stopped = False

    def __enter__(self) -> Self:
        self._cpu_s = cpu_seconds()
        self._own_s, self._began_s = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the measurement; what comes next, a report for one, is not part of it."""
        if self._is_stopped:
            return
        self._is_stopped = True
        seconds, own_s = time.perf_counter() - self._began_s, time.process_time() - self._own_s
        now_s = cpu_seconds()
        spent_s = {kind: now_s[kind] - self._cpu_s.get(kind, 0.0) for kind in now_s}
        self.cost = Cost(seconds, spent_s | {PRODUCER: own_s})  # without what it took to look at all the others
