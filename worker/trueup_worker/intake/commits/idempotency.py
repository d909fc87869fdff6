"""Idempotency keys: the first answer again, decided in the envelope's own transaction."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from trueup.limits import IDEMPOTENCY_DAYS
from trueup.store.requests.commit_inserts import (
    Claim,
    claim_idempotency_keys,
    read_idempotency_keys,
    release_idempotency_keys,
)
from trueup.store.requests.outcomes import read_outcomes
from trueup.wire.outcome import Outcome
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.bodies import Candidate
from trueup_worker.intake.decision import Decision, key_reused


@dataclass(frozen=True, slots=True)
class Claims:
    """An envelope's idempotency keys, and what became of them.

    Attributes:
        claimed: keys that are this transaction's.
        replayed: decisions, by request id, of requests whose key was used before.
    """

    claimed: frozenset[str] = frozenset()
    replayed: dict[str, Decision] = field(default_factory=dict)


def claim_or_replay(connection: Connection, account_id: int, candidates: list[Candidate]) -> Claims:
    """Claim the candidates' idempotency keys, or find the answers that those who claimed them first were given.

    Each key may stand at most once among `candidates`.
    """
    by_key = {each.request.idempotency_key: each for each in candidates if each.request.idempotency_key is not None}
    if not by_key:
        return Claims()
    claimed = claim_idempotency_keys(
        connection,
        account_id,
        [
            {"key": key, "request_id": each.id, "fingerprint": "\\x" + each.fingerprint.hex()}
            for key, each in by_key.items()
        ],
        fingerprint_version=FINGERPRINT_VERSION,
        days=IDEMPOTENCY_DAYS,
    )
    taken = read_idempotency_keys(connection, account_id, by_key.keys() - claimed)
    first_answers = read_outcomes(connection, account_id, {claim.request_id for claim in taken.values()})
    replayed = (
        _replay(by_key[key], claim, first_answers.get(claim.request_id))
        for key, claim in taken.items()
        if claim.request_id != UUID(by_key[key].id)
    )
    return Claims(frozenset(claimed), {each.request.id: each for each in replayed if each is not None})


def release_refused(connection: Connection, account_id: int, claims: Claims, decisions: list[Decision]) -> None:
    """Give back the keys that this transaction claimed for requests that were neither created nor duplicates."""
    refused = {
        decision.request.idempotency_key: decision.request.id
        for decision in decisions
        if decision.request.idempotency_key in claims.claimed and decision.verdict not in ("created", "duplicate")
    }
    if refused:
        keys = [key for key in refused if key is not None]
        release_idempotency_keys(connection, account_id, request_ids=refused.values(), keys=keys)


def _replay(candidate: Candidate, claim: Claim, first: Outcome | None) -> Decision | None:
    if claim.fingerprint_version == FINGERPRINT_VERSION and claim.fingerprint != candidate.fingerprint:
        return key_reused(candidate)
    if first is None:
        return None
    existing = first.existing or {"id": str(claim.request_id), "type": candidate.normal["type"], "same_content": True}
    if first.outcome == "duplicate":  # a created one has `existing` only where it was replayed
        existing = existing | {"replayed": True}
    return Decision(candidate.request, first.outcome, existing=existing)
