"""Waiting for a condition, with a deadline; and letting a fault last."""

from collections.abc import Callable
from threading import Event

from trueup_worker.local.servers.server import wait_until

POLL_S = 0.02


def wait_for(condition: Callable[[], bool], *, what: str, seconds_max: float) -> None:
    """Waits until the condition holds.

    Raises:
        AssertionError: it did not in time; the message says what was waited for.
    """
    assert wait_until(condition, seconds_max=seconds_max, interval_s=POLL_S), f"waited {seconds_max} s for {what}"


def last(seconds: float) -> None:
    """Lets so much time go by: how long a fault lasts is part of it."""
    Event().wait(seconds)
