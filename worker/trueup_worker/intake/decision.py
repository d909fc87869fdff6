"""Decision about one request, before it is stored."""

from collections.abc import Iterable
from typing import Any

import msgspec

from trueup.store.requests.commit_inserts import Stored
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.outcome import Outcome, Verdict
from trueup.wire.problems import Problem, error_body, outcome_of
from trueup.wire.request.named import NAMELESS, names_of
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.bodies import Candidate, Refusal

_KEY_REUSED = "was used before with other content: use a new idempotency key for a new request"


class Decision(msgspec.Struct, frozen=True, gc=False):
    """A request's verdict; `created` with `existing` is the answer to a replayed idempotency key.

    Attributes:
        key: the uniqueness key, where one is known to be used.
        existing: the commit that is there already: id, type, same_content; `replayed` in a first answer given again.
        errors: problems, each with its JSON Pointer, code and message.
        more: how many problems there are beyond those.
        reason: why it is parked.
    """

    request: QueuedRequest
    verdict: Verdict
    existing: dict[str, Any] | None = None
    errors: tuple[dict[str, Any], ...] = ()
    more: int = 0
    reason: str | None = None
    key: str | None = None

    @property
    def holder_id(self) -> str | None:
        """The commit that holds the key."""
        if self.verdict not in ("created", "duplicate"):
            return None
        return self.existing["id"] if self.existing else self.request.id

    @property
    def has_a_row(self) -> bool:
        """Tell whether no outcome row is needed."""
        return self.verdict == "created" and self.existing is None

    @property
    def keeps_body(self) -> bool:
        """Tell whether the body is kept: it was refused, or repeats a key with other content."""
        is_other = self.verdict == "duplicate" and self.existing is not None and not self.existing["same_content"]
        return is_other or self.verdict in ("invalid", "not_found")

    def row(self) -> dict[str, Any]:
        """The outcome's row, with the event it is announced under; what is parked is not read for names."""
        named = NAMELESS if self.verdict == "parked" else names_of(self.request)
        return {
            "customer": named.customer,
            "uniqueness_key": named.key,
            "request_id": self.request.id,
            "outcome": self.verdict,
            "errors": self.errors,
            "more": self.more,
            "existing": self.existing,
            "reason": self.reason,
            "event": _event(self.request.kind, self.verdict),
        }


def created(request: QueuedRequest, *, key: str | None = None) -> Decision:
    """The request has its commit."""
    return Decision(request, "created", key=key)


def refused(refusal: Refusal) -> Decision:
    """The body or what it refers to is wrong."""
    return _with_problems(refusal.request, refusal.problems)


def duplicate(candidate: Candidate, holder: Stored) -> Decision:
    """The uniqueness key belongs to another commit."""
    same = _same_content(candidate, holder)
    existing = {"id": holder.id, "type": holder.type, "same_content": same}
    return Decision(candidate.request, "duplicate", existing=existing, key=candidate.key)


def key_reused(candidate: Candidate) -> Decision:
    """The idempotency key was used with other content."""
    return _with_problems(candidate.request, [Problem("", "idempotency_key_reused", _KEY_REUSED)])


def _with_problems(request: QueuedRequest, problems: list[Problem]) -> Decision:
    told = error_body(problems)
    return Decision(request, outcome_of(problems), errors=tuple(told["errors"]), more=told.get("more", 0))


def repeated(request: QueuedRequest, stored: Outcome) -> Decision:
    """Decision that was answered before, and stands."""
    return Decision(
        request,
        stored.outcome,
        existing=stored.existing,
        errors=stored.errors,
        more=stored.more,
        reason=stored.reason,
    )


def parked(request: QueuedRequest, reason: str) -> Decision:
    """Decision that it cannot be decided now."""
    return Decision(request, "parked", reason=reason)


def against_stored(candidate: Candidate, stored: Iterable[Stored]) -> Decision | None:
    """Decide a candidate by the commits that hold its id or its key; None when none does."""
    holder: Stored | None = None
    for commit in stored:
        if commit.id == candidate.id:
            return _again(candidate, commit)
        if candidate.key is not None and commit.uniqueness_key == candidate.key:
            holder = commit
    return duplicate(candidate, holder) if holder else None


def _again(candidate: Candidate, commit: Stored) -> Decision:
    """The same id: a redelivery, unless the content differs in the same normal form."""
    if commit.fingerprint_version == FINGERPRINT_VERSION and commit.fingerprint != candidate.fingerprint:
        return parked(candidate.request, "id_conflict")
    return created(candidate.request, key=commit.uniqueness_key)


def _same_content(candidate: Candidate, commit: Stored) -> bool:
    return commit.fingerprint_version == FINGERPRINT_VERSION and commit.fingerprint == candidate.fingerprint


def _event(kind: Kind, verdict: Verdict) -> str | None:
    if verdict == "created" or kind == "usage":  # outcomes tell; a usage line makes no event of its own
        return None
    return f"{kind}.{'parked' if verdict == 'parked' else 'rejected'}"
