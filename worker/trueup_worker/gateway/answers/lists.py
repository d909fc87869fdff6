"""Lists of an account: each entry as the command line lists it."""

from decimal import Decimal
from typing import Literal, Self
from uuid import UUID

from trueup.domain.burndown.values import CommitType
from trueup.domain.unit import USD_IN_CENTS
from trueup.store.commits import search
from trueup.store.invoices import invoice as stored
from trueup.store.requests.batch_results import BatchRecord
from trueup.store.requests.refused import RefusedRequest
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.answers.ids import Named
from trueup_worker.gateway.answers.requests import ListedBatch, RequestOutcome
from trueup_worker.gateway.http.answer import Amount, Answer, Instant, Page


class ListedCommit(Answer):
    """A commit or credit in a list.

    Attributes:
        customer: the customer's name.
        amount: the sum of its segments.
        balance: what can be used of it now.
        unpaid: instalments whose invoices are void; null: there are none.
    """

    id: UUID
    type: CommitType
    name: str | None
    customer_id: UUID
    customer: str | None
    priority: Amount
    uniqueness_key: str | None
    salesforce_opportunity_id: str | None
    netsuite_sales_order_id: str | None
    created_at: Instant
    archived_at: Instant | None
    amount: Amount
    balance: Amount | None
    unpaid: Amount | None


class CommitList(Page):
    """Commits and credits of all customers, and where the next page begins."""

    data: list[ListedCommit]
    next_page: str | None

    @classmethod
    def example(cls) -> Self:
        """One commit."""
        commit = search.ListedCommit(
            id=examples.COMMIT,
            type="PREPAID",
            name=examples.COMMIT_NAME,
            customer_id=examples.CUSTOMER,
            customer=examples.CUSTOMER_NAME,
            priority=examples.PRIORITY,
            uniqueness_key=examples.UNIQUENESS_KEY,
            salesforce_opportunity_id=None,
            netsuite_sales_order_id=None,
            created_at=examples.MADE_AT,
            archived_at=None,
            amount=examples.GRANTED,
            balance=examples.GRANTED - examples.USED,
        )
        return cls(data=[ListedCommit.from_record(commit)], next_page=None)


class ListedRequest(RequestOutcome, kw_only=True):
    """A request that made no commit of its own.

    Attributes:
        first_decided_at: when it was first refused: earlier than `decided_at` where its sender had it judged anew.
        customer: as its body names it, where that can be read.
        uniqueness_key: as its body gives it; of a usage line its transaction id.
    """

    first_decided_at: Instant
    customer: str | None
    uniqueness_key: str | None

    @classmethod
    def of_refused(cls, request: RefusedRequest) -> Self:
        """A stored one."""
        return cls.of(
            request,
            first_decided_at=request.first_decided_at,
            customer=request.customer,
            uniqueness_key=request.uniqueness_key,
        )


class RequestList(Page):
    """Requests that made no commit of their own, and where the next page begins."""

    data: list[ListedRequest]
    next_page: str | None

    @classmethod
    def example(cls) -> Self:
        """One that is invalid."""
        refused = RefusedRequest(
            request_id=examples.COMMIT,
            outcome="invalid",
            attempt=1,
            first_decided_at=examples.MADE_AT,
            decided_at=examples.MADE_AT,
            errors=[examples.NOT_POSITIVE],
            more=0,
            existing=None,
            reason=None,
            batch_id=examples.BATCH,
            customer=str(examples.CUSTOMER),
            uniqueness_key=examples.UNIQUENESS_KEY,
        )
        return cls(data=[ListedRequest.of_refused(refused)], next_page=None)


class BatchList(Page):
    """Batches, and where the next page begins."""

    data: list[ListedBatch]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """One batch of three rows."""
        batch = BatchRecord(
            id=examples.BATCH,
            name="2025-renewals",
            source="upload",
            kind="commit",
            rows=3,
            content_rows=3,
            created_at=examples.MADE_AT,
        )
        return cls(data=[ListedBatch.from_record(batch)], next_page=None)


class ListedInvoice(Answer):
    """An invoice or a draft in a list, without its lines.

    Attributes:
        total: exact; null where the draft of a true-up has no ledger to bill.
        amount_due: what can be paid.
        due_at: of a draft: when it becomes an invoice.
        held: of a draft that is not issued until an operator looks at it: why.
    """

    id: UUID
    number: int | None
    type: stored.InvoiceType
    status: Literal["DRAFT", "FINALIZED", "VOID"]
    customer_id: UUID
    customer: str | None
    contract_id: UUID | None
    commit_id: UUID | None
    credit_type: Named
    total: Amount | None
    amount_due: Amount | None
    issued_at: Instant
    finalized_at: Instant | None
    voided_at: Instant | None
    paid_at: Instant | None
    exported_at: Instant | None
    due_at: Instant | None
    held: str | None

    @classmethod
    def of(cls, invoice: stored.Invoice) -> Self:
        """A stored invoice, or what would be one."""
        unit = Named(id=invoice.unit_id, name=invoice.unit or "")
        held = f"{invoice.state}: {invoice.reason}" if invoice.is_held else None
        return cls.from_record(invoice, credit_type=unit, held=held)


class InvoiceList(Page):
    """Invoices and drafts of all customers, and where the next page begins."""

    data: list[ListedInvoice]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """An invoice of a commit."""
        invoice = stored.Invoice(
            id=examples.INVOICE,
            number=1,
            type="SCHEDULED",
            status="FINALIZED",
            customer_id=examples.CUSTOMER,
            customer=examples.CUSTOMER_NAME,
            contract_id=examples.CONTRACT,
            unit_id=examples.UNIT,
            unit=examples.UNIT_NAME,
            commit_id=examples.COMMIT,
            total=Decimal(examples.GRANTED),
            payable_step=USD_IN_CENTS.payable_step,
            issued_at=examples.STARTING_AT,
            finalized_at=examples.FINALIZED_AT,
        )
        return cls(data=[ListedInvoice.of(invoice)], next_page=None)
