"""Sending an envelope in the manner that its calls want: until it is decided, or until it is kept."""

import asyncio
from contextlib import suppress

import structlog

from trueup.producer.publish import BrokerUnavailable, QueueFull
from trueup_worker.gateway.enqueue.create_retries import Tries
from trueup_worker.gateway.enqueue.dispatch import Dispatcher
from trueup_worker.gateway.enqueue.expiry import Expiry
from trueup_worker.gateway.enqueue.keep import Keeper
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PendingRequest
from trueup_worker.gateway.enqueue.sender import NotSent, SignedEnvelope
from trueup_worker.gateway.http.refusals import Refusal, rate_limited, unavailable

log = structlog.get_logger()


class Sending:
    """A sender of envelopes that sees to it that each of their calls is answered.

    Args:
        dispatcher: puts them on their queues.
        keeper: keeps them.
        tries: notes what a client's own retry is to find.
        watch: finds the outcomes.
        expiry: ends the wait for them.
    """

    def __init__(
        self, dispatcher: Dispatcher, keeper: Keeper, *, tries: Tries, watch: OutcomeWatch, expiry: Expiry
    ) -> None:
        self._dispatcher, self._keeper = dispatcher, keeper
        self._tries, self._watch, self._expiry = tries, watch, expiry

    async def send_and_wait(
        self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]
    ) -> asyncio.Future[None] | None:
        """Send, and let the calls wait; what may or may not have been sent is kept at once.

        Returns:
            What is done when all of them are answered; None when they are.
        """
        self._watch.expect(pending_requests)
        try:
            await self._dispatcher.require_room(envelope.queue)
            await self._tries.note(pending_requests)
            await self._dispatcher.send(envelope)
        except (QueueFull, NotSent, Refusal) as error:
            self._watch.refuse(pending_requests, _refusal(error))
        except BrokerUnavailable as error:
            log.warning("envelope perhaps not sent", action="envelope_in_doubt", error=str(error))
            await self._keeper.keep(envelope, pending_requests)
        else:
            return self._expiry.wait(envelope, pending_requests)
        return None

    async def keep_and_send(self, envelope: SignedEnvelope, pending_requests: list[PendingRequest]) -> None:
        """Keep, and answer; then send. What is not sent now, the sweeper sends."""
        try:
            await self._require_room(envelope.queue)
            await self._tries.note(pending_requests)
        except (QueueFull, Refusal) as error:
            self._watch.refuse(pending_requests, _refusal(error))
            return
        if await self._keeper.keep(envelope, pending_requests):
            with suppress(QueueFull, NotSent, BrokerUnavailable, Refusal):
                await self._dispatcher.send(envelope)

    async def _require_room(self, queue: str) -> None:
        """Ask for room for what is kept, even where the broker does not answer."""
        try:
            await self._dispatcher.require_room(queue)
        except NotSent as error:
            log.warning("envelope to be kept only", action="envelope_not_sent", error=str(error))


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, QueueFull):
        return rate_limited(f"the backlog is at its limit: {error}", retry_after_s=2)
    return unavailable("the queue")
