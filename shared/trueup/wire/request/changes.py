"""The bodies that change a commit or credit, as Metronome's calls have them.

Names, values and codes are those of the request that makes one. In an edit null takes a filter, a name or a description
away; what a commit cannot be without (priority, product, rate type, contract) stays as it is.
"""

from functools import cached_property
from typing import Annotated, Any, Generic, NotRequired, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from trueup.limits import LIST_ENTRIES_MAX, SCHEDULE_ITEMS_MAX
from trueup.wire.problems import Problem
from trueup.wire.request.body import AccessItem, ChargeFields, InvoiceItem, Specifier
from trueup.wire.request.read import decode, field_problem
from trueup.wire.values import Amount, Description, Hour, Name, Number, RateType, Text, Timestamp, Uuid

_closed = with_config(ConfigDict(extra="forbid", strict=True))
_Uuids = Annotated[list[Uuid], Field(max_length=LIST_ENTRIES_MAX)]
_Texts = Annotated[list[Text], Field(max_length=LIST_ENTRIES_MAX)]
_Items = Field(max_length=SCHEDULE_ITEMS_MAX)

T = TypeVar("T")


@_closed
class ItemId(TypedDict):
    """Names an item: the id of a segment, or of a draft."""

    id: Uuid


@_closed
class AccessItemChange(ItemId):
    """Change of a segment."""

    amount: NotRequired[Amount | None]
    starting_at: NotRequired[Hour | None]
    ending_before: NotRequired[Hour | None]


@_closed
class AccessScheduleChange(TypedDict):
    """Segments that come, change and go."""

    add_schedule_items: NotRequired[Annotated[list[AccessItem], _Items] | None]
    update_schedule_items: NotRequired[Annotated[list[AccessItemChange], _Items] | None]
    remove_schedule_items: NotRequired[Annotated[list[ItemId], _Items] | None]


@_closed
class InvoiceItemChange(ChargeFields):
    """Change of an item that is not finalized."""

    id: Uuid
    timestamp: NotRequired[Timestamp | None]


@_closed
class InvoiceScheduleChange(TypedDict):
    """Items that come, change and go."""

    add_schedule_items: NotRequired[Annotated[list[InvoiceItem], _Items] | None]
    update_schedule_items: NotRequired[Annotated[list[InvoiceItemChange], _Items] | None]
    remove_schedule_items: NotRequired[Annotated[list[ItemId], _Items] | None]


@_closed
class Edit(TypedDict):
    """`POST /v2/contracts/commits/edit` and `…/credits/edit`; a credit has no invoices to change."""

    commit_id: NotRequired[Uuid | None]
    credit_id: NotRequired[Uuid | None]
    customer_id: NotRequired[Uuid | None]
    name: NotRequired[Name | None]
    description: NotRequired[Description | None]
    priority: NotRequired[Number | None]
    product_id: NotRequired[Uuid | None]
    rate_type: NotRequired[RateType | None]
    applicable_product_ids: NotRequired[_Uuids | None]
    applicable_product_tags: NotRequired[_Texts | None]
    applicable_contract_ids: NotRequired[_Uuids | None]
    specifiers: NotRequired[Annotated[list[Specifier], Field(max_length=LIST_ENTRIES_MAX)] | None]
    access_schedule: NotRequired[AccessScheduleChange | None]
    invoice_schedule: NotRequired[InvoiceScheduleChange | None]
    invoice_contract_id: NotRequired[Uuid | None]


@_closed
class EndDate(TypedDict):
    """Body of `POST /v1/contracts/customerCommits/updateEndDate`."""

    commit_id: NotRequired[Uuid | None]
    customer_id: NotRequired[Uuid | None]
    access_ending_before: NotRequired[Hour | None]
    invoices_ending_before: NotRequired[Timestamp | None]


class Change(Generic[T]):
    """A kind of change, and how its body is read."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    @cached_property
    def _validator(self) -> Any:
        """Made when the first body comes: most programs read none."""
        return TypeAdapter[Any](self._kind).validator

    def read(self, text: bytes | str) -> T | list[Problem]:
        """The validated body, or everything that is wrong with its fields, as `read_body` tells it."""
        document = decode(text)
        if isinstance(document, Problem):
            return [document]
        try:
            return cast("T", self._validator.validate_python(document))
        except ValidationError as error:
            return [field_problem(details) for details in error.errors(include_url=False)]


EDIT = Change(Edit)
END_DATE = Change(EndDate)
