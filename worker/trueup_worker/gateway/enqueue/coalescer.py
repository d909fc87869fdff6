"""From calls to envelopes and back: takes what is there without waiting to fill, and answers when it is decided."""

import asyncio
import time
from itertools import islice

from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.queues import route_of
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.answering import answering
from trueup_worker.gateway.enqueue.background import BackgroundTasks
from trueup_worker.gateway.enqueue.create_retries import Tries
from trueup_worker.gateway.enqueue.dispatch import Dispatcher
from trueup_worker.gateway.enqueue.expiry import Expiry
from trueup_worker.gateway.enqueue.keep import Keeper
from trueup_worker.gateway.enqueue.lanes import Lane, Lanes, Manner
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import Answer, PendingRequest
from trueup_worker.gateway.enqueue.redis_sender import RedisSender
from trueup_worker.gateway.enqueue.sender import Sender, SignedEnvelope
from trueup_worker.gateway.enqueue.sending import Sending
from trueup_worker.gateway.http.refusals import in_doubt, unavailable


class Coalescer:
    """The way of requests to their answers.

    Args:
        sender: sends and keeps envelopes.
        redis_sender: sends them faster, where it can.
        sending: the one thread in which envelopes are sent, in turn.
        keeping: threads in which they are kept.
        tries: notes what a client's own retry is to find.
        watch: finds the outcomes.
        wait_s: how long an outcome is waited for.
        note_s: how long an answer waits for the note of its try.
    """

    def __init__(
        self,
        sender: Sender,
        redis_sender: RedisSender,
        *,
        sending: Threads,
        keeping: Threads,
        tries: Tries,
        watch: OutcomeWatch,
        wait_s: float,
        note_s: float,
    ) -> None:
        self._sender, self._watch, self._note_s = sender, watch, note_s
        self._tasks, self._lanes = BackgroundTasks(), Lanes()
        keeper = Keeper(sender, keeping, watch)
        self._expiry = Expiry(keeper, watch, self._tasks, wait_s=wait_s)
        dispatcher = Dispatcher(sender, redis_sender, sending)
        self._sending = Sending(dispatcher, keeper, tries=tries, watch=watch, expiry=self._expiry)
        self._unanswered: dict[PendingRequest, float] = {}

    async def submit(
        self,
        principal: Principal,
        request: QueuedRequest,
        manner: Manner = "wait",
        *,
        digest: bytes | None = None,
        call_id: str | None = None,
    ) -> Answer:
        """Submit a request and wait: its outcome, or `PENDING` once it is kept and will have one.

        Args:
            principal: whose call.
            request: that it brings.
            manner: what it waits for.
            digest: of a call whose retries are to find this request.
            call_id: of the call, for logs.

        Raises:
            Refusal: 429 and 503: it was not taken; or, if that is not known, with its id.
        """
        pending_request = _pending_request(principal, request, digest)
        pending_request.call_id = call_id
        lane = self._lanes.of((principal.caller.key_id, route_of(request.kind).single, manner))
        self._unanswered[pending_request] = time.monotonic()
        try:
            lane.waiting.append(pending_request)
            if not lane.is_moving:
                lane.mover = self._tasks.start(self._send_all(lane, principal, manner))
            answer = await asyncio.shield(pending_request.answer)
            await self._require_note(pending_request)
            return answer
        finally:
            del self._unanswered[pending_request]

    def waited_s(self) -> float:
        """Seconds that the call has been waiting that has waited longest."""
        began_s = next(iter(self._unanswered.values()), None)
        return 0.0 if began_s is None else time.monotonic() - began_s

    def is_waiting_for(self, account_id: int, request_id: str) -> bool:
        """Tell whether a request of this account is on its way from here."""
        return self._watch.is_waiting_for(account_id, request_id)

    def stop(self) -> None:
        """Wait for outcomes no longer than a stop may take: what has none by then is kept."""
        self._expiry.stop()

    async def drain(self) -> None:
        """Return when nothing is on its way."""
        await self._tasks.drain()

    async def _send_all(self, lane: Lane, principal: Principal, manner: Manner) -> None:
        """Send all that waits, again and again, until nothing does; nobody is left waiting, however it ends."""
        try:
            while lane.waiting:
                await lane.turn()
                await self._send_waiting(lane, principal, manner)
        except BaseException:
            self._watch.refuse(lane.take(), unavailable("the queue"))
            raise

    async def _send_waiting(self, lane: Lane, principal: Principal, manner: Manner) -> None:
        taken = lane.take()
        with answering(self._watch, taken):
            in_order = iter(taken)
            for packed in list(pack(pending_request.request for pending_request in taken)):
                pending_requests = list(islice(in_order, len(packed.requests)))
                with answering(self._watch, pending_requests):
                    calls = [each.call_id for each in pending_requests if each.call_id]
                    envelope = self._envelope(principal, packed, lane.queue, calls)
                    if manner == "keep":
                        await self._sending.keep_and_send(envelope, pending_requests)
                    elif (decided := await self._sending.send_and_wait(envelope, pending_requests)) is not None:
                        lane.undecided.append(decided)

    def _envelope(self, principal: Principal, packed: Pack, queue: str, calls: list[str]) -> SignedEnvelope:
        return SignedEnvelope(principal, self._sender.meta(principal.caller.account), packed, queue, calls)

    async def _require_note(self, pending_request: PendingRequest) -> None:
        """Return when the try is noted, if it is to be; else nobody may be led to send it again."""
        noted = pending_request.noted
        if noted is None or _is_noted(noted):
            return
        await asyncio.wait([noted], timeout=self._note_s)
        if not _is_noted(noted):
            raise in_doubt(pending_request.request.id)


def _pending_request(principal: Principal, request: QueuedRequest, digest: bytes | None) -> PendingRequest:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    return PendingRequest(request, principal.caller.account, principal.caller.account_id, answer, digest)


def _is_noted(noted: "asyncio.Future[bool]") -> bool:
    return noted.done() and not noted.cancelled() and noted.exception() is None and noted.result()
