"""The weight of requests in rows, and the cut of an envelope that is too heavy for one transaction."""

from collections.abc import Iterable

from sqlalchemy import Connection

from trueup.limits import EXPANDED_ROWS_MAX
from trueup.store.postgres.engine import statements
from trueup.store.postgres.retry import NotRetried, with_retries
from trueup.store.requests.commit_inserts import find_commits
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.request.normal import expanded_rows
from trueup_worker.intake.bodies import Bodies
from trueup_worker.intake.delivery import Delivery


class TooHeavy(NotRetried):
    """The requests become more rows than one transaction may write.

    Attributes:
        bodies: as they were read.
    """

    def __init__(self, bodies: Bodies) -> None:
        super().__init__()
        self.bodies = bodies


def require_light(bodies: Bodies) -> None:
    """Raise `TooHeavy` where requests become too many rows for one transaction."""
    if sum([expanded_rows(candidate.normal) for candidate in bodies.candidates]) > EXPANDED_ROWS_MAX:
        raise TooHeavy(bodies)


def parts_of(on: Connection, delivery: Delivery, bodies: Bodies) -> list[Delivery]:
    """The requests, in their order, in parts of at most 20,000 rows each; those that are commits already weigh nothing.

    Args:
        on: a connection without a transaction.
        delivery: a heavy envelope.
        bodies: of its requests.
    """
    weights = {candidate.id: expanded_rows(candidate.normal) for candidate in bodies.candidates}

    def weigh() -> None:
        with statements(on) as connection:
            for commit in find_commits(connection, delivery.account_id, ids=weights):
                weights[commit.id] = 0

    with_retries(weigh)
    return [delivery.part(requests) for requests in _cut(delivery.requests, weights)]


def _cut(requests: Iterable[QueuedRequest], weights: dict[str, int]) -> list[list[QueuedRequest]]:
    parts: list[list[QueuedRequest]] = []
    room = 0
    for request in requests:
        rows = weights.get(request.id, 0)
        if rows > room or not parts:
            parts.append([])
            room = EXPANDED_ROWS_MAX
        room -= rows
        parts[-1].append(request)
    return parts
