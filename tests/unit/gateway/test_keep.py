"""A call whose envelope the database does not take is told the truth, which depends on the broker."""

import asyncio
from contextlib import closing
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from tests.integration.intake import settings_of
from tests.unit.gateway.test_outcome_watch import waiting
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.keep import Keeper
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeReader, OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PENDING
from trueup_worker.gateway.http.refusals import Refusal


class Sender:
    """Sends to a broker of one kind or the other; its database is away."""

    def __init__(self, *, keeps_what_it_takes: bool) -> None:
        self.keeps_what_it_takes = keeps_what_it_takes

    def keep(self, _: object) -> None:
        """Fails."""
        raise OperationalError("INSERT", {}, Exception("the database is away"))


@pytest.mark.parametrize(("durable", "is_sent"), [(True, True), (True, False), (False, True)])
def test_what_a_durable_broker_has_is_accepted(durable: bool, is_sent: bool) -> None:  # noqa: FBT001
    """Only what was sent to a broker that keeps what it takes needs no database; of the rest nobody knows."""

    async def told() -> object:
        watch = OutcomeWatch(OutcomeReader(settings_of()), interval_s=lambda: 3_600.0)
        call = waiting()
        watch.expect([call])
        with closing(Threads(1, name="keeping")) as threads:
            keeper = Keeper(cast("Any", Sender(keeps_what_it_takes=durable)), threads, watch)
            kept = await keeper.keep(cast("Any", None), [call], is_sent=is_sent)
        (answer,) = await asyncio.gather(call.answer, return_exceptions=True)
        assert kept is (answer is PENDING)
        return answer

    answer = asyncio.run(told())
    if durable and is_sent:
        assert answer is PENDING
    else:
        assert isinstance(answer, Refusal)
