"""What calls other than creates may say: the SDK's parameters, and nothing else."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, LiteralString
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from trueup.limits import KEY_CHARS_MAX, LIST_ENTRIES_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX
from trueup.store.requests.parking import Reason
from trueup.wire.values import TEXT_PATTERN, ExternalId, Number, Timestamp
from trueup_worker.gateway.answers import examples
from trueup_worker.invoicing.mark import Mark

PAGE_MAX = 100
PAGE = 25
NO_CURSOR: Final = "must be a next_page that an earlier answer gave"


def _not_zero(value: Decimal) -> Decimal:
    if not value:
        raise PydanticCustomError("wrong_type", "must not be 0")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("too_short", "must not be empty")
    return value


def worded(message: LiteralString, **details: object) -> WrapValidator:
    """Says what a value must be, whatever is wrong with it."""

    def judge(value: object, inner: Callable[[object], object]) -> object:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("wrong_type", message, details) from None

    return WrapValidator(judge)


Instant = Timestamp
Flag = Annotated[bool, Field(strict=True)]
_OF_A_PAGE = worded("must be a whole number between 1 and {most}", most=PAGE_MAX)
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX), _OF_A_PAGE]
BodyLimit = Annotated[int, Field(ge=1, le=PAGE_MAX, strict=True), _OF_A_PAGE]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=TEXT_PATTERN)]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, pattern=TEXT_PATTERN)]
Key = Annotated[str, Field(min_length=1, max_length=KEY_CHARS_MAX, pattern=TEXT_PATTERN)]
Entries = Field(max_length=LIST_ENTRIES_MAX)
Texts = Annotated[list[Text], Entries]
CustomFields = Annotated[dict[Text, Text], Entries]

_CUSTOMER, _CONTRACT = str(examples.CUSTOMER), str(examples.CONTRACT)
_COMMIT, _INVOICE = str(examples.COMMIT), str(examples.INVOICE)
_OF_COMMIT = {"commit_id": _COMMIT, "customer_id": _CUSTOMER}
_OF_CREDIT = {"credit_id": str(examples.CREDIT), "customer_id": _CUSTOMER}
_LISTED = {"customer_id": _CUSTOMER, "covering_date": "2025-06-01T00:00:00Z", "include_balance": True}
_KEPT_OF_CONTRACTS = {"name", "rate_card_id", "custom_fields", "netsuite_sales_order_id", "salesforce_opportunity_id"}


class Body(BaseModel):
    """A body that says nothing unknown; null is the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def example(body: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with an example, which the OpenAPI document shows."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Filter(Body):
    """Which of a customer's commits or credits."""

    customer_id: UUID
    access_type: Literal["SPEND", "QUANTITY"] | None = None
    covering_date: Instant | None = None
    effective_before: Instant | None = None
    starting_at: Instant | None = None
    include_archived: Flag | None = None
    include_balance: Flag | None = None
    include_ledgers: Flag | None = None
    limit: BodyLimit | None = None
    next_page: UUID | None = None

    @property
    def page_size(self) -> int:
        """How many at most."""
        return self.limit or PAGE


class CommitFilter(Filter):
    """Which of a customer's commits."""

    model_config = example(_LISTED | {"include_ledgers": True})

    commit_id: UUID | None = None
    include_contract_commits: Flag | None = None


class CreditFilter(Filter):
    """Which of a customer's credits."""

    model_config = example(_LISTED)

    credit_id: UUID | None = None
    include_contract_credits: Flag | None = None


class BalanceFilter(Filter):
    """Which of a customer's commits and credits."""

    model_config = example(_LISTED | {"exclude_zero_balances": True, "limit": 50})

    id: UUID | None = None
    exclude_zero_balances: Flag | None = None
    include_contract_balances: Flag | None = None


class CommitOfCustomer(Body):
    """Which commit, and whose."""

    model_config = example(_OF_COMMIT)

    customer_id: UUID
    commit_id: UUID


class CreditOfCustomer(Body):
    """Which credit, and whose."""

    model_config = example(_OF_CREDIT)

    customer_id: UUID
    credit_id: UUID


class PostpaidCommit(CommitOfCustomer):
    """Which commit is not to be trued up; `contract_id`: the one that it is invoiced on."""

    model_config = example(_OF_COMMIT | {"contract_id": _CONTRACT})

    contract_id: UUID | None = None


class ManualEntry(Body):
    """An entry to be booked by hand; without a timestamp it is dated at the start of its segment."""

    model_config = example(
        {
            "id": _COMMIT,
            "customer_id": _CUSTOMER,
            "segment_id": str(examples.SEGMENT),
            "amount": -1000,
            "reason": "Agreed with the customer by phone",
            "uniqueness_key": "ticket-815",
        }
    )

    id: UUID
    customer_id: UUID
    segment_id: UUID
    amount: Annotated[Number, AfterValidator(_not_zero)]
    reason: Annotated[Text, AfterValidator(_not_blank)]
    timestamp: Instant | None = None
    uniqueness_key: Key | None = None


class BalanceChoice(Body):
    """Which commits and credits; all that is said must hold."""

    balance_types: Annotated[list[Literal["PREPAID_COMMIT", "POSTPAID_COMMIT", "CREDIT"]], Entries] | None = None
    custom_fields: CustomFields | None = None
    ids: Annotated[list[UUID], Entries] | None = None


class NetBalance(Body):
    """What is to be added up: of those that any of the filters admits."""

    model_config = example(
        {
            "customer_id": _CUSTOMER,
            "filters": [{"balance_types": ["CREDIT"], "custom_fields": examples.CREDIT_FIELDS}],
            "invoice_inclusion_mode": "FINALIZED_AND_DRAFT",
        }
    )

    customer_id: UUID
    access_type: Literal["SPEND", "QUANTITY"] | None = None
    credit_type_id: UUID | None = None
    filters: Annotated[list[BalanceChoice], Entries] | None = None
    invoice_inclusion_mode: Literal["FINALIZED", "FINALIZED_AND_DRAFT"] | None = None


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
        """What it may be called, each once."""
        first = [] if self.external_id is None else [self.external_id]
        return list(dict.fromkeys(first + (self.ingest_aliases or [])))


class PageQuery(BaseModel):
    """Where in a list to begin, and how much of it; the route itself refuses what is unknown."""

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
        """What is returned as it is."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"name", "type", "tags"})


class UsageStatements(Body):
    """How often usage is invoiced: by the calendar month, in UTC."""

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
        """What is returned as it is."""
        return self.model_dump(mode="json", exclude_none=True, include=_KEPT_OF_CONTRACTS)


class ProductChoice(Body):
    """Which product."""

    model_config = example({"id": str(examples.PRODUCT)})

    id: UUID


class ProductFilter(Body):
    """Which products: none is ever archived."""

    model_config = example({"archive_filter": "NOT_ARCHIVED"})

    archive_filter: Literal["ARCHIVED", "NOT_ARCHIVED", "ALL"] | None = None


class ContractChoice(Body):
    """Which contract."""

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


class InvoiceToVoid(Body):
    """Which invoice is taken back, and why."""

    model_config = example({"id": _INVOICE})

    id: UUID
    reason: Annotated[Text, Field(min_length=1)] | None = None


class InvoiceToRegenerate(Body):
    """Which void invoice is made anew."""

    model_config = example({"id": _INVOICE})

    id: UUID


class InvoiceToMark(Body):
    """Which finalized invoice was paid, or is in other books."""

    model_config = example({"id": _INVOICE, "mark": "paid"})

    id: UUID
    mark: Mark


class InvoiceToUnmark(InvoiceToMark):
    """Which mark of an invoice is taken back, and why."""

    model_config = example({"id": _INVOICE, "mark": "paid", "reason": "The payment bounced"})

    reason: Annotated[Text, Field(min_length=1)]


class Replay(Body):
    """Which parked requests are sent on: what is given must all hold; `all` where nothing else is."""

    model_config = example({"reason": "database_refused"})

    ids: Annotated[list[UUID], Field(min_length=1, max_length=LIST_ENTRIES_MAX)] | None = None
    reason: Reason | None = None
    batch_id: UUID | None = None
    all: Flag = False
    dry_run: Flag = False
