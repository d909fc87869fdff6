"""Customers, products and contracts as Metronome's SDK knows them: nothing of them is ever amended here."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self
from uuid import UUID

from trueup.store.catalog.records import ContractRecord, CustomerRecord, ProductRecord
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant, Page

_NOBODY = "trueup"  # who made it is not kept


class Customer(Answer):
    """Customer: who promises to spend.

    Attributes:
        external_id: its first alias, or its id.
        updated_at: when it was made.
        customer_config: empty.
    """

    id: UUID
    name: str
    external_id: str
    ingest_aliases: Sequence[str]
    custom_fields: Mapping[str, str]
    created_at: Instant | None = None
    updated_at: Instant | None = None
    customer_config: dict[str, str] | None = None

    @classmethod
    def added(
        cls, customer_id: UUID, *, name: str, custom_fields: Mapping[str, str], ingest_aliases: Sequence[str]
    ) -> Self:
        """A customer, as the call that adds it tells it."""
        return cls(
            id=customer_id,
            name=name,
            external_id=next(iter(ingest_aliases), str(customer_id)),
            ingest_aliases=ingest_aliases,
            custom_fields=custom_fields,
        )

    @classmethod
    def of(cls, customer: CustomerRecord) -> Self:
        """A customer, as it is read."""
        return cls.from_record(
            customer,
            external_id=next(iter(customer.ingest_aliases), str(customer.id)),
            updated_at=customer.created_at,
            customer_config={},
        )

    @classmethod
    def example(cls) -> Self:
        """A customer, as it is read."""
        return cls.of(
            CustomerRecord(
                id=examples.CUSTOMER,
                name=examples.CUSTOMER_NAME,
                custom_fields=examples.CUSTOMER_FIELDS,
                created_at=examples.MADE_AT,
                ingest_aliases=[examples.CUSTOMER_ALIAS],
            )
        )


class CustomerAnswer(Answer):
    """One customer."""

    data: Customer

    @classmethod
    def example(cls) -> Self:
        """A customer, as it is read."""
        return cls(data=Customer.example())

    @classmethod
    def example_of_added(cls) -> Self:
        """A customer, as the call that adds it tells it."""
        return cls(
            data=Customer.added(
                examples.CUSTOMER,
                name=examples.CUSTOMER_NAME,
                custom_fields=examples.CUSTOMER_FIELDS,
                ingest_aliases=[examples.CUSTOMER_ALIAS],
            )
        )


class CustomerPage(Page):
    """Customers, and where the next page begins."""

    data: list[Customer]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """One customer."""
        return cls(data=[Customer.example()], next_page=None)


class ProductState(Answer):
    """State of a product; what belongs to metering and rating is returned as it was given."""

    created_at: Instant
    created_by: str
    name: str
    tags: list[str]
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


class Product(Answer):
    """Product: what is charged for; it is now as it was at first."""

    id: UUID
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    initial: ProductState
    current: ProductState
    updates: list[dict[str, Any]]
    custom_fields: dict[str, str]

    @classmethod
    def of(cls, product: ProductRecord) -> Self:
        """A stored product."""
        kept = dict(product.kept)
        custom_fields = kept.pop("custom_fields", {})
        state = ProductState(
            created_at=product.created_at, created_by=_NOBODY, name=product.name, tags=product.tags, **kept
        )
        return cls(
            id=product.id,
            type=product.type,
            initial=state,
            current=state,
            updates=[],
            custom_fields=custom_fields,
        )

    @classmethod
    def example(cls) -> Self:
        """A fee."""
        return cls.of(
            ProductRecord(
                id=examples.PRODUCT,
                name=examples.PRODUCT_NAME,
                type="FIXED",
                tags=[examples.PRODUCT_TAG],
                created_at=examples.MADE_AT,
                kept={},
            )
        )


class ProductAnswer(Answer):
    """One product."""

    data: Product

    @classmethod
    def example(cls) -> Self:
        """A fee."""
        return cls(data=Product.example())


class ProductPage(Page):
    """Products, and where the next page begins."""

    data: list[Product]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """One product."""
        return cls(data=[Product.example()], next_page=None)


class StatementSchedule(Answer):
    """Schedule of usage invoices."""

    frequency: Literal["MONTHLY"]
    billing_anchor_date: Instant


class ContractState(Answer):
    """State of a contract; commits and credits are the customer's."""

    created_at: Instant
    created_by: str
    starting_at: Instant
    commits: list[dict[str, Any]]
    credits: list[dict[str, Any]]
    overrides: list[dict[str, Any]]
    scheduled_charges: list[dict[str, Any]]
    transitions: list[dict[str, Any]]
    usage_statement_schedule: StatementSchedule
    ending_before: Instant | None = None
    net_payment_terms_days: int | None = None
    name: str | None = None
    rate_card_id: UUID | None = None
    netsuite_sales_order_id: str | None = None
    salesforce_opportunity_id: str | None = None


class Contract(Answer):
    """Under which agreement: it is now as it was at first."""

    id: UUID
    customer_id: UUID
    custom_fields: dict[str, str]
    initial: ContractState
    current: ContractState
    amendments: list[dict[str, Any]]
    usage_invoicing: Literal["MONTHLY", "NONE"]
    uniqueness_key: str | None = None

    @classmethod
    def of(cls, contract: ContractRecord) -> Self:
        """A stored contract."""
        kept = dict(contract.kept)
        custom_fields = kept.pop("custom_fields", {})
        state = ContractState(
            created_at=contract.created_at,
            created_by=_NOBODY,
            starting_at=contract.starting_at,
            ending_before=contract.ending_before,
            net_payment_terms_days=contract.net_payment_terms_days,
            commits=[],
            credits=[],
            overrides=[],
            scheduled_charges=[],
            transitions=[],
            usage_statement_schedule=StatementSchedule(frequency="MONTHLY", billing_anchor_date=contract.starting_at),
            **kept,
        )
        return cls.from_record(contract, custom_fields=custom_fields, initial=state, current=state, amendments=[])

    @classmethod
    def example(cls) -> Self:
        """A contract without an end."""
        return cls.of(
            ContractRecord(
                id=examples.CONTRACT,
                customer_id=examples.CUSTOMER,
                starting_at=examples.STARTING_AT,
                ending_before=None,
                usage_invoicing="MONTHLY",
                net_payment_terms_days=examples.PAYMENT_DAYS,
                created_at=examples.MADE_AT,
                uniqueness_key=examples.CONTRACT_KEY,
                kept={"name": examples.CONTRACT_NAME},
            )
        )


class ContractAnswer(Answer):
    """One contract."""

    data: Contract

    @classmethod
    def example(cls) -> Self:
        """A contract without an end."""
        return cls(data=Contract.example())


class ContractPage(Answer):
    """Contracts, and where the next page begins."""

    data: list[Contract]
    cursor: UUID | None

    @classmethod
    def of(cls, contracts: Sequence[ContractRecord], *, limit: int) -> Self:
        """At most `limit` contracts of those that are given."""
        page = Page.of(map(Contract.of, contracts), limit=limit)
        return cls(data=page.data, cursor=page.next_page)

    @classmethod
    def example(cls) -> Self:
        """One contract."""
        return cls(data=[Contract.example()], cursor=None)
