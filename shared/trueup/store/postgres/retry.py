"""Running a unit of work again while it may still succeed (5 tries, jittered, 30 s in all)."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from trueup.limits import TRANSIENT_SECONDS_MAX, TRANSIENT_TRIES_MAX
from trueup.store.postgres.errors import is_locked, is_too_much, is_transient, primary_message

T = TypeVar("T")

_STOP = stop_after_attempt(TRANSIENT_TRIES_MAX) | stop_after_delay(TRANSIENT_SECONDS_MAX)
_WAIT = wait_random_exponential(multiplier=0.2, max=8)
_WAITED_S_MAX = 1.0

log = structlog.get_logger()


class NotRetried(Exception):
    """Base of what a unit of work raises on purpose: running it again would not change it."""


def _is_worth_a_try(error: BaseException, seconds: float) -> bool:
    """Tell whether it may succeed in a moment: what has waited long already, at a lock or a disk, would wait again."""
    if isinstance(error, NotRetried):
        return False
    return is_transient(error) and not (seconds > _WAITED_S_MAX and (is_locked(error) or is_too_much(error)))


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    told = primary_message(error) if error else ""
    with suppress(Exception):  # in a producer's process, logs are its application's: theirs may fail
        log.warning("trying again", action="try_again", attempt=state.attempt_number, error=told[:500])


def with_retries(unit: Callable[[], T]) -> T:
    """Run a whole unit of work, its transaction included, until it succeeds, is refused for good, or time is up."""
    began_s = time.monotonic()

    def should_retry(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return error is not None and _is_worth_a_try(error, time.monotonic() - began_s)

    try:
        return unit()  # tenacity's own first try costs 22 µs, three times an envelope
    except Exception as error:
        if not _is_worth_a_try(error, time.monotonic() - began_s):
            raise
        failed = [error]

    def again() -> T:
        if failed:
            raise failed.pop()
        return unit()

    return Retrying(stop=_STOP, wait=_WAIT, retry=should_retry, before_sleep=_tell, reraise=True)(again)
