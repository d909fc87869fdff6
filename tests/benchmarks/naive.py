"""The naive worker, as a team would write it in an afternoon: one Celery task per request, one per invoice.

It stores the same rows in the same tables, but decides and keeps less: no signature, no catalog, no outcomes, no
outbox, and a request whose worker dies after SET NX is lost. All of that makes it faster than it ought to be.
"""

import os
from datetime import datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID, uuid4

import redis
from celery import Celery
from celery.signals import worker_ready
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from tests.benchmarks.naive_rows import Account, Commit, Invoice, InvoiceLine, LedgerEntry, Obligation, Segment
from trueup.readiness import announce_ready

QUEUE = "naive"
QUEUE_TUNED = "naive.tuned"
_USD_CENTS = UUID("2714e483-4ff1-48e4-9e25-ac732e8f24f2")
_OPENING = {"PREPAID": "PREPAID_COMMIT_SEGMENT_START", "POSTPAID": "POSTPAID_COMMIT_INITIAL_BALANCE"}

app = Celery("naive", broker=os.environ.get("TRUEUP_BROKER_URL"))
app.conf.update(task_ignore_result=True, task_default_queue=QUEUE)


def send_to(broker_url: str) -> None:
    """Makes this process, which is no worker, send its tasks there."""
    app.conf.broker_url = broker_url


@worker_ready.connect
def _on_ready(**_: Any) -> None:
    announce_ready()


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AccessItem(_Model):
    """Becomes a segment."""

    amount: Decimal = Field(gt=0, max_digits=30, decimal_places=12)
    starting_at: datetime
    ending_before: datetime


class AccessSchedule(_Model):
    """What may be drawn, and when."""

    credit_type_id: UUID = _USD_CENTS
    access_type: Literal["SPEND", "QUANTITY"] = "SPEND"
    schedule_items: list[AccessItem] = Field(min_length=1)


class InvoiceItem(_Model):
    """Becomes an obligation."""

    timestamp: datetime
    amount: Decimal | None = Field(default=None, gt=0)
    unit_price: Decimal | None = Field(default=None, gt=0)
    quantity: Decimal | None = Field(default=None, gt=0)

    def charge(self) -> tuple[Decimal, Decimal]:
        """Unit price and quantity."""
        if self.amount is not None:
            return self.amount, Decimal(1)
        assert self.unit_price is not None
        assert self.quantity is not None
        return self.unit_price, self.quantity


class InvoiceSchedule(_Model):
    """What is invoiced."""

    credit_type_id: UUID = _USD_CENTS
    schedule_items: list[InvoiceItem]


class CommitRequest(_Model):
    """The request."""

    customer_id: UUID
    type: Literal["PREPAID", "POSTPAID"]
    name: str | None = None
    priority: Decimal
    product_id: UUID
    rate_type: Literal["LIST_RATE", "COMMIT_RATE"] = "LIST_RATE"
    access_schedule: AccessSchedule
    invoice_contract_id: UUID
    applicable_contract_ids: list[UUID] = []
    applicable_product_tags: list[str] = []
    custom_fields: dict[str, str] = {}
    salesforce_opportunity_id: str | None = None
    uniqueness_key: str
    invoice_schedule: InvoiceSchedule


