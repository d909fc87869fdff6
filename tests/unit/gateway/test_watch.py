"""Who waits for an outcome gets it, whatever happened to the look before."""

import asyncio
from uuid import UUID

from shared.clock import utc_now
from shared.ids import new_id_text
from shared.wire.envelope import QueuedRequest
from shared.wire.outcome import Outcome
from tests.integration.intake import settings_of
from worker.gateway.ticket import Answer, Ticket
from worker.gateway.watch import OutcomeReader, Wanted, Watch


class Stumbling(OutcomeReader):
    """Finds what it cannot read at first, and then every outcome."""

    def __init__(self) -> None:
        super().__init__(settings_of())
        self.looks = 0

    async def read(self, wanted: Wanted) -> list[Outcome]:
        """All that is wanted was created."""
        self.looks += 1
        if self.looks == 1:
            raise KeyError("a column")
        return [Outcome(each, "created", 1, utc_now()) for ids in wanted.values() for each in ids]


def test_a_look_that_fails() -> None:
    """The next one is made all the same."""

    async def ask() -> tuple[Answer, str]:
        request = QueuedRequest(new_id_text(), "commit", None, "{}")
        ticket = Ticket(request, "acme", 1, asyncio.get_running_loop().create_future())
        watch = Watch(Stumbling(), interval_s=lambda: 0.001)
        looking = asyncio.create_task(watch.look())
        watch.expect([ticket])
        async with asyncio.timeout(5):
            answer = await ticket.answer
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return answer, request.id

    answer, request_id = asyncio.run(ask())
    assert isinstance(answer, Outcome)
    assert (answer.outcome, answer.request_id) == ("created", UUID(request_id))
