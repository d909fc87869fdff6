"""Persist: new commits with their segments and obligations, and the outcomes that are no commits."""

from sqlalchemy import Connection

from trueup.store.requests.commit_inserts import find_commits, insert_new
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.bodies import Candidate
from trueup_worker.intake.commits.idempotency import release_refused
from trueup_worker.intake.commits.judge import Judged, undecided
from trueup_worker.intake.commits.rows import commit_rows, obligation_rows, segment_rows
from trueup_worker.intake.decision import Decision, against_stored, created
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.outcomes import LostWinner, repeats
from trueup_worker.intake.store import store_decided

_CONFLICT = "a commit with this id exists, with other content"


def persist(connection: Connection, part: Delivery, judged: Judged) -> list[Decision]:
    """Store what is fresh, in the transaction that judged it, and say what became of each request."""
    inserted = _insert(connection, part, judged.fresh)
    decided = judged.decided | {
        candidate.id: created(candidate.request, key=candidate.key)
        for candidate in judged.fresh
        if candidate.id in inserted
    }
    decided |= _by_conflict(connection, part, undecided(judged.fresh, decided))
    decisions = store_decided(connection, part, list(decided.values()), conflict=_CONFLICT)
    release_refused(connection, part.account_id, judged.claims, decisions)
    return decisions


def _insert(connection: Connection, part: Delivery, candidates: list[Candidate]) -> set[str]:
    if not candidates:
        return set()
    ordered = sorted(candidates, key=lambda candidate: candidate.key or "")
    return insert_new(
        connection,
        part.account_id,
        commits=commit_rows(ordered),
        segments=segment_rows(ordered),
        obligations=obligation_rows(ordered, usage_grace_h=part.settings.usage_grace_h),
        fingerprint_version=FINGERPRINT_VERSION,
        batch_id=part.batch_id,
        attempt=part.number,
        anew_before=part.anew_before,
    )


def _by_conflict(connection: Connection, part: Delivery, candidates: list[Candidate]) -> dict[str, Decision]:
    """Decide what was not inserted, in a new snapshot: `ON CONFLICT` does not show a concurrent winner."""
    keys = [candidate.key for candidate in candidates if candidate.key is not None]
    stored = find_commits(connection, part.account_id, ids=[candidate.id for candidate in candidates], keys=keys)
    by_id = {commit.id: commit for commit in stored}
    by_key = {commit.uniqueness_key: commit for commit in stored if commit.uniqueness_key is not None}
    decided = {}
    for candidate in candidates:
        rivals = [rival for rival in (by_id.get(candidate.id), by_key.get(candidate.key or "")) if rival is not None]
        decision = against_stored(candidate, rivals)
        if decision is not None:
            decided[candidate.id] = decision
    return decided | _by_standing_outcome(connection, part, undecided(candidates, decided))


def _by_standing_outcome(connection: Connection, part: Delivery, candidates: list[Candidate]) -> dict[str, Decision]:
    """Decide what was not inserted although nobody has its id or key: what was answered before stands."""
    decided = repeats(connection, part, [candidate.request for candidate in candidates])
    for candidate in undecided(candidates, decided):
        raise LostWinner(candidate.id)
    return decided