@cache
def sessions() -> sessionmaker[Session]:
    """This process's sessions."""
    url = make_url(os.environ["TRUEUP_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    return sessionmaker(create_engine(url, connect_args={"options": "-c timezone=UTC"}))


@cache
def cache_client() -> "redis.Redis":
    """This process's Redis."""
    return redis.Redis.from_url(os.environ["TRUEUP_REDIS_URL"])


@app.task(name="naive.create_commit")
def create_commit(account_id: int, body: dict[str, Any]) -> str:
    """One request."""
    try:
        request = CommitRequest.model_validate(body)
    except ValueError:
        return "invalid"
    if not cache_client().set(f"naive:{account_id}:{request.uniqueness_key}", "1", nx=True, ex=3600):
        return "duplicate"
    with sessions().begin() as session:
        _add_commit(session, account_id, request)
    return "created"


def _add_commit(session: Session, account_id: int, request: CommitRequest) -> None:
    given = request.model_dump(exclude={"access_schedule", "invoice_schedule"})
    commit = Commit(
        account_id=account_id,
        id=uuid4(),
        access_type=request.access_schedule.access_type,
        access_unit_id=request.access_schedule.credit_type_id,
        invoice_unit_id=request.invoice_schedule.credit_type_id,
        fingerprint=sha256(request.model_dump_json().encode()).digest(),
        fingerprint_version=1,
        created_at=func.now(),
        **given,
    )
    session.add(commit)
    for position, item in enumerate(request.access_schedule.schedule_items):
        _add_segment(session, commit, position, item)
    for position, item in enumerate(request.invoice_schedule.schedule_items):
        _add_obligation(session, commit, position, item, access_end=request.access_schedule.schedule_items[-1])


def _add_segment(session: Session, commit: Commit, position: int, item: AccessItem) -> None:
    segment = Segment(
        account_id=commit.account_id, commit_id=commit.id, position=position, id=uuid4(), **item.model_dump()
    )
    session.add(segment)
    session.add(
        LedgerEntry(
            account_id=commit.account_id,
            commit_id=commit.id,
            segment_id=segment.id,
            type=_OPENING[commit.type],
            amount=item.amount,
            effective_at=item.starting_at,
        )
    )


def _add_obligation(
    session: Session, commit: Commit, position: int, item: InvoiceItem, *, access_end: AccessItem
) -> None:
    unit_price, quantity = item.charge()
    postpaid = commit.type == "POSTPAID"
    session.add(
        Obligation(
            account_id=commit.account_id,
            id=uuid4(),
            commit_id=commit.id,
            position=position,
            kind="TRUE_UP" if postpaid else "SCHEDULED",
            scheduled_at=item.timestamp,
            due_at=max(item.timestamp, access_end.ending_before) if postpaid else item.timestamp,
            unit_price=unit_price,
            quantity=quantity,
            amount=unit_price * quantity,
        )
    )


@app.task(name="naive.issue_invoice")
def issue_invoice(account_id: int, obligation_id: str) -> None:
    """One invoice: the true-up bills what the ledger says is left."""
    with sessions().begin() as session:
        obligation = session.scalars(
            select(Obligation)
            .where(Obligation.account_id == account_id, Obligation.id == UUID(obligation_id))
            .with_for_update()
        ).one()
        if obligation.state == "pending":
            _issue(session, obligation)


def _issue(session: Session, obligation: Obligation) -> None:
    account_id = obligation.account_id
    commit = session.get_one(Commit, (account_id, obligation.commit_id))
    due = session.scalars(
        select(func.sum(LedgerEntry.amount)).where(
            LedgerEntry.account_id == account_id, LedgerEntry.commit_id == commit.id
        )
    ).one()
    account = session.get_one(Account, account_id, with_for_update=True)
    number = account.next_invoice_number
    account.next_invoice_number = number + 1
    session.add(
        Invoice(
            account_id=account_id,
            id=obligation.id,
            number=number,
            type="SCHEDULED",
            status="FINALIZED",
            customer_id=commit.customer_id,
            contract_id=commit.invoice_contract_id,
            unit_id=commit.invoice_unit_id,
            commit_id=commit.id,
            total=due,
            issued_at=obligation.scheduled_at,
            finalized_at=func.now(),
        )
    )
    _add_line_and_entry(session, obligation, commit, due)
    obligation.state, obligation.settled_at = "issued", func.now()


def _add_line_and_entry(session: Session, obligation: Obligation, commit: Commit, due: Decimal) -> None:
    session.add(
        InvoiceLine(
            account_id=commit.account_id,
            invoice_id=obligation.id,
            position=0,
            name=commit.name,
            product_id=commit.product_id,
            quantity=1,
            unit_price=due,
            amount=due,
            commit_id=commit.id,
        )
    )
    session.add(
        LedgerEntry(
            account_id=commit.account_id,
            commit_id=commit.id,
            type="POSTPAID_COMMIT_TRUEUP",
            amount=-due,
            effective_at=obligation.due_at,
            invoice_id=obligation.id,
        )
    )
