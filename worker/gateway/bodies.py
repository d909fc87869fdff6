"""What calls other than creates may say: the SDK's parameters, and nothing else."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from shared.limits import KEY_CHARS_MAX, LIST_ENTRIES_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX
from shared.wire.values import timestamp

PAGE_MAX = 100
PAGE = 25


def _instant(value: Any) -> Any:
    return timestamp(value) if isinstance(value, str) else value


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, pattern=r"^[^\x00]*$")]
Key = Annotated[str, Field(min_length=1, max_length=KEY_CHARS_MAX, pattern=r"^[^\x00]*$")]
CustomFields = Annotated[dict[Text, Text], Field(max_length=LIST_ENTRIES_MAX)]


class Body(BaseModel):
    """A body that says nothing unknown; null is the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(Body):
    """Which of a customer's commits or credits."""

    customer_id: UUID
    access_type: Literal["SPEND", "QUANTITY"] | None = None
    covering_date: Instant | None = None
    effective_before: Instant | None = None
    starting_at: Instant | None = None
    include_archived: bool | None = None
    include_balance: bool | None = None
    include_ledgers: bool | None = None
    limit: Limit | None = None
    next_page: UUID | None = None

    @property
    def page_size(self) -> int:
        """How many at most."""
        return self.limit or PAGE


class CommitFilter(Filter):
    """Which of a customer's commits."""

    commit_id: UUID | None = None
    include_contract_commits: bool | None = None


class CreditFilter(Filter):
    """Which of a customer's credits."""

    credit_id: UUID | None = None
    include_contract_credits: bool | None = None


class BalanceFilter(Filter):
    """Which of a customer's commits and credits."""

    id: UUID | None = None
    exclude_zero_balances: bool | None = None
    include_contract_balances: bool | None = None


class NewCustomer(Body):
    """A customer to be added."""

    name: Name
    custom_fields: CustomFields | None = None


class NewProduct(Body):
    """A product to be added."""

    name: Name
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    tags: Annotated[list[Text], Field(max_length=LIST_ENTRIES_MAX)] | None = None


class UsageStatements(Body):
    """How often usage is invoiced: by the calendar month, in UTC."""

    frequency: Literal["MONTHLY"]


class NewContract(Body):
    """A contract to be added."""

    customer_id: UUID
    starting_at: Instant
    ending_before: Instant | None = None
    net_payment_terms_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    usage_statement_schedule: UsageStatements | None = None


class ProductChoice(Body):
    """Which product."""

    id: UUID


class ProductFilter(Body):
    """Which products: none is ever archived."""

    archive_filter: Literal["ARCHIVED", "NOT_ARCHIVED", "ALL"] | None = None


class ContractChoice(Body):
    """Which contract."""

    customer_id: UUID
    contract_id: UUID
    include_balance: bool | None = None
    include_ledgers: bool | None = None


class ContractFilter(Body):
    """Which of a customer's contracts."""

    customer_id: UUID
    covering_date: Instant | None = None
    starting_at: Instant | None = None
    cursor: UUID | None = None
    include_archived: bool | None = None
    include_balance: bool | None = None
    include_ledgers: bool | None = None
    limit: Limit | None = None
