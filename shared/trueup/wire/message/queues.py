"""Queues: which task takes requests of a kind, and on which queues they travel."""

from typing import NamedTuple

from trueup.wire.message.envelope import Kind
from trueup.wire.message.names import (
    QUEUE_BULK,
    QUEUE_PROBES,
    QUEUE_SINGLE,
    QUEUE_USAGE,
    TASK_CREATE,
    TASK_PROBE,
    TASK_RECORD,
)


class Route(NamedTuple):
    """The task that takes envelopes of a kind.

    Attributes:
        task: its name, which the signature covers.
        single: the queue of requests that somebody waits for.
        bulk: the queue of files.
    """

    task: str
    single: str
    bulk: str


COMMITS = Route(TASK_CREATE, QUEUE_SINGLE, QUEUE_BULK)
USAGE = Route(TASK_RECORD, QUEUE_USAGE, QUEUE_USAGE)
_TASKS = {QUEUE_USAGE: TASK_RECORD, QUEUE_PROBES: TASK_PROBE}


def route_of(kind: Kind) -> Route:
    """Route of requests of this kind."""
    return USAGE if kind == "usage" else COMMITS


def route_of_task(task: str) -> Route:
    """Route by which an envelope for this task is sent again."""
    return USAGE if task == TASK_RECORD else COMMITS


def task_on(queue: str) -> str:
    """The task that the messages on a queue are for."""
    return _TASKS.get(queue, TASK_CREATE)
