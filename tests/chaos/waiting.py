"""Waiting for a condition, with a deadline."""

from collections.abc import Callable

from worker.local.server import wait_until

POLL_S = 0.02


def wait_for(condition: Callable[[], bool], *, what: str, seconds_max: float) -> None:
    """Waits until the condition holds.

    Raises:
        AssertionError: it did not in time; the message says what was waited for.
    """
    assert wait_until(condition, seconds_max=seconds_max, interval_s=POLL_S), f"waited {seconds_max} s for {what}"
