"""Bodies of calls about customers, products and contracts."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from trueup.wire.values import ExternalId
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.schema.bodies.body import (
    PAGE,
    Body,
    BodyLimit,
    CustomFields,
    Entries,
    Flag,
    Instant,
    Key,
    Limit,
    Name,
    Text,
    Texts,
    example,
)

_CUSTOMER, _CONTRACT = str(examples.CUSTOMER), str(examples.CONTRACT)
_KEPT_OF_CONTRACTS = {"name", "rate_card_id", "custom_fields", "netsuite_sales_order_id", "salesforce_opportunity_id"}


class NewCustomer(Body):
    """A customer to be added; the deprecated `external_id` is its first alias."""

    model_config = example(
        {
            "name": examples.CUSTOMER_NAME,
            "ingest_aliases": [examples.CUSTOMER_ALIAS],
            "custom_fields": examples.CUSTOMER_FIELDS,
        }
    )

    name: Name
    custom_fields: CustomFields | None = None
    external_id: Key | None = None
    ingest_aliases: Annotated[list[Key], Entries] | None = None

    @property
    def aliases(self) -> list[str]:
        """Aliases, each once."""
        first = [] if self.external_id is None else [self.external_id]
        return list(dict.fromkeys(first + (self.ingest_aliases or [])))


class PageQuery(BaseModel):
    """Place in a list to begin at, and page size; the route itself refuses what is unknown."""

    model_config = ConfigDict(frozen=True)

    limit: Limit = PAGE
    next_page: UUID | None = None


class CustomerQuery(PageQuery):
    """Which customers: none is ever archived, or known to Salesforce. Ids are separated by commas."""

    customer_ids: str | None = None
    ingest_alias: Key | None = None
    only_archived: bool | None = None
    salesforce_account_ids: str | None = None


class NewProduct(Body):
    """A product to be added; what belongs to metering and rating is returned as it is, and used for nothing."""

    model_config = example({"name": examples.PRODUCT_NAME, "type": "FIXED", "tags": [examples.PRODUCT_TAG]})

    name: Name
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    tags: Texts | None = None
    custom_fields: CustomFields | None = None
    billable_metric_id: UUID | None = None
    composite_product_ids: Annotated[list[UUID], Entries] | None = None
    composite_tags: Texts | None = None
    exclude_free_usage: Flag | None = None
    include_composite_spend: Flag | None = None
    is_refundable: Flag | None = None
    netsuite_internal_item_id: Text | None = None
    netsuite_overage_item_id: Text | None = None
    presentation_group_key: Texts | None = None
    pricing_group_key: Texts | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """Fields that are kept, and returned as they are."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"name", "type", "tags"})


class UsageStatements(Body):
    """Schedule of usage invoices: by the calendar month, in UTC."""

    frequency: Literal["MONTHLY"]
    day: Literal["FIRST_OF_MONTH"] | None = None


class NewContract(Body):
    """A contract to be added; the rate card is returned as it is: usage comes with its prices."""

    model_config = example(
        {
            "customer_id": _CUSTOMER,
            "starting_at": "2025-01-01T00:00:00Z",
            "name": examples.CONTRACT_NAME,
            "net_payment_terms_days": examples.PAYMENT_DAYS,
            "uniqueness_key": examples.CONTRACT_KEY,
        }
    )

    customer_id: UUID
    starting_at: Instant
    ending_before: Instant | None = None
    net_payment_terms_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    usage_statement_schedule: UsageStatements | None = None
    uniqueness_key: Key | None = None
    name: Name | None = None
    rate_card_id: UUID | None = None
    custom_fields: CustomFields | None = None
    netsuite_sales_order_id: ExternalId | None = None
    salesforce_opportunity_id: ExternalId | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """Fields that are kept, and returned as they are."""
        return self.model_dump(mode="json", exclude_none=True, include=_KEPT_OF_CONTRACTS)


class ProductChoice(Body):
    """Choice of a product."""

    model_config = example({"id": str(examples.PRODUCT)})

    id: UUID


class ProductFilter(Body):
    """Which products: none is ever archived."""

    model_config = example({"archive_filter": "NOT_ARCHIVED"})

    archive_filter: Literal["ARCHIVED", "NOT_ARCHIVED", "ALL"] | None = None


class ContractChoice(Body):
    """Choice of a contract."""

    model_config = example({"customer_id": _CUSTOMER, "contract_id": _CONTRACT})

    customer_id: UUID
    contract_id: UUID
    include_balance: Flag | None = None
    include_ledgers: Flag | None = None


class ContractFilter(Body):
    """Which of a customer's contracts."""

    model_config = example({"customer_id": _CUSTOMER, "covering_date": "2025-06-01T00:00:00Z"})

    customer_id: UUID
    covering_date: Instant | None = None
    starting_at: Instant | None = None
    cursor: UUID | None = None
    include_archived: Flag | None = None
    include_balance: Flag | None = None
    include_ledgers: Flag | None = None
    limit: BodyLimit | None = None
