"""Pending request: what stands for a call while it waits."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.outcome import Outcome

PENDING: Literal["pending"] = "pending"
Answer = Outcome | Literal["pending"]


@dataclass(slots=True, eq=False)
class PendingRequest:
    """A request on its way, and where its answer appears: its outcome, or `PENDING` once it is kept.

    Attributes:
        account: the name of the account.
        account_id: the account's key.
        answer: may end with a `Refusal`.
        digest: what the call is known by to a retry of it; None: it needs no note, or has one.
        noted: whether that note is durable.
        call_id: of the call that brings it, by which logs name it.
    """

    request: QueuedRequest
    account: str
    account_id: int
    answer: asyncio.Future[Answer]
    digest: bytes | None = None
    noted: asyncio.Future[bool] | None = None
    call_id: str | None = None

    def give(self, answer: Answer) -> None:
        """Answer, unless somebody was faster or the caller has gone."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Refuse the call that waits, if it still does."""
        if not self.answer.done():
            self.answer.set_exception(error)
