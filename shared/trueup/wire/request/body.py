"""The body of a request: which fields it has, of which type.

The field names are the wire's. A field that may be left out may be null too, which means the same.
"""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from trueup.domain import payable_rounding as payable
from trueup.limits import LIST_ENTRIES_MAX, SCHEDULE_ITEMS_MAX
from trueup.wire.values import (
    AccessType,
    Amount,
    CommitType,
    Description,
    Distribution,
    ExternalId,
    Frequency,
    Hour,
    Name,
    Number,
    RateType,
    Text,
    Timestamp,
    UniquenessKey,
    Uuid,
)

USD_CENTS = payable.USD_CENTS  # the unit of a schedule that names none
MAP_FIELDS = frozenset({"custom_fields", "pricing_group_values", "presentation_group_values"})

_closed = with_config(ConfigDict(extra="forbid", strict=True))
_Uuids = Annotated[list[Uuid], Field(max_length=LIST_ENTRIES_MAX)]
_Texts = Annotated[list[Text], Field(max_length=LIST_ENTRIES_MAX)]
_TextMap = Annotated[dict[Text, Text], Field(max_length=LIST_ENTRIES_MAX)]


@_closed
class AccessItem(TypedDict):
    """Becomes a segment."""

    amount: Amount
    starting_at: Hour
    ending_before: Hour


@_closed
class AccessSchedule(TypedDict):
    """Access: what may be drawn down, and when."""

    schedule_items: Annotated[list[AccessItem], Field(min_length=1, max_length=SCHEDULE_ITEMS_MAX)]
    credit_type_id: NotRequired[Uuid | None]
    access_type: NotRequired[AccessType | None]


class ChargeFields(TypedDict):
    """A charge: either an amount, or a unit price and a quantity."""

    amount: NotRequired[Amount | None]
    unit_price: NotRequired[Amount | None]
    quantity: NotRequired[Amount | None]


@_closed
class InvoiceItem(ChargeFields):
    """Becomes an invoice."""

    timestamp: Timestamp


@_closed
class RecurringSchedule(ChargeFields):
    """Stands for one invoice item per period."""

    starting_at: Timestamp
    ending_before: Timestamp
    frequency: Frequency
    amount_distribution: Distribution


@_closed
class InvoiceSchedule(TypedDict):
    """Invoices: what is charged, and when."""

    schedule_items: NotRequired[Annotated[list[InvoiceItem], Field(min_length=1, max_length=SCHEDULE_ITEMS_MAX)] | None]
    recurring_schedule: NotRequired[RecurringSchedule | None]
    credit_type_id: NotRequired[Uuid | None]
    do_not_invoice: NotRequired[bool | None]


@_closed
class Exclusion(TypedDict):
    """A line whose product carries all of these tags is out."""

    product_tags: NotRequired[_Texts | None]


@_closed
class Specifier(TypedDict):
    """A line that meets all given parts draws the commit down."""

    product_id: NotRequired[Uuid | None]
    product_tags: NotRequired[_Texts | None]
    pricing_group_values: NotRequired[_TextMap | None]
    presentation_group_values: NotRequired[_TextMap | None]
    exclude: NotRequired[Annotated[list[Exclusion], Field(max_length=LIST_ENTRIES_MAX)] | None]


@_closed
class CreditRequest(TypedDict):
    """A balance given for free."""

    customer_id: Uuid
    priority: Number
    product_id: Uuid
    access_schedule: AccessSchedule
    name: NotRequired[Name | None]
    description: NotRequired[Description | None]
    rate_type: NotRequired[RateType | None]
    applicable_product_ids: NotRequired[_Uuids | None]
    applicable_product_tags: NotRequired[_Texts | None]
    applicable_contract_ids: NotRequired[_Uuids | None]
    specifiers: NotRequired[Annotated[list[Specifier], Field(max_length=LIST_ENTRIES_MAX)] | None]
    custom_fields: NotRequired[_TextMap | None]
    uniqueness_key: NotRequired[UniquenessKey | None]
    netsuite_sales_order_id: NotRequired[ExternalId | None]
    salesforce_opportunity_id: NotRequired[ExternalId | None]


@_closed
class CommitRequest(CreditRequest):
    """A promise to spend."""

    type: CommitType
    invoice_schedule: NotRequired[InvoiceSchedule | None]
    invoice_contract_id: NotRequired[Uuid | None]


Body = CommitRequest | CreditRequest
