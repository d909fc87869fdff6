"""The usual request, from its text straight to its normal form: the fast path past `read` and `normal`.

It says yes, or nothing: whatever is rare (a specifier, a recurring schedule), spelt in a rare way or not valid goes the
long way, which alone judges. What it says yes to is valid and has the normal form that the long way gives it, which a
property test holds it to. It takes a third to a half of the time.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct

from trueup.domain.money import fits, plain_text, product
from trueup.limits import (
    BODY_BYTES_MAX,
    DESCRIPTION_CHARS_MAX,
    DIGITS_BEFORE_POINT_MAX,
    EXTERNAL_ID_CHARS_MAX,
    KEY_CHARS_MAX,
    LIST_ENTRIES_MAX,
    NAME_CHARS_MAX,
    SCHEDULE_ITEMS_MAX,
    TEXT_CHARS_MAX,
)
from trueup.wire.message.envelope import Kind
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.normal import QUANTITY_OF_AN_AMOUNT, Normal, utc_text
from trueup.wire.values import TIMESTAMPS_REMEMBERED, UUID_PATTERN, instant_of_text

_NUL = rb"\u0000"  # as it must be spelt in JSON
_UUID = re.compile(UUID_PATTERN)
_PLAIN_FRACTION = re.compile(rb"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{0,11}[1-9]")
_FITTING_INTEGERS = 10**DIGITS_BEFORE_POINT_MAX
_REMEMBERED = 16_384  # ids and fractions: a batch names the same ones again and again

_Texts = Annotated[list[Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]], Meta(max_length=LIST_ENTRIES_MAX)]
_TextMap = Annotated[
    dict[Annotated[str, Meta(max_length=TEXT_CHARS_MAX)], Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]],
    Meta(max_length=LIST_ENTRIES_MAX),
]
_Ids = Annotated[list[str], Meta(max_length=LIST_ENTRIES_MAX)]
_ExternalId = Annotated[str, Meta(max_length=EXTERNAL_ID_CHARS_MAX)]


class _Unusual(ValueError):
    """Not for this way."""


class _AccessItem(Struct, forbid_unknown_fields=True, gc=False):
    amount: Any
    starting_at: str
    ending_before: str


class _AccessSchedule(Struct, forbid_unknown_fields=True, gc=False):
    schedule_items: Annotated[list[_AccessItem], Meta(min_length=1, max_length=SCHEDULE_ITEMS_MAX)]
    credit_type_id: str | None = None
    access_type: Literal["SPEND", "QUANTITY"] | None = None


class _InvoiceItem(Struct, forbid_unknown_fields=True, gc=False):
    timestamp: str
    amount: Any = UNSET
    unit_price: Any = UNSET
    quantity: Any = UNSET


class _InvoiceSchedule(Struct, forbid_unknown_fields=True, gc=False):
    schedule_items: Annotated[list[_InvoiceItem], Meta(min_length=1, max_length=SCHEDULE_ITEMS_MAX)]
    credit_type_id: str | None = None
    do_not_invoice: bool | None = None


class _Credit(Struct, forbid_unknown_fields=True, gc=False):
    customer_id: str
    priority: Any
    product_id: str
    access_schedule: _AccessSchedule
    name: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)] | None = None
    description: Annotated[str, Meta(max_length=DESCRIPTION_CHARS_MAX)] | None = None
    rate_type: Literal["COMMIT_RATE", "commit_rate", "LIST_RATE", "list_rate"] | None = None
    applicable_product_ids: _Ids | None = None
    applicable_product_tags: _Texts | None = None
    applicable_contract_ids: _Ids | None = None
    custom_fields: _TextMap | None = None
    uniqueness_key: Annotated[str, Meta(min_length=1, max_length=KEY_CHARS_MAX)] | None = None
    netsuite_sales_order_id: _ExternalId | None = None
    salesforce_opportunity_id: _ExternalId | None = None


class _Commit(_Credit, forbid_unknown_fields=True, kw_only=True, gc=False):
    type: Literal["PREPAID", "prepaid", "POSTPAID", "postpaid"]
    invoice_schedule: _InvoiceSchedule | None = None
    invoice_contract_id: str | None = None


# Numbers that are no integers are kept as they are spelt: as bytes, which no other JSON value becomes.
_COMMIT = msgspec.json.Decoder(_Commit, float_hook=str.encode)
_CREDIT = msgspec.json.Decoder(_Credit, float_hook=str.encode)


def read_usual(text: bytes | str, kind: Kind) -> Normal | None:
    """The normal form of a usual, valid body; None when it has to go the long way."""
    try:
        raw = text if isinstance(text, bytes) else text.encode()
        if len(raw) > BODY_BYTES_MAX or _NUL in raw or kind == "usage":
            return None
        if kind == "credit":
            return _credit(_CREDIT.decode(raw)) | {"type": "CREDIT"}
        return _commit(_COMMIT.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _commit(body: _Commit) -> Normal:
    normal = _credit(body)
    normal["type"] = kind = body.type.upper()
    schedule, contract = body.invoice_schedule, body.invoice_contract_id
    if contract is not None:
        normal["invoice_contract_id"] = _id(contract)
    if schedule is not None:
        normal["invoice_schedule"] = _invoicing(schedule)
        if contract is None and not schedule.do_not_invoice:
            raise _Unusual
    if kind == "POSTPAID" and (schedule is None or not _bills_its_access(normal)):
        raise _Unusual
    return normal


def _credit(body: _Credit) -> Normal:
    normal: Normal = {
        "customer_id": _id(body.customer_id),
        "product_id": _id(body.product_id),
        "priority": _number(body.priority),
        "rate_type": (body.rate_type or "LIST_RATE").upper(),
        "access_schedule": _access(body.access_schedule),
    }
    if body.name is not None:
        normal["name"] = body.name
    if body.description is not None:
        normal["description"] = body.description
    if body.uniqueness_key is not None:
        normal["uniqueness_key"] = body.uniqueness_key
    if body.netsuite_sales_order_id is not None:
        normal["netsuite_sales_order_id"] = body.netsuite_sales_order_id
    if body.salesforce_opportunity_id is not None:
        normal["salesforce_opportunity_id"] = body.salesforce_opportunity_id
    if body.applicable_product_tags:
        normal["applicable_product_tags"] = body.applicable_product_tags
    if body.applicable_product_ids:
        normal["applicable_product_ids"] = [_id(each) for each in body.applicable_product_ids]
    if body.applicable_contract_ids:
        normal["applicable_contract_ids"] = [_id(each) for each in body.applicable_contract_ids]
    if body.custom_fields:
        normal["custom_fields"] = body.custom_fields
    return normal


def _access(schedule: _AccessSchedule) -> Normal:
    return {
        "credit_type_id": USD_CENTS if schedule.credit_type_id is None else _id(schedule.credit_type_id),
        "access_type": schedule.access_type or "SPEND",
        "schedule_items": [_access_item(item) for item in schedule.schedule_items],
    }


def _access_item(item: _AccessItem) -> Normal:
    start, end = _hour(item.starting_at), _hour(item.ending_before)
    if start >= end:
        raise _Unusual
    return {"amount": _amount(item.amount), "starting_at": start, "ending_before": end}


def _invoicing(schedule: _InvoiceSchedule) -> Normal:
    return {
        "credit_type_id": USD_CENTS if schedule.credit_type_id is None else _id(schedule.credit_type_id),
        "do_not_invoice": schedule.do_not_invoice or False,
        "schedule_items": [_invoice_item(item) for item in schedule.schedule_items],
    }


def _invoice_item(item: _InvoiceItem) -> Normal:
    normal: Normal = {"timestamp": _instant(item.timestamp)}
    amount, unit_price, quantity = item.amount, item.unit_price, item.quantity
    if amount is not UNSET and unit_price is UNSET and quantity is UNSET:
        normal["unit_price"], normal["quantity"] = _amount(amount), QUANTITY_OF_AN_AMOUNT
        return normal
    if amount is not UNSET or unit_price is UNSET or quantity is UNSET:
        raise _Unusual
    normal["unit_price"], normal["quantity"] = price, times = _amount(unit_price), _amount(quantity)
    if times != "1" and not fits(product(Decimal(price), Decimal(times))):
        raise _Unusual
    return normal


def _bills_its_access(normal: Normal) -> bool:
    """Tell whether one item bills what the one segment gives access to, in the same money."""
    access, invoicing = normal["access_schedule"], normal["invoice_schedule"]
    segments, items = access["schedule_items"], invoicing["schedule_items"]
    return (
        len(segments) == len(items) == 1
        and "invoice_contract_id" in normal
        and access["access_type"] == "SPEND"
        and access["credit_type_id"] == invoicing["credit_type_id"]
        and segments[0]["amount"] == _total(items[0])
    )


def _total(item: Normal) -> str:
    if item["quantity"] == "1":
        return str(item["unit_price"])
    return plain_text(product(Decimal(item["unit_price"]), Decimal(item["quantity"])))


def _amount(value: object) -> str:
    number = _number(value)
    if number == "0" or number[0] == "-":
        raise _Unusual
    return number


def _number(value: object) -> str:
    """A number that is spelt as the normal form spells it."""
    if type(value) is int and -_FITTING_INTEGERS < value < _FITTING_INTEGERS:
        return str(value)
    if type(value) is bytes:
        return _fraction(value)
    raise _Unusual


@lru_cache(_REMEMBERED)
def _fraction(text: bytes) -> str:
    if _PLAIN_FRACTION.fullmatch(text) is None:
        raise _Unusual
    return text.decode()


@lru_cache(_REMEMBERED)
def _id(text: str) -> str:
    if _UUID.match(text) is None or text.endswith("\n"):
        raise _Unusual
    return text.lower()


@lru_cache(TIMESTAMPS_REMEMBERED)
def _hour(text: str) -> str:
    instant, is_whole_hour = instant_of_text(text)
    if not is_whole_hour:
        raise _Unusual
    return utc_text(instant)


@lru_cache(TIMESTAMPS_REMEMBERED)
def _instant(text: str) -> str:
    return utc_text(instant_of_text(text)[0])
