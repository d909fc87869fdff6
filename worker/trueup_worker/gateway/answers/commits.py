"""Commits and credits as Metronome's SDK knows them."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Self
from uuid import UUID

from trueup.domain.burndown.values import AccessType, CommitType, RateType
from trueup.limits import DECIMALS_MAX
from trueup.store.commits import pages
from trueup.store.commits.pages import CommitRecord
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.answers.ids import Named
from trueup_worker.gateway.http.answer import Amount, Answer, Id, Instant, Page

_OF_A_SEGMENT = frozenset({"START", "DEDUCTION", "EXPIRATION"})


class Segment(Answer):
    """Segment: when how much may be drawn."""

    id: UUID
    amount: Amount
    starting_at: Instant
    ending_before: Instant


class AccessSchedule(Answer):
    """Access: what may be drawn."""

    access_type: AccessType
    credit_type: Named
    schedule_items: list[Segment]

    @classmethod
    def of(cls, commit: CommitRecord) -> Self:
        """The schedule of a commit or credit."""
        return cls(
            access_type=commit.access_type,
            credit_type=Named(id=commit.access_unit_id, name=commit.access_unit or ""),
            schedule_items=[Segment.from_record(each) for each in commit.segments],
        )


class InvoiceItem(Answer):
    """Item: what is billed when.

    Attributes:
        invoice_id: once it was.
    """

    id: UUID
    amount: Amount
    quantity: Amount
    unit_price: Amount
    timestamp: Instant
    invoice_id: UUID | None = None


class InvoiceSchedule(Answer):
    """Invoices: what is billed."""

    credit_type: Named
    do_not_invoice: bool
    schedule_items: list[InvoiceItem]

    @classmethod
    def of(cls, commit: CommitRecord) -> Self | None:
        """The schedule of a commit, if it has one."""
        if commit.invoice_unit_id is None:
            return None
        return cls(
            credit_type=Named(id=commit.invoice_unit_id, name=commit.invoice_unit or ""),
            do_not_invoice=commit.do_not_invoice,
            schedule_items=[InvoiceItem.from_record(each) for each in commit.items],
        )


class LedgerEntry(Answer):
    """A booking; each type has members of its own.

    Attributes:
        amount: with its sign.
    """

    type: str
    amount: Amount
    timestamp: Instant
    segment_id: UUID | None = None
    invoice_id: UUID | None = None
    reason: str | None = None

    @classmethod
    def of(cls, entry: pages.LedgerEntry) -> Self:
        """An entry, with the members of its type."""
        kind = entry.type
        if kind.endswith("_MANUAL"):
            return cls(type=kind, amount=entry.amount, timestamp=entry.effective_at, reason=entry.reason or "")
        return cls(
            type=kind,
            amount=entry.amount,
            timestamp=entry.effective_at,
            segment_id=entry.segment_id if kind.rsplit("_", 1)[1] in _OF_A_SEGMENT else None,
            invoice_id=entry.invoice_id,
        )

    @classmethod
    def example_of(cls, prefix: str) -> tuple[Self, Self]:
        """The start of a segment, and what usage of a month took of it."""
        start = cls(
            type=f"{prefix}_SEGMENT_START",
            amount=examples.GRANTED,
            timestamp=examples.STARTING_AT,
            segment_id=examples.SEGMENT,
        )
        paid = cls(
            type=f"{prefix}_AUTOMATED_INVOICE_DEDUCTION",
            amount=-examples.USED,
            timestamp=examples.MONTH_END,
            segment_id=examples.SEGMENT,
            invoice_id=examples.INVOICE,
        )
        return start, paid


class Commit(Answer):
    """A commit or a credit.

    Attributes:
        cost_basis: what is paid for a unit of access: 0 for credits and complimentary commits.
        unpaid: instalments whose invoices are void, in the unit of the invoice schedule.
        balance: what may be drawn now.
        ledger: in the order of booking.
    """

    id: UUID
    type: CommitType
    customer: Id
    product: Named
    priority: Amount
    rate_type: RateType
    created_at: Instant
    cost_basis: Amount
    access_schedule: AccessSchedule
    invoice_schedule: InvoiceSchedule | None = None
    invoice_contract: Id | None = None
    name: str | None = None
    description: str | None = None
    applicable_product_ids: list[UUID] | None = None
    applicable_product_tags: list[str] | None = None
    applicable_contract_ids: list[UUID] | None = None
    specifiers: list[dict[str, Any]] | None = None
    custom_fields: dict[str, str] | None = None
    netsuite_sales_order_id: str | None = None
    salesforce_opportunity_id: str | None = None
    uniqueness_key: str | None = None
    archived_at: Instant | None = None
    unpaid: Amount | None = None
    balance: Amount | None = None
    ledger: list[LedgerEntry] | None = None

    @classmethod
    def of(cls, commit: CommitRecord) -> Self:
        """A stored commit or credit."""
        contract_id, ledger = commit.invoice_contract_id, commit.ledger
        return cls.from_record(
            commit,
            customer=Id(id=commit.customer_id),
            product=Named(id=commit.product_id, name=commit.product or ""),
            cost_basis=_cost_basis(commit),
            access_schedule=AccessSchedule.of(commit),
            invoice_schedule=InvoiceSchedule.of(commit),
            invoice_contract=None if contract_id is None else Id(id=contract_id),
            ledger=None if ledger is None else [LedgerEntry.of(each) for each in ledger],
        )

    @classmethod
    def example(cls) -> Self:
        """A commit that usage of one month was paid from."""
        start, paid = LedgerEntry.example_of("PREPAID_COMMIT")
        return cls(
            id=examples.COMMIT,
            type="PREPAID",
            name=examples.COMMIT_NAME,
            uniqueness_key=examples.UNIQUENESS_KEY,
            balance=start.amount + paid.amount,
            ledger=[start, paid],
            **_IN_COMMON,
        )

    @classmethod
    def example_of_credit(cls) -> Self:
        """A credit that nothing was drawn from."""
        start, _ = LedgerEntry.example_of("CREDIT")
        return cls(
            id=examples.CREDIT,
            type="CREDIT",
            custom_fields=examples.CREDIT_FIELDS,
            balance=start.amount,
            ledger=[start],
            **_IN_COMMON,
        )


_IN_COMMON: dict[str, Any] = {
    "customer": Id(id=examples.CUSTOMER),
    "product": Named(id=examples.PRODUCT, name=examples.PRODUCT_NAME),
    "priority": examples.PRIORITY,
    "rate_type": "LIST_RATE",
    "created_at": examples.MADE_AT,
    "cost_basis": Decimal(),
    "access_schedule": AccessSchedule(
        access_type="SPEND",
        credit_type=Named(id=examples.UNIT, name=examples.UNIT_NAME),
        schedule_items=[
            Segment(
                id=examples.SEGMENT,
                amount=examples.GRANTED,
                starting_at=examples.STARTING_AT,
                ending_before=examples.ENDING_BEFORE,
            )
        ],
    ),
}


class CommitAnswer(Answer):
    """One commit or credit."""

    data: Commit

    @classmethod
    def example(cls) -> Self:
        """A commit."""
        return cls(data=Commit.example())


class CommitPage(Page):
    """Commits or credits, and where the next page begins."""

    data: list[Commit]
    next_page: UUID | None

    @classmethod
    def example(cls, *commits: Commit) -> Self:
        """Page of these, the only one."""
        return cls(data=list(commits), next_page=None)


class Net(Answer):
    """Sum of what can be used now.

    Attributes:
        credit_type_id: its unit; in quantities of usage the null UUID.
    """

    balance: Amount
    credit_type_id: UUID


class NetBalanceAnswer(Answer):
    """One sum."""

    data: Net

    @classmethod
    def example(cls) -> Self:
        """In US cents."""
        return cls(data=Net(balance=examples.GRANTED, credit_type_id=examples.UNIT))


def _cost_basis(commit: CommitRecord) -> Decimal:
    granted = sum((each.amount for each in commit.segments), Decimal())
    paid = sum((each.amount for each in commit.items), Decimal())
    if not granted:
        return Decimal()
    basis = (paid / granted).quantize(Decimal(10) ** -DECIMALS_MAX, rounding=ROUND_HALF_EVEN)
    return basis.normalize() if basis else Decimal()
