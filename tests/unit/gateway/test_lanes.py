"""Two envelopes of a lane are on their way; the next calls gather until one of them is decided, or a moment is over."""

import asyncio

import pytest

from trueup_worker.gateway.enqueue import lanes
from trueup_worker.gateway.enqueue.lanes import Lane
from trueup_worker.gateway.limits import ENVELOPES_MAX


def test_nobody_waits_before_the_limit() -> None:
    """An envelope that is decided does not count."""

    async def run() -> int:
        lane, loop = Lane("commits"), asyncio.get_running_loop()
        lane.undecided = [loop.create_future() for _ in range(ENVELOPES_MAX)]
        lane.undecided[0].set_result(None)
        async with asyncio.timeout(5):
            await lane.turn()
        return len(lane.undecided)

    assert asyncio.run(run()) == ENVELOPES_MAX - 1


def test_the_first_that_is_decided_lets_the_next_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are undecided beside it."""
    monkeypatch.setattr(lanes, "TURN_SECONDS_MAX", 60.0)

    async def run() -> bool:
        lane, loop = Lane("commits"), asyncio.get_running_loop()
        lane.undecided = [loop.create_future() for _ in range(ENVELOPES_MAX)]
        loop.call_soon(lane.undecided[-1].set_result, None)
        async with asyncio.timeout(5):
            await lane.turn()
        return lane.undecided[0].done()

    assert not asyncio.run(run())


def test_an_envelope_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds others up for a moment, once, and is left alone by then."""
    monkeypatch.setattr(lanes, "TURN_SECONDS_MAX", 0.01)

    async def run() -> tuple[int, bool]:
        lane, loop = Lane("commits"), asyncio.get_running_loop()
        slow, *_ = lane.undecided = [loop.create_future() for _ in range(ENVELOPES_MAX)]
        async with asyncio.timeout(5):
            await lane.turn()
        return len(lane.undecided), slow.cancelled()

    assert asyncio.run(run()) == (ENVELOPES_MAX - 1, False)
