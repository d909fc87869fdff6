"""Outcome of a request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Verdict = Literal["created", "duplicate", "invalid", "not_found", "parked"]
REPLAYED = "replayed"  # the reason of a parked outcome that is on its way again
VERDICTS: tuple[Verdict, ...] = ("created", "duplicate", "invalid", "not_found", "parked")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request's outcome, as stored.

    Attributes:
        errors: problems, each with pointer, code and message; empty unless `invalid`, `not_found` or a refused key.
        more: how many problems there are beyond the hundred that are listed.
        existing: `{"id", "type", "same_content"}` of the commit that is there already; with
            `created`, the commit of a replayed idempotency key.
        reason: why it is parked.
        attempt: the delivery that decided it, from 1.
    """

    request_id: UUID
    outcome: Verdict
    attempt: int
    decided_at: datetime
    errors: tuple[dict[str, Any], ...] = ()
    more: int = 0
    existing: dict[str, Any] | None = None
    reason: str | None = None
    batch_id: UUID | None = None

    def stands(self, anew_before: datetime | None) -> bool:
        """Tell whether a message with this instant, or none, repeats it when it is delivered again.

        What is parked is judged anew when it was replayed, a refusal when it was decided before the instant.
        """
        if self.outcome == "created":
            return True
        if self.outcome == "parked":
            return self.reason != REPLAYED
        return anew_before is None or self.decided_at >= anew_before
