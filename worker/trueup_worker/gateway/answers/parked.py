"""Parked messages, and what became of sending them on."""

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

from trueup.store.requests.parking import Reason, State
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant, Page, keys_of


class Parked(Answer):
    """Parked envelope, or one request of it.

    Attributes:
        detail: what was wrong, for people.
        whole_bytes: how large it was, if only its beginning is kept: it cannot be replayed, but sent again.
        note: an operator's words.
    """

    id: UUID
    reason: Reason
    detail: str
    state: State
    task: str
    attempts: int
    parked_at: Instant
    request_id: UUID | None = None
    batch_id: UUID | None = None
    whole_bytes: int | None = None
    resolved_at: Instant | None = None
    note: str | None = None


class ParkedPage(Page):
    """Page of parked messages, oldest first.

    Attributes:
        counts: how many there are for each reason, on all pages.
    """

    data: list[Parked]
    counts: Annotated[Mapping[Reason, int], keys_of(Reason)]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """A request that the database refused."""
        parked = Parked(
            id=UUID("0193e9a6-42d7-7a05-9c6e-e1b7d2f84c30"),
            reason="database_refused",
            detail="IntegrityError: the database refuses this request, whoever sends it",
            state="parked",
            task="commits.create",
            request_id=examples.COMMIT,
            attempts=3,
            parked_at=examples.MADE_AT,
        )
        return cls(data=[parked], counts={parked.reason: 1}, next_page=None)


class Replayed(Answer):
    """Number of chosen messages, and of those that are on their way again: none in a dry run."""

    chosen: int
    replayed: int


class ReplayAnswer(Answer):
    """Result of a replay, or of its dry run."""

    data: Replayed

    @classmethod
    def example(cls) -> Self:
        """One of one."""
        return cls(data=Replayed(chosen=1, replayed=1))
