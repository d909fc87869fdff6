"""Outcomes of requests, alone or in a batch."""

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from msgspec import UNSET, UnsetType, structs

from trueup.ids import row_id, row_of
from trueup.store.requests.batch_results import BatchRecord, BatchState, ResultsPage
from trueup.store.requests.refused import RefusedRequest
from trueup.wire.message.envelope import Kind
from trueup.wire.outcome import Outcome, Verdict
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant, keys_of
from trueup_worker.gateway.http.error import Existing, FieldError
from trueup_worker.gateway.http.options import in_parameters

_NAMES_OPTIONS = "not_utf8"


class ExistingWithContent(Existing):
    """Commit or record that is there already.

    Attributes:
        same_content: whether it was made of the same content.
        replayed: whether an idempotency key's first answer tells of it.
    """

    same_content: bool
    replayed: bool = False


class RequestOutcome(Answer):
    """Outcome of a request; while it is pending, there is no more than that.

    Attributes:
        errors: what is wrong with it, up to a hundred problems.
        more: how many problems there are beyond these.
        existing: what was there already.
        reason: why it is parked.
        attempt: the delivery that decided it.
    """

    id: UUID
    outcome: Literal[Verdict, "pending"]
    errors: list[FieldError] | UnsetType = UNSET
    existing: ExistingWithContent | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    attempt: int | UnsetType = UNSET
    decided_at: Instant | UnsetType = UNSET
    batch_id: UUID | UnsetType | None = UNSET
    more: int = 0

    @classmethod
    def of(cls, outcome: Outcome | RefusedRequest, **more: Any) -> Self:
        """A stored outcome, and what else is known of it."""
        existing = outcome.existing
        return cls.from_record(
            outcome,
            id=outcome.request_id,
            errors=[_told(each) for each in outcome.errors],
            existing=None if existing is None else ExistingWithContent(**existing),
            decided_at=outcome.decided_at.astimezone(UTC),
            **more,
        )


def _told(error: Mapping[str, str]) -> FieldError:
    """A stored problem; the cure of what a file has wrong was written for whoever sends it by the command."""
    told = FieldError(**error)
    return structs.replace(told, message=in_parameters(told.message)) if told.code == _NAMES_OPTIONS else told


class RequestAnswer(Answer):
    """One request."""

    data: RequestOutcome

    @classmethod
    def example(cls) -> Self:
        """A request that became a commit."""
        return cls(data=RequestOutcome.of(Outcome(examples.COMMIT, "created", 1, examples.MADE_AT)))


class NewBatch(Answer):
    """A batch whose rows are kept.

    Attributes:
        warnings: what was told of the file before any row was kept: rows that have the same key and different terms,
            that will be refused for their form, or that are left out, by their numbers.
    """

    id: UUID
    rows: int
    rows_without_uniqueness_key: int
    warnings: list[str]


class BatchAccepted(Answer):
    """Every row of it is kept."""

    data: NewBatch

    @classmethod
    def example(cls) -> Self:
        """A batch of three rows."""
        return cls(data=NewBatch(id=examples.BATCH, rows=3, rows_without_uniqueness_key=0, warnings=[]))


class RowOutcome(RequestOutcome, kw_only=True):
    """Outcome of a row."""

    row: int


class ListedBatch(Answer):
    """A batch in a list: of the rows that its content has, some are received while it is uploaded.

    Attributes:
        closed_at: from when on nothing of it becomes a commit, as it is taken back.
        rows: those that are received.
    """

    id: UUID
    name: str | None
    source: str
    kind: Kind
    state: BatchState
    rows: int
    content_rows: int
    created_at: Instant
    closed_at: Instant | None


class Batch(ListedBatch, kw_only=True):
    """A batch as it stands.

    Attributes:
        outcomes: how many rows have which.
        undecided: how many received rows have none yet.
        results: in the order of the rows; those that have none yet are left out.
    """

    outcomes: Annotated[Mapping[Verdict, int], keys_of(Verdict)]
    undecided: int
    results: list[RowOutcome]


class BatchAnswer(Answer):
    """One batch.

    Attributes:
        next_page: the last row that is told, if there may be more.
    """

    data: Batch
    next_page: int | None

    @classmethod
    def of(cls, batch: BatchRecord, counts: Mapping[Verdict, int], page: ResultsPage) -> Self:
        """A batch, with how many rows have which outcome, and a page of outcomes."""
        rows = [RowOutcome.of(each, row=row_of(each.request_id)) for each in page.outcomes]
        undecided = batch.rows - sum(counts.values())
        told = Batch.from_record(batch, outcomes=counts, undecided=undecided, results=rows)
        return cls(data=told, next_page=page.next_row)

    @classmethod
    def example(cls) -> Self:
        """A batch of three rows: a commit, an error, and one to come."""
        batch = BatchRecord(
            id=examples.BATCH,
            name="2025-renewals",
            source="upload",
            kind="commit",
            rows=3,
            content_rows=3,
            created_at=examples.MADE_AT,
        )
        created, invalid = row_id(batch.id, 1), row_id(batch.id, 2)
        results = [
            Outcome(created, "created", 1, examples.MADE_AT, batch_id=batch.id),
            Outcome(invalid, "invalid", 1, examples.MADE_AT, (examples.NOT_POSITIVE,), batch_id=batch.id),
        ]
        return cls.of(batch, {"created": 1, "invalid": 1}, ResultsPage(results, None))
