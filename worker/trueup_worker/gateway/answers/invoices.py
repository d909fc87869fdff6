"""Invoices as Metronome's SDK knows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self
from uuid import UUID

from trueup.domain.burndown.values import AccessType, CommitType
from trueup.store.invoices import invoice as stored
from trueup.store.invoices.by_customer import Details
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.answers.ids import Named
from trueup_worker.gateway.http.answer import Amount, Answer, Id, Instant

Json = dict[str, Any]
LineType = Literal["commit_purchase", "usage", "applied_commit_or_credit"]
PaidType = Literal["PrepaidCommit", "PostpaidCommit"]

_LINE_TYPES: dict[str, LineType] = {
    "charge": "commit_purchase",
    "usage": "usage",
    "applied": "applied_commit_or_credit",
}
_COMMIT_TYPES: dict[str, PaidType] = {
    "PREPAID": "PrepaidCommit",
    "CREDIT": "PrepaidCommit",
    "POSTPAID": "PostpaidCommit",
}


class AppliedBalance(Answer):
    """Which commit or credit paid."""

    id: UUID
    type: CommitType
    access_type: AccessType


class InvoiceLine(Answer):
    """A line of an invoice.

    Attributes:
        total: leaves out what a postpaid commit covers: that is shown only.
        postpaid_commit: the one that is trued up.
    """

    type: LineType
    name: str
    total: Amount
    credit_type: Named
    quantity: Amount | None = None
    quantity_is_rounded: Literal[True] | None = None
    unit_price: Amount | None = None
    product_id: UUID | None = None
    product_type: str | None = None
    product_tags: Sequence[str] | None = None
    commit_id: UUID | None = None
    commit_type: PaidType | None = None
    commit_segment_id: UUID | None = None
    commit_custom_fields: Mapping[str, str] | None = None
    commit_netsuite_sales_order_id: str | None = None
    applied_commit_or_credit: AppliedBalance | None = None
    postpaid_commit: Id | None = None
    pricing_group_values: Mapping[str, str] | None = None
    presentation_group_values: Mapping[str, str] | None = None
    starting_at: Instant | None = None
    ending_before: Instant | None = None

    @classmethod
    def of(cls, line: stored.InvoiceLine, unit: Named, details: Details) -> Self:
        """A line, with what is known of the commit or credit that is paid for, or that pays."""
        product = details.products.get(line.product_id) if line.product_id else None
        commit = details.commits.get(line.commit_id) if line.commit_id else None
        return cls(
            type=_LINE_TYPES[line.kind],
            name=line.name or "",
            total=line.amount or Amount(),
            credit_type=unit,
            quantity=line.quantity,
            quantity_is_rounded=True if line.is_rounded else None,
            unit_price=line.unit_price,
            product_id=line.product_id,
            product_type=f"{product.type.capitalize()}ProductListItem" if product else None,
            product_tags=product.tags if product else None,
            commit_id=line.commit_id,
            commit_segment_id=line.segment_id,
            commit_type=_COMMIT_TYPES[commit.type] if commit else None,
            commit_custom_fields=commit.custom_fields if commit else None,
            commit_netsuite_sales_order_id=commit.netsuite_sales_order_id if commit else None,
            applied_commit_or_credit=AppliedBalance.from_record(commit) if commit and line.kind != "charge" else None,
            postpaid_commit=Id(id=commit.id) if commit and line.kind == "charge" and line.arithmetic else None,
            pricing_group_values=line.pricing_group_values,
            presentation_group_values=line.presentation_group_values,
            starting_at=line.starting_at,
            ending_before=line.ending_before,
        )


class Invoice(Answer):
    """An invoice, or the draft of one. Totals are exact.

    Attributes:
        rounding: the difference between total and amount due, where there is one.
        amount_due: what can be paid.
        start_timestamp: of usage only.
        end_timestamp: of usage only.
        held_reason: of a draft that is not issued until an operator looks at it.
    """

    id: UUID
    type: Literal["USAGE", "SCHEDULED"]
    status: Literal["DRAFT", "FINALIZED", "VOID"]
    customer_id: UUID
    credit_type: Named
    line_items: list[InvoiceLine]
    subtotal: Amount
    total: Amount
    amount_due: Amount
    issued_at: Instant
    rounding: Amount | None = None
    customer_name: str | None = None
    customer_custom_fields: Mapping[str, str] | None = None
    number: int | None = None
    contract_id: UUID | None = None
    net_payment_terms_days: int | None = None
    start_timestamp: Instant | None = None
    end_timestamp: Instant | None = None
    finalized_at: Instant | None = None
    voided_at: Instant | None = None
    regenerated_from_invoice_id: UUID | None = None
    held_reason: str | None = None
    paid_at: Instant | None = None
    exported_at: Instant | None = None
    netsuite_sales_order_id: str | None = None
    salesforce_opportunity_id: str | None = None

    @classmethod
    def of(cls, invoice: stored.Invoice, details: Details, *, skip_zero_quantity: bool = False) -> Self:
        """An invoice or a draft, with its lines.

        Args:
            invoice: as it is stored, or would be.
            details: what it refers to.
            skip_zero_quantity: leaves out lines of quantity 0.
        """
        contract = details.contracts.get(invoice.contract_id) if invoice.contract_id else None
        customer = details.customers.get(invoice.customer_id)
        commit = details.commits.get(invoice.commit_id) if invoice.commit_id else None
        unit = Named(id=invoice.unit_id, name=invoice.unit or "")
        lines = [line for line in invoice.lines if line.quantity or not skip_zero_quantity]
        return cls.from_record(
            invoice,
            customer_name=invoice.customer,
            customer_custom_fields=customer and customer.custom_fields,
            credit_type=unit,
            line_items=[InvoiceLine.of(line, unit, details) for line in lines],
            subtotal=invoice.total or Amount(),
            total=invoice.total or Amount(),
            amount_due=invoice.amount_due or Amount(),
            net_payment_terms_days=contract and contract.net_payment_terms_days,
            start_timestamp=invoice.starting_at,
            end_timestamp=invoice.ending_before,
            regenerated_from_invoice_id=invoice.regenerated_from_id,
            held_reason=invoice.reason if invoice.is_held else None,
            netsuite_sales_order_id=commit and commit.netsuite_sales_order_id,
            salesforce_opportunity_id=commit and commit.salesforce_opportunity_id,
        )

    @classmethod
    def example(cls) -> Self:
        """An invoice of a month's usage, all of which a commit paid."""
        unit = Named(id=examples.UNIT, name=examples.UNIT_NAME)
        paid: Json = {
            "credit_type": unit,
            "commit_id": examples.COMMIT,
            "commit_segment_id": examples.SEGMENT,
            "commit_type": "PrepaidCommit",
            "applied_commit_or_credit": AppliedBalance(id=examples.COMMIT, type="PREPAID", access_type="SPEND"),
        }
        usage = InvoiceLine(
            type="usage",
            name="GPU hours",
            total=examples.USED,
            quantity=examples.QUANTITY,
            unit_price=examples.LIST_PRICE,
            product_id=examples.USAGE_PRODUCT,
            product_type="UsageProductListItem",
            **paid,
        )
        applied = InvoiceLine(
            type="applied_commit_or_credit",
            name=examples.COMMIT_NAME,
            total=-examples.USED,
            quantity=Amount(1),
            unit_price=-examples.USED,
            product_id=examples.PRODUCT,
            product_type="FixedProductListItem",
            **paid,
        )
        return cls(
            id=examples.INVOICE,
            type="USAGE",
            status="FINALIZED",
            customer_id=examples.CUSTOMER,
            customer_name=examples.CUSTOMER_NAME,
            credit_type=unit,
            line_items=[usage, applied],
            subtotal=Amount(),
            total=Amount(),
            amount_due=Amount(),
            issued_at=examples.MONTH_END,
            number=1,
            contract_id=examples.CONTRACT,
            net_payment_terms_days=examples.PAYMENT_DAYS,
            start_timestamp=examples.STARTING_AT,
            end_timestamp=examples.MONTH_END,
            finalized_at=examples.FINALIZED_AT,
        )


class InvoiceAnswer(Answer):
    """One invoice."""

    data: Invoice

    @classmethod
    def example(cls) -> Self:
        """An invoice of usage."""
        return cls(data=Invoice.example())


class InvoicePage(Answer):
    """Invoices, and where the next page begins."""

    data: list[Invoice]
    next_page: str | None

    @classmethod
    def example(cls) -> Self:
        """One invoice."""
        return cls(data=[Invoice.example()], next_page=None)
