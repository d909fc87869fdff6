"""The guard of what answers calls: whatever goes wrong, they are answered."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog

from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PendingRequest

log = structlog.get_logger()


@contextmanager
def answering(watch: OutcomeWatch, pending_requests: Sequence[PendingRequest]) -> Iterator[None]:
    """Answer these calls with whatever is raised in here, and only then log it: no error goes further.

    A cancellation leaves them in doubt, and goes on.
    """
    try:
        yield
    except Exception as error:
        watch.refuse(pending_requests, error)
        with suppress(Exception):  # a log that fails must not take the next calls with it
            log.exception("envelope not sent", action="envelope_not_sent")
    except BaseException:
        watch.leave_in_doubt(pending_requests)
        raise
