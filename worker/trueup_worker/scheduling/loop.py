"""The scheduler process: looks again and again, and outlives whatever it depends on."""

import signal
from collections.abc import Callable, Mapping
from threading import Event
from types import FrameType
from typing import NoReturn

import structlog

SECONDS_BETWEEN_FAILURES_MAX = 5.0  # how late the first look may be once the database and the broker are back

log = structlog.get_logger()


def run(
    look: Callable[[], int],
    *,
    interval_s: float,
    on_first_look: Callable[[], None],
    stopping: Event,
) -> None:
    """Look every `interval_s` seconds until it is told to stop.

    A look that fails is repeated after a growing pause; the first failure in a row and the recovery are logged.

    Args:
        look: sends tasks for what is due and says how many.
        interval_s: from the end of one look to the start of the next.
        on_first_look: called once, after the first look that succeeded.
        stopping: set when it is to stop.
    """
    failures = 0
    announced = False
    while not stopping.is_set():
        try:
            sent = look()
            if not announced:
                on_first_look()
                announced = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
            failures += 1
            _tell_failure(failures, error)
            stopping.wait(min(interval_s * 2**failures, SECONDS_BETWEEN_FAILURES_MAX))
            continue
        if failures:
            log.info("scheduler is back", action="scheduler_back", failed_looks=failures)
        failures = 0
        if sent:
            log.debug("tasks sent", action="tasks_sent", tasks=sent)
        stopping.wait(interval_s)


class Steps:
    """Steps of a look, one after the other: one that fails keeps none of the others from being taken.

    Called, they are taken: what they sent is added up.

    Args:
        steps: by their names; each says how much it sent.
    """

    def __init__(self, steps: Mapping[str, Callable[[], int]]) -> None:
        self._steps, self._failing = steps, set[str]()

    def __call__(self) -> int:
        """Take all of them, and raise the first error then; a step's first failure in a row is logged."""
        sent, errors = 0, []
        for name, step in self._steps.items():
            try:
                sent += step()
                self._failing.discard(name)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason to leave out the others
                errors.append(error)
                if name not in self._failing:
                    log.warning("step of a look failed", action="step_failed", step=name, error=_line_of(error))
                self._failing.add(name)
        if errors:
            raise errors[0]
        return sent


def stop_on_signals() -> Event:
    """Make SIGTERM and SIGINT end the process at once: it holds nothing that could be left half done.

    Returns:
        What they set beside raising SystemExit, which is lost where Python ignores errors (in a finaliser).
    """
    stopping = Event()

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        stopping.set()
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


def _tell_failure(failures: int, error: Exception) -> None:
    if failures == 1:
        log.warning(
            "scheduler cannot look, and tries again until it can",
            action="scheduler_away",
            error=_line_of(error),
        )


def _line_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
