"""Persist: new usage lines, and the outcomes that are no lines."""

from typing import Any

from sqlalchemy import Connection

from trueup.store.usage.line_inserts import StoredLine, find_lines, record_lines
from trueup.wire.problems import Problem
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.bodies import Bodies, Candidate, Refusal
from trueup_worker.intake.decision import Decision, created, parked, refused
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.outcomes import LostWinner, repeats
from trueup_worker.intake.store import store_decided

_CONFLICT = "a request with this id came before, with other content"


def persist(connection: Connection, part: Delivery, judged: Bodies) -> list[Decision]:
    """Decide and store every line, in the caller's transaction.

    A request id that stands twice in the envelope is stored once; the second is decided like a redelivery, and like
    everything that was not new, by what is stored then: `ON CONFLICT` does not show a concurrent winner.
    """
    first = {candidate.id: candidate for candidate in reversed(judged.candidates)}
    fresh = [candidate for candidate in judged.candidates if first[candidate.id] is candidate]
    recorded = _record(connection, part, fresh)
    decisions = [created(each.request) for each in fresh if each.id in recorded]
    others = [each for each in judged.candidates if each.id not in recorded or first[each.id] is not each]
    if others or judged.refusals:
        decisions += _by_what_is_stored(connection, part, others, judged.refusals)
        return store_decided(connection, part, decisions, conflict=_CONFLICT)
    return decisions


def _record(connection: Connection, part: Delivery, candidates: list[Candidate]) -> set[str]:
    if not candidates:
        return set()
    return record_lines(
        connection,
        part.account_id,
        [_row(candidate) for candidate in candidates],
        fingerprint_version=FINGERPRINT_VERSION,
        batch_id=part.batch_id,
        attempt=part.number,
        usage_grace_h=part.settings.usage_grace_h,
        usage_settle_s=part.settings.usage_settle_s,
        anew_before=part.anew_before,
    )


def _row(candidate: Candidate) -> dict[str, Any]:
    return {**candidate.normal, "request_id": candidate.id, "fingerprint": "\\x" + candidate.fingerprint.hex()}


def _by_what_is_stored(
    connection: Connection, part: Delivery, candidates: list[Candidate], refusals: list[Refusal]
) -> list[Decision]:
    """Decide what was not stored: by its own line, by the outcome that stands, by the line of its transaction id."""
    ids = {each.id for each in candidates} | {each.request.id for each in refusals}
    transaction_ids = {each.normal["transaction_id"] for each in candidates}
    lines = find_lines(connection, part.account_id, request_ids=ids, transaction_ids=transaction_ids)
    own = {line.request_id: line for line in lines}
    holders = {line.transaction_id: line for line in lines}
    standing = repeats(connection, part, [each.request for each in candidates if each.id not in own])
    decisions = [created(each.request) if each.request.id in own else refused(each) for each in refusals]
    before: dict[str, Candidate] = {}
    for each in candidates:
        earlier = before.setdefault(each.id, each)
        if each.id in own:
            decisions.append(_again(each, own[each.id]))
        elif earlier.fingerprint != each.fingerprint:
            decisions.append(parked(each.request, "id_conflict"))
        else:
            decisions.append(standing.get(each.id) or _repeated(each, holders))
    return decisions


def _again(candidate: Candidate, line: StoredLine) -> Decision:
    """The same request id: a redelivery, unless the content differs in the same normal form."""
    return created(candidate.request) if _is_same(candidate, line) else parked(candidate.request, "id_conflict")


def _repeated(candidate: Candidate, holders: dict[str, StoredLine]) -> Decision:
    """Another request's transaction id: accepted silently with the same content, refused with other content."""
    line = holders.get(candidate.normal["transaction_id"])
    if line is None:
        raise LostWinner(candidate.id)
    existing = {"id": line.request_id, "type": "USAGE", "same_content": _is_same(candidate, line)}
    if existing["same_content"]:
        return Decision(candidate.request, "created", existing=existing)
    problem = Problem.of("transaction_id_reused", path="/transaction_id")
    decision = refused(Refusal(candidate.request, [problem]))
    return Decision(candidate.request, decision.verdict, existing=existing, errors=decision.errors)


def _is_same(candidate: Candidate, line: StoredLine) -> bool:
    return line.fingerprint_version != FINGERPRINT_VERSION or line.fingerprint == candidate.fingerprint
