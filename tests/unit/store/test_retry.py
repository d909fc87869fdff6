"""A unit of work is run again while it may still succeed."""

from collections.abc import Callable

import psycopg
import pytest
from tenacity import wait_none

from trueup.limits import TRANSIENT_TRIES_MAX
from trueup.store.postgres.retry import NotRetried, with_retries

DEADLOCK, REFUSED = psycopg.errors.DeadlockDetected("again"), psycopg.errors.CheckViolation("never")


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr("trueup.store.postgres.retry._WAIT", wait_none())


def failing(*errors: Exception) -> tuple[Callable[[], str], list[int]]:
    """A unit that fails with these errors in turn, then succeeds; and which of its runs there were."""
    left, runs = list(errors), list[int]()

    def unit() -> str:
        runs.append(len(runs) + 1)
        if left:
            raise left.pop(0)
        return "done"

    return unit, runs


@pytest.mark.parametrize("failures", range(TRANSIENT_TRIES_MAX))
def test_it_is_tried_again(failures: int) -> None:
    """Until it succeeds, once for each failure."""
    unit, runs = failing(*[DEADLOCK] * failures)
    assert with_retries(unit) == "done"
    assert len(runs) == failures + 1


def test_it_is_given_up() -> None:
    """After five tries, with the last error."""
    last = RuntimeError("the fifth")
    unit, runs = failing(*[DEADLOCK] * (TRANSIENT_TRIES_MAX - 1), last)
    with pytest.raises(RuntimeError) as told:
        with_retries(unit)
    assert told.value is last
    assert len(runs) == TRANSIENT_TRIES_MAX


@pytest.mark.parametrize("errors", [[REFUSED], [DEADLOCK, REFUSED]])
def test_what_is_refused_for_good_is_not_tried_again(errors: list[Exception]) -> None:
    """Not the first time, and not later."""
    unit, runs = failing(*errors)
    with pytest.raises(psycopg.errors.CheckViolation):
        with_retries(unit)
    assert len(runs) == len(errors)


def test_a_log_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a producer's process it is the application's own: what it raises ends no retry."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("trueup.store.postgres.retry.log.warning", fail, raising=False)
    unit, _ = failing(DEADLOCK)
    assert with_retries(unit) == "done"


def test_an_answer_is_no_failure() -> None:
    """What a unit raises on purpose is raised at once, also after a try that failed."""
    unit, runs = failing(DEADLOCK, NotRetried("parked"))
    with pytest.raises(NotRetried):
        with_retries(unit)
    assert len(runs) == 2
