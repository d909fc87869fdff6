"""Keeping envelopes, so that their calls can be answered before they are decided."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from trueup.store.postgres.errors import primary_message
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PENDING, PendingRequest
from trueup_worker.gateway.enqueue.sender import Sender, SignedEnvelope, TokenRevoked
from trueup_worker.gateway.http.refusals import Refusal, unauthenticated

log = structlog.get_logger()


class Keeper:
    """A keeper of envelopes, in the database.

    Args:
        sender: keeps, and blocks.
        threads: in which it does.
        watch: of the calls that are answered then.
    """

    def __init__(self, sender: Sender, threads: Threads, watch: OutcomeWatch) -> None:
        self._sender, self._threads, self._watch = sender, threads, watch

    async def keep(
        self, envelope: SignedEnvelope, pending_requests: list[PendingRequest], *, is_sent: bool = False
    ) -> bool:
        """Keep an envelope and answer its calls with `PENDING`; where that fails nobody knows, and they are told so.

        Args:
            envelope: to be kept.
            pending_requests: those of its calls that have no answer yet.
            is_sent: whether the broker has it: one that keeps what it takes makes up for the database.

        Returns:
            Whether it is kept.
        """
        try:
            await self._threads.run(self._sender.keep, envelope)
        except TokenRevoked as error:
            self._watch.refuse(pending_requests, unauthenticated(str(error)))
            return False
        except (SQLAlchemyError, Refusal) as error:
            if is_sent and self._sender.keeps_what_it_takes:
                self._watch.give(pending_requests, PENDING)
                return True
            self._watch.leave_in_doubt(pending_requests)
            log.warning("envelope perhaps not kept", action="envelope_in_doubt", error=primary_message(error))
            return False
        self._watch.give(pending_requests, PENDING)
        return True
