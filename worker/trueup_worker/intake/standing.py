"""Outcomes that are no commits: stored, unless what was answered before stands."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.requests.commit_inserts import store_outcomes
from trueup.store.requests.outcomes import read_outcomes
from trueup.wire.message.envelope import QueuedRequest
from trueup_worker.intake.decision import Decision, repeated
from trueup_worker.intake.message import Delivery


def store(connection: Connection, delivery: Delivery, decisions: list[Decision]) -> list[Decision]:
    """Stores the outcomes of these decisions, of which the first one of a request counts.

    Returns:
        The decisions as they are answered: where an outcome stands, that is repeated.
    """
    rows = {each.request.id: each.row() for each in reversed(decisions)}
    stored = store_outcomes(
        connection,
        delivery.account_id,
        list(rows.values()),
        batch_id=delivery.batch_id,
        attempt=delivery.number,
        anew_before=delivery.anew_before,
    )
    if len(stored) == len(rows):
        return decisions
    before = repeats(connection, delivery, [each.request for each in decisions if each.request.id not in stored])
    return [before.get(each.request.id, each) for each in decisions]


def repeats(connection: Connection, delivery: Delivery, requests: Iterable[QueuedRequest]) -> dict[str, Decision]:
    """What a message repeats, by request id, of those requests that have an outcome that stands."""
    by_id = {UUID(each.id): each for each in requests}
    if not by_id:
        return {}
    stored = read_outcomes(connection, delivery.account_id, by_id)
    return {
        by_id[each].id: repeated(by_id[each], outcome)
        for each, outcome in stored.items()
        if outcome.stands(delivery.anew_before)
    }
