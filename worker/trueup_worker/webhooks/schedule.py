"""The schedule by which a delivery that failed is tried again: a rule, without I/O."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

_SPREAD = 0.1
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WAIT = re.compile(r"(\d{1,6})([smhd])")


def waits_of(given: str) -> tuple[timedelta, ...]:
    """The waits between attempts as a setting has them: `5s,5m,30m,2h`.

    Raises:
        ValueError: one of them is none; says which.
    """
    return tuple(_wait(each.strip()) for each in given.split(","))


def _wait(given: str) -> timedelta:
    found = _WAIT.fullmatch(given)
    if found is None:
        raise ValueError(f"{given[:20]!r} is no time: one looks like 5s, 30m, 2h or 1d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a delivery in its schedule.

    Attributes:
        step: waits that have begun.
        hurry: 0: none; 1: it is tried beside the schedule, as another delivery went through; 2: and that failed.
    """

    step: int
    hurry: int


def after_failure(place: Place, waits: Sequence[timedelta], *, drawn: float | None = None) -> tuple[Place, timedelta]:
    """The next place, and how long to wait there.

    What is tried beside the schedule uses none of it up, and is so tried once between two waits: else one delivery
    that always fails would be tried whenever another went through.

    Args:
        place: of the attempt that failed.
        waits: of the schedule.
        drawn: between 0 and 1, for the spread of ten percent; None: by chance.

    Raises:
        Exhausted: this was the last attempt.
    """
    beside = place.hurry == 1
    step = place.step if beside else place.step + 1
    if step > len(waits):
        raise Exhausted
    chance = random.random() if drawn is None else drawn  # noqa: S311 (spreads, protects nothing)
    wait = waits[max(step, 1) - 1] * (1 - _SPREAD + 2 * _SPREAD * chance)
    return Place(step, 2 if beside else 0), wait


class Exhausted(Exception):
    """Every attempt of the schedule has failed."""
