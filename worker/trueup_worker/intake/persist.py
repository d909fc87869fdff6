"""Stores an envelope's requests in one transaction and says what became of each."""

from collections.abc import Iterable

from sqlalchemy import Connection

from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.store.requests.commit_inserts import find_commits, insert_new
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.decision import Decision, against_stored, created, refused
from trueup_worker.intake.idempotency import claim_or_replay, release_refused
from trueup_worker.intake.judge import Candidate, Judged, Refusal, judge_catalog
from trueup_worker.intake.message import Delivery
from trueup_worker.intake.parking import park_request
from trueup_worker.intake.rows import commit_rows, obligation_rows, segment_rows
from trueup_worker.intake.services import Services
from trueup_worker.intake.standing import repeats, store

_CONFLICT = "a commit with this id exists, with other content"


class LostWinner(Exception):
    """A row conflicted with one that is no longer there: run the unit again."""


def persist(connection: Connection, delivery: Delivery, judged: Judged, services: Services) -> list[Decision]:
    """Decides and stores every request, in the caller's transaction.

    An id or an idempotency key that stands twice in the envelope is decided in a later round, like a redelivery.
    """
    decisions: list[Decision] = []
    while judged.candidates or judged.refusals:
        judged, later = _first_of_each(judged)
        judged = judge_catalog(
            connection,
            delivery.account_id,
            judged,
            open_references=services.settings.open_references,
            memory=services.catalog,
        )
        decisions += _persist_round(connection, delivery, judged, services.cache)
        judged = later
    return decisions


def _persist_round(
    connection: Connection, delivery: Delivery, judged: Judged, cache: UniquenessCache
) -> list[Decision]:
    account_id = delivery.account_id
    claims = claim_or_replay(connection, account_id, judged.candidates)
    decided = dict(claims.replayed)
    decided |= _by_what_is_known(connection, account_id, _undecided(judged.candidates, decided), judged.refusals, cache)
    if delivery.is_heavy:
        decided |= _by_own_commit(connection, account_id, _undecided(judged.candidates, decided))
    fresh = _undecided(judged.candidates, decided)
    inserted = _insert(connection, delivery, fresh)
    decided |= {
        candidate.id: created(candidate.request, key=candidate.key) for candidate in fresh if candidate.id in inserted
    }
    decided |= _by_conflict(connection, delivery, _undecided(fresh, decided))
    decisions = _store(connection, delivery, list(decided.values()))
    release_refused(connection, account_id, claims, decisions)
    return decisions


def _by_what_is_known(
    connection: Connection,
    account_id: int,
    candidates: list[Candidate],
    refusals: list[Refusal],
    cache: UniquenessCache,
) -> dict[str, Decision]:
    """Decides refused requests, and those whose key Redis claims to know; Postgres is asked once for all of them."""
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
    """Decides what is there already, which would cost too much to expand once more."""
    stored = {
        commit.id: commit for commit in find_commits(connection, account_id, ids=[each.id for each in candidates])
    }
    decided = {each.id: against_stored(each, [stored[each.id]]) for each in candidates if each.id in stored}
    return {key: decision for key, decision in decided.items() if decision is not None}


def _insert(connection: Connection, delivery: Delivery, candidates: list[Candidate]) -> set[str]:
    if not candidates:
        return set()
    ordered = sorted(candidates, key=lambda candidate: candidate.key or "")
    return insert_new(
        connection,
        delivery.account_id,
        commits=commit_rows(ordered),
        segments=segment_rows(ordered),
        obligations=obligation_rows(ordered, usage_grace_h=delivery.settings.usage_grace_h),
        fingerprint_version=FINGERPRINT_VERSION,
        batch_id=delivery.batch_id,
        attempt=delivery.number,
        anew_before=delivery.anew_before,
    )


def _by_conflict(connection: Connection, delivery: Delivery, candidates: list[Candidate]) -> dict[str, Decision]:
    """Decides what was not inserted, in a new snapshot: `ON CONFLICT` does not show a concurrent winner."""
    keys = [candidate.key for candidate in candidates if candidate.key is not None]
    stored = find_commits(connection, delivery.account_id, ids=[candidate.id for candidate in candidates], keys=keys)
    by_id = {commit.id: commit for commit in stored}
    by_key = {commit.uniqueness_key: commit for commit in stored if commit.uniqueness_key is not None}
    decided = {}
    for candidate in candidates:
        rivals = [rival for rival in (by_id.get(candidate.id), by_key.get(candidate.key or "")) if rival is not None]
        decision = against_stored(candidate, rivals)
        if decision is not None:
            decided[candidate.id] = decision
    return decided | _by_standing_outcome(connection, delivery, _undecided(candidates, decided))


def _by_standing_outcome(
    connection: Connection, delivery: Delivery, candidates: list[Candidate]
) -> dict[str, Decision]:
    """Decides what was not inserted although nobody has its id or key: what was answered before stands."""
    decided = repeats(connection, delivery, [candidate.request for candidate in candidates])
    for candidate in _undecided(candidates, decided):
        raise LostWinner(candidate.id)
    return decided


def _store(connection: Connection, delivery: Delivery, decisions: list[Decision]) -> list[Decision]:
    """Stores what needs an outcome; of an `id_conflict` its commit stays the outcome, and the newcomer is parked."""
    by_commit = [decision for decision in decisions if decision.is_stored_by_its_commit]
    conflicts = [decision for decision in decisions if decision.reason == "id_conflict"]
    for decision in conflicts:
        park_request(
            connection,
            delivery,
            decision.request,
            reason="id_conflict",
            detail=_CONFLICT,
        )
    if len(by_commit) == len(decisions):
        return decisions
    taken = {decision.request.id for decision in (*by_commit, *conflicts)}
    others = [decision for decision in decisions if decision.request.id not in taken]
    return [*by_commit, *conflicts, *store(connection, delivery, others)]


def _undecided(candidates: Iterable[Candidate], decided: dict[str, Decision]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.id not in decided]


def _is_of_firsts_only(judged: Judged) -> bool:
    requests = [each.request for each in judged.candidates] + [each.request for each in judged.refusals]
    keyed = any(request.idempotency_key is not None for request in requests)
    return not keyed and len({request.id for request in requests}) == len(requests)


def _first_of_each(judged: Judged) -> tuple[Judged, Judged]:
    """Splits off what must wait for a later round: repeated ids and repeated idempotency keys."""
    if _is_of_firsts_only(judged):
        return judged, Judged()
    now, later = Judged(), Judged()
    ids: set[str] = set()
    keys: set[str] = set()
    for candidate in judged.candidates:
        key = candidate.request.idempotency_key
        waits = candidate.id in ids or (key is not None and key in keys)
        (later if waits else now).candidates.append(candidate)
        ids.add(candidate.id)
        if key is not None:
            keys.add(key)
    for refusal in judged.refusals:
        (later if refusal.request.id in ids else now).refusals.append(refusal)
        ids.add(refusal.request.id)
    return now, later
