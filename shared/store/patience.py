"""Running a unit of work again while it may still succeed (spec 2.5: 5 tries, jittered, 30 s in all)."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from shared.limits import TRANSIENT_SECONDS_MAX, TRANSIENT_TRIES_MAX
from shared.store.errors import is_transient

T = TypeVar("T")


def patiently(unit: Callable[[], T]) -> T:
    """Runs a whole unit of work, its transaction included, until it succeeds, is refused for good, or time is up."""
    retrying = Retrying(
        stop=stop_after_attempt(TRANSIENT_TRIES_MAX) | stop_after_delay(TRANSIENT_SECONDS_MAX),
        wait=wait_random_exponential(multiplier=0.2, max=8),
        retry=retry_if_exception(is_transient),
        reraise=True,
    )
    return retrying(unit)
