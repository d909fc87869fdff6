"""Outcomes that are no commits: stored, unless what was answered before stands."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.requests.commit_inserts import store_outcomes
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.refused_bodies import body_row
from trueup.wire.message.envelope import QueuedRequest
from trueup_worker.intake.decision import Decision, repeated
from trueup_worker.intake.delivery import Delivery


class LostWinner(Exception):
    """A row conflicted with one that is no longer there: run the unit again."""


def store(connection: Connection, part: Delivery, decisions: list[Decision]) -> list[Decision]:
    """Store the outcomes of these decisions, of which the first one of a request counts.

    Returns:
        The decisions as they are answered: where an outcome stands, that is repeated.
    """
    first = {each.request.id: each for each in reversed(decisions)}
    rows = {request_id: each.row() for request_id, each in first.items()}
    keeps = part.settings.outcome_body_days > 0
    stored = store_outcomes(
        connection,
        part.account_id,
        list(rows.values()),
        batch_id=part.batch_id,
        attempt=part.number,
        anew_before=part.anew_before,
        bodies=[_body_row(each.request) for each in first.values() if each.keeps_body] if keeps else (),
    )
    if len(stored) == len(rows):
        return decisions
    before = repeats(connection, part, [each.request for each in decisions if each.request.id not in stored])
    return [before.get(each.request.id, each) for each in decisions]


def _body_row(request: QueuedRequest) -> dict[str, Any]:
    return body_row(request.id, request.text, whole_bytes=request.raw_bytes)


def repeats(connection: Connection, part: Delivery, requests: Iterable[QueuedRequest]) -> dict[str, Decision]:
    """Find what a message repeats, by request id: those requests have an outcome that stands."""
    by_id = {UUID(each.id): each for each in requests}
    if not by_id:
        return {}
    stored = read_outcomes(connection, part.account_id, by_id)
    return {
        by_id[each].id: repeated(by_id[each], outcome)
        for each, outcome in stored.items()
        if outcome.stands(part.anew_before)
    }
