"""Batches of odd messages, each with as many good ones, until the time is over or a promise is broken."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.acceptance.watch import Watch
from tests.fuzz.generator import odd_element
from trueup.wire.message.names import QUEUES

BATCH = 40
RSS_MB_MAX = 300
_ENDS = ('"action": "parked"', '"action": "envelope_decided"')  # every message ends in one of these lines


@dataclass(frozen=True, slots=True)
class Done:
    """What was sent."""

    batches: int
    odd: int
    peak_mb: float


def fuzz(watch: Watch, logs: Callable[[], str], *, seconds: float, seed: int) -> Done:
    """Sends batch after batch, of at least one.

    Args:
        watch: the worker, and where it is sent to.
        logs: what the worker said, as JSON lines.
        seconds: for how long.
        seed: of the first batch; each batch's is one more.

    Raises:
        AssertionError: a promise was broken; the message says which, and by which element.
    """
    ends_at, number = time.monotonic() + seconds, seed
    while number == seed or time.monotonic() < ends_at:
        elements = _draw(watch, Random(number))
        try:
            _send(watch, logs, elements)
        except AssertionError as broken:
            raise AssertionError(f"batch {number}: {broken}; sent were\n{_told(elements)}") from broken
        number += 1
    return Done(number - seed, (number - seed) * BATCH, watch.peak_mb())


def _draw(watch: Watch, rng: Random) -> list[tuple[str, bytes]]:
    """Queues, and what is put on them."""
    return [(rng.choice(QUEUES), odd_element(rng, watch.message())) for _ in range(BATCH)]


def _send(watch: Watch, logs: Callable[[], str], elements: list[tuple[str, bytes]]) -> None:
    ended_before, sent = _ended(logs()), []
    for queue, element in elements:
        watch.put(element, queue=queue)
        request_id, good = watch.good()
        watch.put(good, queue=queue)
        sent.append(request_id)
    watch.wait_for_created(sent)
    ended = _ended(logs()) - ended_before
    assert ended >= 2 * len(elements), f"of {2 * len(elements)} messages {ended} were decided or parked"
    assert watch.peak_mb() < RSS_MB_MAX, f"the worker held {watch.peak_mb():.0f} MB"


def _ended(logs: str) -> int:
    return sum(logs.count(line) for line in _ENDS)


def _told(elements: list[tuple[str, bytes]]) -> str:
    return "\n".join(json.dumps([queue, element[:2_000].decode("latin-1")]) for queue, element in elements)
