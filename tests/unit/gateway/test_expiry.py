"""A call that has no outcome in time is answered once its envelope is kept; nobody waits for more than that."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from tests.integration.intake import settings_of
from tests.unit.gateway.test_outcome_watch import waiting
from trueup_worker.gateway.enqueue import expiry as expiry_module
from trueup_worker.gateway.enqueue.background import BackgroundTasks
from trueup_worker.gateway.enqueue.expiry import Expiry
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeReader, OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PENDING, PendingRequest

FOR_EVER = 3_600.0
ENVELOPE = cast("Any", None)


class Keeper:
    """Keeps, and notes for whom; or fails."""

    def __init__(self, watch: OutcomeWatch, *, fails: bool) -> None:
        self._watch, self._fails = watch, fails
        self.kept: list[list[PendingRequest]] = []

    async def keep(self, _: object, pending_requests: list[PendingRequest], *, is_sent: bool) -> bool:
        """Answers as the real one does."""
        assert is_sent
        self.kept.append(pending_requests)
        if self._fails:
            raise LookupError
        self._watch.give(pending_requests, PENDING)
        return True


def run(
    case: Callable[[Expiry, list[PendingRequest], Keeper], Awaitable[None]], *, wait_s: float, fails: bool = False
) -> tuple[list[object], int]:
    """What two calls of an envelope were told, and how often it was kept."""

    async def told() -> tuple[list[object], int]:
        watch, tasks = OutcomeWatch(OutcomeReader(settings_of()), interval_s=lambda: FOR_EVER), BackgroundTasks()
        keeper = Keeper(watch, fails=fails)
        expiry = Expiry(cast("Any", keeper), watch, tasks, wait_s=wait_s)
        calls = [waiting(), waiting()]
        watch.expect(calls)
        async with asyncio.timeout(5):
            await case(expiry, calls, keeper)
            answers = await asyncio.gather(*(each.answer for each in calls), return_exceptions=True)
            await tasks.drain()
        assert not any(watch.is_waiting_for(1, each.request.id) for each in calls)
        assert not expiry._timers
        return [type(each) if isinstance(each, Exception) else each for each in answers], len(keeper.kept)

    return asyncio.run(told())


async def wait(expiry: Expiry, calls: list[PendingRequest], _: Keeper) -> None:
    """Waits until all calls are answered."""
    await expiry.wait(ENVELOPE, calls)


def test_who_has_no_outcome_is_kept() -> None:
    """All such calls of an envelope at once."""
    assert run(wait, wait_s=0.01) == ([PENDING, PENDING], 1)


def test_what_cannot_be_kept_is_told() -> None:
    """An error ends the wait, too: the next envelope of the lane goes its way."""
    assert run(wait, wait_s=0.01, fails=True) == ([LookupError, LookupError], 1)


def test_who_has_an_answer_waits_no_more() -> None:
    """An envelope whose calls are answered is not kept, and is done with the last of them."""

    async def answer(expiry: Expiry, calls: list[PendingRequest], keeper: Keeper) -> None:
        decided = expiry.wait(ENVELOPE, calls)
        keeper._watch.give(calls[:1], PENDING)
        await asyncio.sleep(0)
        assert not decided.done()
        keeper._watch.refuse(calls[1:], KeyError())
        await decided
        assert expiry.wait(ENVELOPE, calls).done()

    assert run(answer, wait_s=FOR_EVER) == ([PENDING, KeyError], 0)


def test_a_stop_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is kept soon then, once; so is who comes later."""
    monkeypatch.setattr(expiry_module, "STOP_SECONDS_MAX", 0.01)

    async def stop(expiry: Expiry, calls: list[PendingRequest], _: Keeper) -> None:
        before = expiry.wait(ENVELOPE, calls[:1])
        expiry.stop()
        await asyncio.gather(before, expiry.wait(ENVELOPE, calls[1:]))

    assert run(stop, wait_s=FOR_EVER) == ([PENDING, PENDING], 2)
