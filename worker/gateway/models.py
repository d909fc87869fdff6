"""What answers look like, for the document: answers are written by `shapes`, and tests compare the two."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.wire.outcome import Verdict

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
    """The commit or credit that is there already."""

    id: UUID
    type: Literal["PREPAID", "POSTPAID", "CREDIT"]


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
    """The same, and whether it was made of the same content."""

    same_content: bool


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
    """A batch as it stands."""

    id: UUID
    name: str | None
    source: str
    kind: Literal["commit", "credit", "usage"]
    rows: int
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
