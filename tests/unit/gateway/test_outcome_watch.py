"""Who waits for an outcome gets it, whatever happened to the look before."""

import asyncio
from uuid import UUID

from tests.integration.intake import settings_of
from trueup.clock import utc_now
from trueup.ids import new_id_text
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.outcome import Outcome
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeReader, OutcomeWatch, Wanted
from trueup_worker.gateway.enqueue.pending_request import Answer, PendingRequest


class Finding(OutcomeReader):
    """Finds every outcome."""

    def __init__(self) -> None:
        super().__init__(settings_of())

    async def read(self, wanted: Wanted) -> list[Outcome]:
        """All that is wanted was created."""
        return [Outcome(UUID(each), "created", 1, utc_now()) for ids in wanted.values() for each in ids]


class Stumbling(Finding):
    """Finds what it cannot read at first."""

    looks = 0

    async def read(self, wanted: Wanted) -> list[Outcome]:
        """As ever, but for the first look."""
        self.looks += 1
        if self.looks == 1:
            raise KeyError("a column")
        return await super().read(wanted)


def waiting() -> PendingRequest:
    """A request that somebody waits for."""
    request = QueuedRequest(new_id_text(), "commit", None, "{}")
    return PendingRequest(request, "acme", 1, asyncio.get_running_loop().create_future())


def test_a_look_that_fails() -> None:
    """The next one is made all the same."""

    async def ask() -> tuple[Answer, str]:
        pending_request = waiting()
        watch = OutcomeWatch(Stumbling(), interval_s=lambda: 0.001)
        looking = asyncio.create_task(watch.look())
        watch.expect([pending_request])
        async with asyncio.timeout(5):
            answer = await pending_request.answer
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return answer, pending_request.request.id

    answer, request_id = asyncio.run(ask())
    assert isinstance(answer, Outcome)
    assert (answer.outcome, answer.request_id) == ("created", UUID(request_id))


def test_a_hint_that_is_lost() -> None:
    """Who is not heard of is looked after all the same, also while there is always news of others."""

    async def ask() -> int:
        forgotten, others = waiting(), 0
        watch = OutcomeWatch(Finding(), interval_s=lambda: 0.02)
        looking = asyncio.create_task(watch.look())
        watch.expect([forgotten])
        async with asyncio.timeout(5):
            while not forgotten.answer.done():
                other = waiting()
                watch.expect([other])
                watch.hear("acme", [other.request.id])
                await other.answer
                others += 1
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return others

    assert asyncio.run(ask()) > 1
