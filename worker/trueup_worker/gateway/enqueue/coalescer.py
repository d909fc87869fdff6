"""From calls to envelopes and back: takes what is there without waiting to fill, and answers when it is decided."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from trueup.producer.publish import BrokerUnavailable, QueueFull
from trueup.store.postgres.errors import primary_message
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.queues import route_of
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.create_retries import Tries
from trueup_worker.gateway.enqueue.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PENDING, Answer, PendingRequest
from trueup_worker.gateway.enqueue.redis_sender import PerhapsSent, RedisSender
from trueup_worker.gateway.enqueue.sender import NotSent, Sender, SignedEnvelope, TokenRevoked
from trueup_worker.gateway.http.refusals import Refusal, in_doubt, rate_limited, unauthenticated, unavailable
from trueup_worker.gateway.limits import ENVELOPES_MAX, STOP_SECONDS_MAX, TOKENS_MAX, TURN_SECONDS_MAX

log = structlog.get_logger()
T = TypeVar("T")

Manner = Literal["wait", "keep"]  # for the outcome; or only until it is kept


@dataclass(slots=True)
class _Lane:
    """The calls of one token that want the same: while envelopes are being sent and decided, the next one gathers.

    Attributes:
        queue: where their envelopes go.
        waiting: calls that are not sent yet.
        undecided: envelopes that are sent; done when all their calls are answered.
        mover: sees to `waiting` until it is done, however it ends.
    """

    queue: str
    waiting: list[PendingRequest] = field(default_factory=list)
    undecided: list[asyncio.Future[None]] = field(default_factory=list)
    mover: asyncio.Task[None] | None = None

    @property
    def is_moving(self) -> bool:
        """Whether somebody sees to `waiting`."""
        return self.mover is not None and not self.mover.done()


class Coalescer:
    """Takes requests and gives their answers.

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
        self._sender, self._redis_sender, self._sending, self._keeping = sender, redis_sender, sending, keeping
        self._tries, self._watch = tries, watch
        self._wait_s, self._note_s = wait_s, note_s
        self._lanes: dict[tuple[str, str, Manner], _Lane] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._expiring: set[Callable[[], None]] = set()
        self._unanswered: dict[PendingRequest, float] = {}
        self._is_stopping = False

    async def submit(
        self, principal: Principal, request: QueuedRequest, manner: Manner = "wait", *, digest: bytes | None = None
    ) -> Answer:
        """What became of a request: its outcome, or `PENDING` once it is kept and will have one.

        Args:
            principal: whose call.
            request: that it brings.
            manner: what it waits for.
            digest: of a call whose retries are to find this request.

        Raises:
            Refusal: 429 and 503: it was not taken; or, if that is not known, with its id.
        """
        pending_request = self._pending_request(principal, request, digest)
        queue = route_of(request.kind).single
        lane = self._lane((principal.caller.key_id, queue, manner))
        lane.waiting.append(pending_request)
        if not lane.is_moving:
            lane.mover = self._start(self._move(lane, principal, manner))
        self._unanswered[pending_request] = time.monotonic()
        try:
            answer = await asyncio.shield(pending_request.answer)
            if pending_request.noted is not None and not (
                pending_request.noted.done() and pending_request.noted.result()
            ):
                await self._require_note(pending_request.noted, request.id)
            return answer
        finally:
            del self._unanswered[pending_request]

    def waited_s(self) -> float:
        """How long the call has been waiting that has waited longest."""
        began_s = next(iter(self._unanswered.values()), None)
        return 0.0 if began_s is None else time.monotonic() - began_s

    def is_waiting_for(self, account_id: int, request_id: str) -> bool:
        """Whether a request of this account is on its way from here."""
        return self._watch.is_waiting_for(account_id, request_id)

    def stop(self) -> None:
        """Waits for outcomes no longer than this: what has none by then is kept."""
        self._is_stopping = True
        for expire in list(self._expiring):
            asyncio.get_running_loop().call_later(STOP_SECONDS_MAX, expire)

    async def drain(self) -> None:
        """Returns when nothing is on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _lane(self, key: tuple[str, str, Manner]) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= TOKENS_MAX:
                self._lanes = {each: lane for each, lane in self._lanes.items() if lane.is_moving}
            lane = self._lanes[key] = _Lane(key[1])
        return lane

    def _pending_request(self, principal: Principal, request: QueuedRequest, digest: bytes | None) -> PendingRequest:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        return PendingRequest(request, principal.caller.account, principal.caller.account_id, answer, digest)

    async def _require_note(self, noted: "asyncio.Future[bool]", request_id: str) -> None:
        """Returns when the try is noted; else nobody may be led to send it again."""
        await asyncio.wait([noted], timeout=self._note_s)
        if not (noted.done() and noted.result()):
            raise in_doubt(request_id)

    async def _move(self, lane: _Lane, principal: Principal, manner: Manner) -> None:
        """Sends what waits, all that is there each time, until nothing does."""
        while lane.waiting:
            await _turn(lane)
            taken, lane.waiting = lane.waiting, []
            with self._failing(taken):
                in_order = iter(taken)
                for packed in pack(pending_request.request for pending_request in taken):
                    pending_requests = list(islice(in_order, len(packed.requests)))
                    with self._failing(pending_requests):
                        await self._carry(lane, self._envelope(principal, packed, lane.queue), pending_requests, manner)

    @contextmanager
    def _failing(self, pending_requests: list[PendingRequest]) -> Iterator[None]:
        """Whatever goes wrong in here, these calls are answered; then it may be told."""
        try:
            yield
        except Exception as error:
            self._fail(pending_requests, error)
            log.exception("envelope not sent", action="envelope_not_sent")
        except BaseException:
            self._fail_in_doubt(pending_requests)
            raise

    async def _carry(
        self, lane: _Lane, envelope: SignedEnvelope, pending_requests: list[PendingRequest], manner: Manner
    ) -> None:
        if manner == "keep":
            try:
                await self._keep_and_send(envelope, pending_requests)
            except Refusal as refusal:
                self._fail(pending_requests, refusal)
        elif (decided := await self._send(envelope, pending_requests)) is not None:
            lane.undecided.append(decided)

    def _envelope(self, principal: Principal, packed: Pack, queue: str) -> SignedEnvelope:
        meta = self._sender.meta(principal.caller.account)
        return SignedEnvelope(principal, meta, packed, queue)

    async def _send(
        self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]
    ) -> asyncio.Future[None] | None:
        """Sends, and lets the calls wait; what may or may not have been sent is kept at once.

        Returns:
            What is done when all of them are answered; None when they are.
        """
        self._watch.expect(pending_requests)
        try:
            if not self._sender.knows_room(envelope.queue):
                await self._sending.run(self._sender.check_room, envelope.queue)
            await self._tries.note(pending_requests)
            await self._dispatch(envelope)
        except (QueueFull, NotSent, Refusal) as error:
            self._fail(pending_requests, _refusal(error))
        except BrokerUnavailable as error:
            log.warning("envelope perhaps not sent", action="envelope_in_doubt", error=str(error))
            await self._keep(envelope, pending_requests)
        else:
            return self._wait(envelope, pending_requests)
        return None

    async def _dispatch(self, envelope: SignedEnvelope) -> None:
        """Sends; raises as `Sender.send`."""
        if not (self._sender.knows_room(envelope.queue) and self._redis_sender.takes(envelope)):
            await self._sending.run(self._sender.send, envelope)
            return
        try:
            self._sender.note_backlog(envelope.queue, await self._redis_sender.send(envelope))
        except PerhapsSent:
            try:
                await self._sending.run(self._sender.send, envelope)
            except (QueueFull, NotSent) as error:
                raise BrokerUnavailable(str(error)) from error  # this time it was not sent, but perhaps the first time

    async def _keep_and_send(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> None:
        """Keeps, and answers; then sends. What is not sent now, the sweeper sends."""
        try:
            await self._sending.run(self._sender.check_room, envelope.queue)
        except QueueFull as error:
            self._fail(pending_requests, _refusal(error))
            return
        except NotSent as error:
            log.warning("envelope to be kept only", action="envelope_not_sent", error=str(error))
        await self._tries.note(pending_requests)
        if await self._keep(envelope, pending_requests):
            with suppress(QueueFull, NotSent, BrokerUnavailable):
                await self._dispatch(envelope)

    def _wait(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> asyncio.Future[None]:
        """Lets the envelope's requests wait for their outcomes, as long as it is reasonable."""
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[None] = loop.create_future()
        left = [pending_request for pending_request in pending_requests if not pending_request.answer.done()]
        missing = len(left)
        if not missing:
            decided.set_result(None)
            return decided

        def expire() -> None:
            self._expiring.discard(expire)
            undecided = [pending_request for pending_request in left if not pending_request.answer.done()]
            if undecided:
                self._start(self._keep_undecided(envelope, undecided))

        def on_answer(_: asyncio.Future[Answer]) -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                timer.cancel()
                self._expiring.discard(expire)
                decided.set_result(None)

        self._expiring.add(expire)
        timer = loop.call_later(STOP_SECONDS_MAX if self._is_stopping else self._wait_s, expire)
        for pending_request in left:
            pending_request.answer.add_done_callback(on_answer)
        return decided

    async def _keep_undecided(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> None:
        with self._failing(pending_requests):
            await self._keep(envelope, pending_requests)

    async def _keep(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> bool:
        """Keeps the envelope, so that its requests can be answered; where that fails nobody knows."""
        try:
            await self._keeping.run(self._sender.keep, envelope)
        except TokenRevoked as error:
            self._fail(pending_requests, unauthenticated(str(error)))
            return False
        except (SQLAlchemyError, Refusal) as error:
            self._fail_in_doubt(pending_requests)
            log.warning("envelope perhaps not kept", action="envelope_in_doubt", error=primary_message(error))
            return False
        self._watch.forget(pending_requests)
        for pending_request in pending_requests:
            pending_request.give(PENDING)
        return True

    def _fail_in_doubt(self, pending_requests: list[PendingRequest]) -> None:
        for pending_request in pending_requests:
            self._fail([pending_request], in_doubt(pending_request.request.id))

    def _fail(self, pending_requests: list[PendingRequest], error: Exception) -> None:
        self._watch.forget(pending_requests)
        for pending_request in pending_requests:
            pending_request.fail(error)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _turn(lane: _Lane) -> None:
    """Returns when it is reasonable to send another envelope: what gathers meanwhile costs as much as one call.

    An envelope that takes its time, as when its worker died, holds the others up for a moment only.
    """
    lane.undecided = [each for each in lane.undecided if not each.done()]
    if len(lane.undecided) >= ENVELOPES_MAX:
        done, _ = await asyncio.wait(lane.undecided, timeout=TURN_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            del lane.undecided[0]


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, QueueFull):
        return rate_limited(f"the backlog is at its limit: {error}", retry_after_s=2)
    return unavailable("the queue")
