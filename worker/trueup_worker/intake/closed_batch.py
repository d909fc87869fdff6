"""Requests that come with a batch which was taken back."""

from datetime import datetime

from sqlalchemy import Connection

from trueup.store.requests.closed_batches import closed_since
from trueup.wire.problems import Problem
from trueup.wire.request.normal import utc_text
from trueup_worker.intake.bodies import Refusal
from trueup_worker.intake.decision import Decision, refused
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.outcomes import repeats, store


def refuse_if_closed(connection: Connection, part: Delivery) -> list[Decision] | None:
    """Refuse all that has no outcome yet, if the batch is closed; None, and it stays open meanwhile, if it is not.

    What became a commit before stays created, archived or not, and what was answered before is repeated.

    Args:
        connection: of a transaction that has done nothing yet.
        part: what is to be decided.
    """
    if part.batch_id is None:
        return None
    closed_at = closed_since(connection, part.account_id, part.batch_id)
    return None if closed_at is None else _refuse(connection, part, closed_at)


def _refuse(connection: Connection, part: Delivery, closed_at: datetime) -> list[Decision]:
    told = f"batch {part.batch_id} was closed at {utc_text(closed_at)}"
    problem = Problem.of("batch_undone", path="", detail=told)
    standing = repeats(connection, part, part.requests)
    late = [refused(Refusal(each, [problem])) for each in part.requests if each.id not in standing]
    return [*standing.values(), *store(connection, part, late)]
