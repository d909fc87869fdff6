"""The way to a worker is proved by what passed, or by a probe."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.gateway.test_rate_limit import Clock
from trueup.producer.publish import BrokerUnavailable
from trueup_worker.gateway.database.single_flight import SingleFlight
from trueup_worker.gateway.enqueue.outcomes import create_round_trip as round_trip_module
from trueup_worker.gateway.enqueue.outcomes.create_round_trip import CreateRoundTrip
from trueup_worker.gateway.limits import ROUND_TRIP_SECONDS


class Probes:
    """What is sent, and who answers."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.on_sent: Callable[[str], None] = lambda _: None
        self.are_heard = True

    async def send(self, name: str) -> None:
        """Sends one."""
        self.sent.append(name)
        self.on_sent(name)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long."""
    monkeypatch.setattr(round_trip_module, "HEALTH_SECONDS_MAX", 0.05)


def asked(scene: Callable[[CreateRoundTrip, Probes, Clock], Awaitable[None]]) -> None:
    """Plays a scene."""

    async def play() -> None:
        probes, clock = Probes(), Clock()
        await scene(CreateRoundTrip(probes.send, lambda: probes.are_heard, clock_s=clock), probes, clock)

    asyncio.run(play())


def test_what_passed_proves_it() -> None:
    """For a while nothing is sent; then a probe is."""

    async def scene(way: CreateRoundTrip, probes: Probes, clock: Clock) -> None:
        way.note()
        assert await way.is_open()
        assert probes.sent == []
        clock.now_s += ROUND_TRIP_SECONDS
        assert not await way.is_open()
        assert len(probes.sent) == 1

    asked(scene)


def test_a_probe_that_is_answered_proves_it() -> None:
    """One for all who ask at the same time; one that is answered late counts as soon as it is; another's does not."""

    async def scene(way: CreateRoundTrip, probes: Probes, clock: Clock) -> None:
        assert not await way.is_open()
        way.hear(["another's"])
        assert not await way.is_open()
        way.hear(probes.sent)
        assert await way.is_open()
        clock.now_s += ROUND_TRIP_SECONDS
        probes.sent.clear()
        probes.on_sent = lambda name: way.hear([name])
        assert await asyncio.gather(*(way.is_open() for _ in range(50))) == [True] * 50
        assert len(probes.sent) == 1

    asked(scene)


def test_where_nothing_would_be_heard() -> None:
    """No probe is sent, and nothing is concluded; a broker that is away is no way."""

    async def scene(way: CreateRoundTrip, probes: Probes, _: Clock) -> None:
        probes.are_heard = False
        assert await way.is_open()
        assert probes.sent == []

        def away(_: str) -> None:
            raise BrokerUnavailable("away")

        probes.are_heard, probes.on_sent = True, away
        assert not await way.is_open()

    asked(scene)


def test_an_answer_that_fails_is_sought_anew() -> None:
    """Nobody waits for one that failed."""
    answers: list[int | Exception] = [ValueError("once"), 2]

    async def seek() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> int:
        together = SingleFlight(seek)
        with pytest.raises(ValueError, match="once"):
            await together()
        return await together()

    assert asyncio.run(ask()) == 2
