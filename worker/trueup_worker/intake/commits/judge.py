"""Judge: what is known of a request's references and keys before anything is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.store.requests.commit_inserts import find_commits
from trueup_worker.intake.bodies import Bodies, Candidate, Refusal
from trueup_worker.intake.commits.catalog import judge_catalog
from trueup_worker.intake.commits.idempotency import Claims, claim_or_replay
from trueup_worker.intake.decision import Decision, against_stored, created, refused
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.services import Services


@dataclass(frozen=True, slots=True)
class Judged:
    """Requests before anything is stored.

    Attributes:
        decided: by request id, what needs no commit, or has one.
        fresh: what becomes a commit unless somebody else was first.
        claims: the idempotency keys that are this transaction's.
    """

    decided: dict[str, Decision]
    fresh: list[Candidate]
    claims: Claims


def judge(connection: Connection, part: Delivery, bodies: Bodies, services: Services) -> Judged:
    """Judge references, idempotency keys and used uniqueness keys, in the transaction that stores the rest."""
    bodies = judge_catalog(
        connection,
        part.account_id,
        bodies,
        open_references=services.settings.open_references,
        memory=services.catalog,
    )
    claims = claim_or_replay(connection, part.account_id, bodies.candidates)
    decided = dict(claims.replayed)
    asked = undecided(bodies.candidates, decided)
    decided |= _by_what_is_known(connection, part.account_id, asked, bodies.refusals, services.cache)
    if part.is_heavy:
        decided |= _by_own_commit(connection, part.account_id, undecided(bodies.candidates, decided))
    return Judged(decided, undecided(bodies.candidates, decided), claims)


def undecided(candidates: Iterable[Candidate], decided: dict[str, Decision]) -> list[Candidate]:
    """The candidates without a decision."""
    return [candidate for candidate in candidates if candidate.id not in decided]


def _by_what_is_known(
    connection: Connection,
    account_id: int,
    candidates: list[Candidate],
    refusals: list[Refusal],
    cache: UniquenessCache,
) -> dict[str, Decision]:
    """Decide refused requests, and those whose key Redis claims to know; Postgres is asked once for all of them."""
    claimed = cache.look_up(account_id, [candidate.key for candidate in candidates if candidate.key is not None])
    holders = {candidate.id: str(claimed[candidate.key]) for candidate in candidates if candidate.key in claimed}
    ids = {refusal.request.id for refusal in refusals} | holders.keys() | set(holders.values())
    stored = {commit.id: commit for commit in find_commits(connection, account_id, ids=ids)}
    decided = {
        refusal.request.id: created(refusal.request) if refusal.request.id in stored else refused(refusal)
        for refusal in refusals
    }
    for candidate in [each for each in candidates if each.id in holders]:
        rivals = (candidate.id, holders[candidate.id])
        decision = against_stored(candidate, [stored[rival] for rival in rivals if rival in stored])
        if decision is not None:
            decided[candidate.id] = decision
    return decided


def _by_own_commit(connection: Connection, account_id: int, candidates: list[Candidate]) -> dict[str, Decision]:
    """Decide what is there already, which would cost too much to expand once more."""
    stored = {
        commit.id: commit for commit in find_commits(connection, account_id, ids=[each.id for each in candidates])
    }
    decided = {each.id: against_stored(each, [stored[each.id]]) for each in candidates if each.id in stored}
    return {key: decision for key, decision in decided.items() if decision is not None}
