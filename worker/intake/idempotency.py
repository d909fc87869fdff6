"""Idempotency keys (spec 2.3): the first answer again, decided in the envelope's own transaction."""

from uuid import UUID

from sqlalchemy import Connection

from shared.limits import IDEMPOTENCY_DAYS
from shared.store.intake import Claim, claim_idempotency_keys, read_idempotency_keys, release_idempotency_keys
from shared.store.outcomes import read_outcomes
from shared.wire.outcome import Outcome
from worker.intake.decision import Decision, key_reused
from worker.intake.judge import Candidate


def claim_or_replay(connection: Connection, account_id: int, candidates: list[Candidate]) -> dict[str, Decision]:
    """Claims the candidates' idempotency keys; returns the decisions, by request id, of those that came too late.

    Each key may stand at most once among `candidates`.
    """
    by_key = {candidate.request.idempotency_key: candidate for candidate in candidates}
    by_key.pop(None, None)
    if not by_key:
        return {}
    claims = [
        {"key": key, "request_id": candidate.id, "fingerprint": "\\x" + candidate.fingerprint.hex()}
        for key, candidate in by_key.items()
    ]
    claimed = claim_idempotency_keys(connection, account_id, claims, days=IDEMPOTENCY_DAYS)
    taken = read_idempotency_keys(
        connection, account_id, [key for key in by_key if key is not None and key not in claimed]
    )
    first_answers = read_outcomes(connection, account_id, {claim.request_id for claim in taken.values()})
    replayed = (
        _replay(by_key[key], claim, first_answers.get(claim.request_id))
        for key, claim in taken.items()
        if claim.request_id != UUID(by_key[key].id)
    )
    return {decision.request.id: decision for decision in replayed if decision is not None}


def release_refused(connection: Connection, account_id: int, decisions: list[Decision]) -> None:
    """Gives back the keys of requests that were neither created nor duplicates."""
    refused = [
        decision.request
        for decision in decisions
        if decision.request.idempotency_key is not None and decision.verdict not in ("created", "duplicate")
    ]
    if refused:
        release_idempotency_keys(
            connection,
            account_id,
            request_ids=[request.id for request in refused],
            keys=[request.idempotency_key for request in refused if request.idempotency_key],
        )


def _replay(candidate: Candidate, claim: Claim, first: Outcome | None) -> Decision | None:
    if claim.fingerprint != candidate.fingerprint:
        return key_reused(candidate)
    if first is None:
        return None
    existing = first.existing or {"id": str(claim.request_id), "type": candidate.normal["type"], "same_content": True}
    return Decision(candidate.request, first.outcome, existing=existing)
