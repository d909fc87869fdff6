"""The outcomes of a part's requests, stored once all of them are decided."""

from sqlalchemy import Connection

from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.outcomes import store
from trueup_worker.intake.parked.park import park_request


def store_decided(
    connection: Connection, part: Delivery, decisions: list[Decision], *, conflict: str
) -> list[Decision]:
    """Store what needs an outcome; of an `id_conflict` that of its id stays, and the newcomer is parked.

    Args:
        connection: of the part's transaction.
        part: whose decisions these are.
        decisions: of all its requests; what has a row of its own needs no outcome.
        conflict: what the newcomer is parked for, to be read by an operator.

    Returns:
        The decisions as they are answered.
    """
    by_own_row = [decision for decision in decisions if decision.has_a_row]
    if len(by_own_row) == len(decisions):
        return decisions
    conflicts = [decision for decision in decisions if decision.reason == "id_conflict"]
    for decision in conflicts:
        park_request(connection, part, decision.request, reason="id_conflict", detail=conflict)
    stored = {decision.request.id for decision in by_own_row}
    others = [each for each in decisions if each.reason != "id_conflict" and each.request.id not in stored]
    return [*by_own_row, *conflicts, *store(connection, part, others)]
