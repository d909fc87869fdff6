"""How an envelope that is too heavy for one transaction is cut."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from trueup.limits import EXPANDED_ROWS_MAX
from trueup.store.postgres.engine import statements
from trueup.store.requests.commit_inserts import find_commits
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.request.normal import expanded_rows
from trueup_worker.intake.judge import Candidate, Judged


def is_heavy(candidates: Iterable[Candidate]) -> bool:
    """Whether the requests become more rows than one transaction may write."""
    return sum([expanded_rows(candidate.normal) for candidate in candidates]) > EXPANDED_ROWS_MAX


def never_heavy(_: Iterable[Candidate]) -> bool:
    """As `is_heavy`, of requests that become one row each."""
    return False


def parts_of(
    on: Connection, account_id: int, requests: Sequence[QueuedRequest], judged: Judged
) -> list[list[QueuedRequest]]:
    """The requests, in their order, in parts of at most 20,000 rows each; those that are commits already weigh nothing.

    Args:
        on: a connection without a transaction.
        account_id: whose requests.
        requests: of an envelope.
        judged: what became of them.
    """
    weights = {candidate.id: expanded_rows(candidate.normal) for candidate in judged.candidates}
    with statements(on) as connection:
        for commit in find_commits(connection, account_id, ids=weights):
            weights[commit.id] = 0
    parts: list[list[QueuedRequest]] = [[]]
    room = EXPANDED_ROWS_MAX
    for request in requests:
        rows = weights.get(request.id, 0)
        if rows > room:
            parts.append([])
            room = EXPANDED_ROWS_MAX
        room -= rows
        parts[-1].append(request)
    return parts
