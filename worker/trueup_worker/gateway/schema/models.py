"""What answers look like, for the document: answers are written by `shapes`, and tests compare the two."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from trueup.store.requests.parking import Reason, State
from trueup.wire.outcome import Verdict

Amount = float  # on the wire: a JSON number with all its digits


class Model(BaseModel):
    """An object of an answer; members may be added to it later."""

    model_config = ConfigDict(extra="allow")


class Id(Model):
    """What was made, or is meant."""

    id: UUID


class Made(Model):
    """The id of what was made."""

    data: Id


class Pending(Id):
    """A request that is kept; parked ones say why."""

    outcome: Literal["pending", "parked"]
    reason: str | None = None


class Accepted(Model):
    """Kept: what becomes of it can be asked for."""

    data: Pending


class FieldError(Model):
    """One thing that is wrong: where, as a JSON Pointer, and which."""

    path: str
    code: str
    message: str


class Existing(Model):
    """What is there already: a commit or credit, or another record with this key or alias."""

    id: UUID
    type: Literal["PREPAID", "POSTPAID", "CREDIT", "USAGE", "CONTRACT", "CUSTOMER", "LEDGER_ENTRY"]


class Error(Model):
    """Why a call was refused."""

    message: str
    code: Literal[
        "invalid_request",
        "not_found",
        "duplicate",
        "idempotency_key_reused",
        "unauthenticated",
        "forbidden",
        "rate_limited",
        "unavailable",
    ]
    errors: list[FieldError] = []
    more: int = 0
    existing: Existing | None = None
    same_content: bool | None = None
    data: Id | None = None


class ExistingWithContent(Existing):
    """The same, and whether it was made of the same content, and told of by an idempotency key's first answer."""

    same_content: bool
    replayed: bool = False


class RequestOutcome(Model):
    """What became of a request."""

    id: UUID
    outcome: Verdict | Literal["pending"]
    errors: list[FieldError] = []
    more: int = 0
    existing: ExistingWithContent | None = None
    reason: str | None = None
    attempt: int | None = None
    decided_at: datetime | None = None
    batch_id: UUID | None = None


class RequestAnswer(Model):
    """One request."""

    data: RequestOutcome


class NewBatch(Model):
    """A batch whose rows are kept."""

    id: UUID
    rows: int
    rows_without_uniqueness_key: int


class BatchAccepted(Model):
    """Every row of it is kept."""

    data: NewBatch


class RowOutcome(RequestOutcome):
    """What became of a row."""

    row: int


class Batch(Model):
    """A batch as it stands: of the rows that its content has, some are received while it is uploaded."""

    id: UUID
    name: str | None
    source: str
    kind: Literal["commit", "credit", "usage"]
    state: Literal["uploading", "received"]
    rows: int
    content_rows: int
    created_at: datetime
    outcomes: dict[Verdict, int]
    undecided: int
    results: list[RowOutcome]


class BatchAnswer(Model):
    """One batch; `next_page` is the last row that is told."""

    data: Batch
    next_page: int | None


class FutureInvoice(Model):
    """An invoice that the commit would make."""

    kind: Literal["SCHEDULED", "TRUE_UP"]
    timestamp: datetime
    quantity: Amount
    unit_price: Amount
    amount: Amount
    suppressed_by: str | None = None


class Judgement(Model):
    """What a create would be answered with, as things stand."""

    outcome: Literal["valid", "duplicate", "invalid", "not_found"]
    errors: list[FieldError]
    existing: ExistingWithContent | None
    invoices: list[FutureInvoice]


class Validated(Model):
    """A judgement."""

    data: Judgement


class Alive(Model):
    """The process answers."""

    status: Literal["ok"]


class Ready(Model):
    """What must hold so that calls are taken."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, bool]


class Health(Ready):
    """How the whole stands."""

    backlog: dict[str, int] | None
    oldest_due_obligation_seconds: float | None
    log_lines_lost: int


class Parked(Model):
    """What could not be decided: an envelope, or one request of it.

    With `whole_bytes` it was that large, and only its beginning is kept: it cannot be replayed, but sent again.
    """

    id: UUID
    reason: Reason
    detail: str
    state: State
    task: str
    request_id: UUID | None = None
    batch_id: UUID | None = None
    attempts: int
    whole_bytes: int | None = None
    parked_at: datetime
    resolved_at: datetime | None = None
    note: str | None = None


class ParkedPage(Model):
    """What is parked, oldest first; `counts`: how many there are for each reason, on all pages."""

    data: list[Parked]
    counts: dict[Reason, int]
    next_page: UUID | None


class Replayed(Model):
    """How many were chosen, and how many of them are on their way again: none in a dry run."""

    chosen: int
    replayed: int


class ReplayAnswer(Model):
    """What a replay did, or would do."""

    data: Replayed
