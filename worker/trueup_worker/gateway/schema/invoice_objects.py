"""What invoices look like in answers, for the document, as `models`."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from trueup_worker.gateway.schema.models import Amount, Id, Model
from trueup_worker.gateway.schema.objects import Named


class AppliedBalance(Model):
    """Which commit or credit paid."""

    id: UUID
    type: Literal["PREPAID", "POSTPAID", "CREDIT"]
    access_type: Literal["SPEND", "QUANTITY"]


class InvoiceLine(Model):
    """A line of an invoice. The total leaves out what a postpaid commit covers: that is shown only."""

    type: Literal["commit_purchase", "usage", "applied_commit_or_credit"]
    name: str
    total: Amount
    credit_type: Named
    quantity: Amount | None = None
    quantity_is_rounded: Literal[True] | None = None
    unit_price: Amount | None = None
    product_id: UUID | None = None
    product_type: str | None = None
    product_tags: list[str] | None = None
    commit_id: UUID | None = None
    commit_type: Literal["PrepaidCommit", "PostpaidCommit"] | None = None
    commit_segment_id: UUID | None = None
    commit_custom_fields: dict[str, str] | None = None
    commit_netsuite_sales_order_id: str | None = None
    applied_commit_or_credit: AppliedBalance | None = None
    postpaid_commit: Id | None = None
    pricing_group_values: dict[str, str] | None = None
    presentation_group_values: dict[str, str] | None = None
    starting_at: datetime | None = None
    ending_before: datetime | None = None


class Invoice(Model):
    """An invoice, or the draft of one; `start_timestamp` and `end_timestamp` of usage only.

    Totals are exact; `amount_due` is what can be paid of it, and `rounding` the difference, where there is one.
    `held_reason`: of a draft that is not issued until an operator looks at it.
    """

    id: UUID
    type: Literal["USAGE", "SCHEDULED"]
    status: Literal["DRAFT", "FINALIZED", "VOID"]
    customer_id: UUID
    customer_name: str | None = None
    customer_custom_fields: dict[str, str] | None = None
    credit_type: Named
    line_items: list[InvoiceLine]
    subtotal: Amount
    total: Amount
    rounding: Amount | None = None
    amount_due: Amount
    issued_at: datetime
    number: int | None = None
    contract_id: UUID | None = None
    net_payment_terms_days: int | None = None
    start_timestamp: datetime | None = None
    end_timestamp: datetime | None = None
    finalized_at: datetime | None = None
    voided_at: datetime | None = None
    regenerated_from_invoice_id: UUID | None = None
    held_reason: str | None = None
    paid_at: datetime | None = None
    exported_at: datetime | None = None
    netsuite_sales_order_id: str | None = None
    salesforce_opportunity_id: str | None = None


class InvoiceAnswer(Model):
    """One invoice."""

    data: Invoice


class InvoicePage(Model):
    """Invoices, and where the next page begins."""

    data: list[Invoice]
    next_page: str | None
