"""Bodies of calls about commits and credits."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from trueup.wire.values import Number
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
    Text,
    example,
)

_CUSTOMER, _COMMIT = str(examples.CUSTOMER), str(examples.COMMIT)
_OF_COMMIT = {"commit_id": _COMMIT, "customer_id": _CUSTOMER}
_OF_CREDIT = {"credit_id": str(examples.CREDIT), "customer_id": _CUSTOMER}
_LISTED = {"customer_id": _CUSTOMER, "covering_date": "2025-06-01T00:00:00Z", "include_balance": True}


def _not_zero(value: Decimal) -> Decimal:
    if not value:
        raise PydanticCustomError("wrong_type", "must not be 0")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("too_short", "must not be empty")
    return value


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
        """Size of a page at most."""
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

    model_config = example(_OF_COMMIT | {"contract_id": str(examples.CONTRACT)})

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
    """Choice of balances to be added up: of those that any of the filters admits."""

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
