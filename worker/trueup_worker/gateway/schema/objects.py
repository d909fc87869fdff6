"""What commits, credits and the catalog look like in answers, for the document, as `models`."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from trueup_worker.gateway.schema.models import Amount, Id, Model


class Named(Model):
    """Something by its id and name."""

    id: UUID
    name: str


class Segment(Model):
    """When how much may be drawn."""

    id: UUID
    amount: Amount
    starting_at: datetime
    ending_before: datetime


class AccessSchedule(Model):
    """What may be drawn."""

    access_type: Literal["SPEND", "QUANTITY"]
    credit_type: Named
    schedule_items: list[Segment]


class InvoiceItem(Model):
    """What is billed when; `invoice_id` once it was."""

    id: UUID
    amount: Amount
    quantity: Amount
    unit_price: Amount
    timestamp: datetime
    invoice_id: UUID | None = None


class InvoiceSchedule(Model):
    """What is billed."""

    credit_type: Named
    do_not_invoice: bool
    schedule_items: list[InvoiceItem]


class LedgerEntry(Model):
    """A booking, with its sign."""

    type: str
    amount: Amount
    timestamp: datetime
    segment_id: UUID | None = None
    invoice_id: UUID | None = None
    reason: str | None = None


class CommitRecord(Model):
    """A commit or a credit; `unpaid`: instalments whose invoices are void, in the unit of the invoice schedule."""

    id: UUID
    type: Literal["PREPAID", "POSTPAID", "CREDIT"]
    customer: Id
    product: Named
    priority: Amount
    rate_type: Literal["LIST_RATE", "COMMIT_RATE"]
    created_at: datetime
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
    archived_at: datetime | None = None
    unpaid: Amount | None = None
    balance: Amount | None = None
    ledger: list[LedgerEntry] | None = None


class CommitAnswer(Model):
    """One commit or credit."""

    data: CommitRecord


class CommitPage(Model):
    """Commits or credits, and where the next page begins."""

    data: list[CommitRecord]
    next_page: UUID | None


class Net(Model):
    """What can be used now, in this unit; in quantities of usage it is the null UUID."""

    balance: Amount
    credit_type_id: UUID


class NetBalanceAnswer(Model):
    """One sum."""

    data: Net


class Customer(Model):
    """Who promises to spend."""

    id: UUID
    name: str
    external_id: str
    ingest_aliases: list[str]
    custom_fields: dict[str, str]
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CustomerAnswer(Model):
    """One customer."""

    data: Customer


class CustomerPage(Model):
    """Customers, and where the next page begins."""

    data: list[Customer]
    next_page: UUID | None


class ProductState(Model):
    """What a product is like."""

    name: str
    tags: list[str]
    created_at: datetime
    created_by: str
    billable_metric_id: UUID | None = None
    composite_product_ids: list[UUID] | None = None
    composite_tags: list[str] | None = None
    exclude_free_usage: bool | None = None
    include_composite_spend: bool | None = None
    is_refundable: bool | None = None
    netsuite_internal_item_id: str | None = None
    netsuite_overage_item_id: str | None = None
    presentation_group_key: list[str] | None = None
    pricing_group_key: list[str] | None = None


class Product(Model):
    """What is charged for."""

    id: UUID
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    initial: ProductState
    current: ProductState
    updates: list[dict[str, Any]]
    custom_fields: dict[str, str]


class ProductAnswer(Model):
    """One product."""

    data: Product


class ProductPage(Model):
    """Products, and where the next page begins."""

    data: list[Product]
    next_page: UUID | None


class ContractState(Model):
    """What a contract is like."""

    starting_at: datetime
    ending_before: datetime | None = None
    net_payment_terms_days: int | None = None
    name: str | None = None
    rate_card_id: UUID | None = None
    netsuite_sales_order_id: str | None = None
    salesforce_opportunity_id: str | None = None


class Contract(Model):
    """Under which agreement."""

    id: UUID
    customer_id: UUID
    uniqueness_key: str | None = None
    custom_fields: dict[str, str]
    initial: ContractState
    current: ContractState
    amendments: list[dict[str, Any]]
    usage_invoicing: Literal["MONTHLY", "NONE"]


class ContractAnswer(Model):
    """One contract."""

    data: Contract


class ContractPage(Model):
    """Contracts, and where the next page begins."""

    data: list[Contract]
    cursor: UUID | None
