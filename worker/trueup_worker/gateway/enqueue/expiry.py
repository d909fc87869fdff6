"""The end of waiting: calls that have no outcome in time are answered once their envelope is kept."""

import asyncio
from dataclasses import dataclass
from functools import partial

from trueup_worker.gateway.enqueue.answering import answering
from trueup_worker.gateway.enqueue.background import BackgroundTasks
from trueup_worker.gateway.enqueue.keep import Keeper
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import Answer, PendingRequest
from trueup_worker.gateway.enqueue.sender import SignedEnvelope
from trueup_worker.gateway.limits import STOP_SECONDS_MAX


@dataclass(slots=True, eq=False)
class _Waiting:
    """An envelope whose calls wait; `missing` of them have no answer yet."""

    envelope: SignedEnvelope
    calls: list[PendingRequest]
    missing: int
    decided: asyncio.Future[None]


class Expiry:
    """The wait of calls for their outcomes, as long as it is reasonable.

    Args:
        keeper: keeps what is undecided then.
        watch: of the calls that wait.
        tasks: in which that is done.
        wait_s: how long an outcome is waited for.
    """

    def __init__(self, keeper: Keeper, watch: OutcomeWatch, tasks: BackgroundTasks, *, wait_s: float) -> None:
        self._keeper, self._watch, self._tasks, self._wait_s = keeper, watch, tasks, wait_s
        self._timers: dict[_Waiting, asyncio.TimerHandle] = {}

    def wait(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> asyncio.Future[None]:
        """Let an envelope's calls wait.

        Returns:
            What is done when all of them are answered.
        """
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[None] = loop.create_future()
        calls = [each for each in pending_requests if not each.answer.done()]
        if not calls:
            decided.set_result(None)
            return decided
        waiting = _Waiting(envelope, calls, len(calls), decided)
        self._end_by(waiting, loop.time() + self._wait_s)
        for call in calls:
            call.answer.add_done_callback(partial(self._count, waiting))
        return decided

    def stop(self) -> None:
        """Let nobody wait longer than a stop may take, from now on."""
        self._wait_s = min(self._wait_s, STOP_SECONDS_MAX)
        now_s = asyncio.get_running_loop().time()
        for waiting, timer in self._timers.items():
            timer.cancel()
            self._end_by(waiting, min(timer.when(), now_s + STOP_SECONDS_MAX))

    def _end_by(self, waiting: _Waiting, time_s: float) -> None:
        self._timers[waiting] = asyncio.get_running_loop().call_at(time_s, self._expire, waiting)

    def _count(self, waiting: _Waiting, _: asyncio.Future[Answer]) -> None:
        """Count an answer; the last one ends the wait."""
        waiting.missing -= 1
        if not waiting.missing:
            if (timer := self._timers.pop(waiting, None)) is not None:
                timer.cancel()
            waiting.decided.set_result(None)

    def _expire(self, waiting: _Waiting) -> None:
        self._timers.pop(waiting, None)
        undecided = [each for each in waiting.calls if not each.answer.done()]
        if undecided:
            self._tasks.start(self._keep(waiting.envelope, undecided))

    async def _keep(self, envelope: SignedEnvelope, undecided: list[PendingRequest]) -> None:
        with answering(self._watch, undecided):
            await self._keeper.keep(envelope, undecided, is_sent=True)
