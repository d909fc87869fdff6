"""The normal form of a request: what is stored, and what is compared.

Two bodies that mean the same have equal normal forms, byte for byte once the keys are sorted. It is ready for JSON:

- nulls, empty lists and empty maps are dropped, the order of lists is kept;
- every default is filled in, `type` is CREDIT for credits, enums are in upper case, UUIDs in lower case;
- times are UTC text `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, numbers plain decimal text without trailing zeros or exponent;
- a charge is a unit price and a quantity, an amount being a unit price with quantity 1 (access items keep `amount`);
- a recurring schedule stays what it is; `charges` expands it;
- a line of usage has its unit, and its commit price, which is the list price where it names none.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from trueup.domain.money import plain_text, product
from trueup.domain.schedule import Charge, Recurrence, expand
from trueup.wire.message.envelope import Kind
from trueup.wire.request.body import USD_CENTS, Body
from trueup.wire.request.rules import recurrence_of
from trueup.wire.values import TIMESTAMPS_REMEMBERED

Normal = dict[str, Any]

FINGERPRINT_VERSION = 1
"""Goes up whenever the same request would get another fingerprint."""

_CREDIT: Normal = {"type": "CREDIT", "rate_type": "LIST_RATE"}
_COMMIT: Normal = {"rate_type": "LIST_RATE"}
_ACCESS: Normal = {"credit_type_id": USD_CENTS, "access_type": "SPEND"}
_INVOICING: Normal = {"credit_type_id": USD_CENTS, "do_not_invoice": False}
_USAGE: Normal = {"credit_type_id": USD_CENTS}
QUANTITY_OF_AN_AMOUNT = "1"


def normalise(body: Body, kind: Kind) -> Normal:
    """The normal form of a valid body."""
    if kind == "usage":
        return _normal_usage(_plain_object(body))  # type: ignore[arg-type]
    normal = (_CREDIT if kind == "credit" else _COMMIT) | _plain_object(body)  # type: ignore[arg-type]
    normal["access_schedule"] = _ACCESS | normal["access_schedule"]
    if "invoice_schedule" in normal:
        normal["invoice_schedule"] = _normal_invoicing(normal["invoice_schedule"])
    return normal


def fingerprint(normal: Normal) -> bytes:
    """SHA-256 of the normal form."""
    return sha256(orjson.dumps(normal, option=orjson.OPT_SORT_KEYS)).digest()


def charges(normal: Normal) -> list[dict[str, str]]:
    """Charges to be invoiced: timestamp, unit price, quantity and amount of each, in the order of the schedule.

    Recurring schedules are expanded. Without an invoice schedule there is nothing. `do_not_invoice` is not looked at.
    """
    schedule = normal.get("invoice_schedule", {})
    if "recurring_schedule" in schedule:
        return [_charge_text(charge) for charge in _expand(schedule["recurring_schedule"])]
    return [{**item, "amount": _amount_text(item)} for item in schedule.get("schedule_items", ())]


def expanded_rows(normal: Normal) -> int:
    """Number of segments and charges that a request becomes, told without making them."""
    segments = len(normal["access_schedule"]["schedule_items"])
    schedule = normal.get("invoice_schedule")
    if schedule is None:
        return segments
    recurring = schedule.get("recurring_schedule")
    if recurring is None:
        return segments + len(schedule.get("schedule_items", ()))
    return segments + _occurrences(recurring["starting_at"], recurring["ending_before"], recurring["frequency"])


def _normal_usage(line: Normal) -> Normal:
    return _USAGE | {"commit_price": line["list_price"]} | line


def _normal_invoicing(schedule: Normal) -> Normal:
    schedule = _INVOICING | schedule
    for item in schedule.get("schedule_items", ()):
        _price_amount(item)
    if "recurring_schedule" in schedule:
        _price_amount(schedule["recurring_schedule"])
    return schedule


def _price_amount(item: Normal) -> None:
    if "amount" in item:
        item["unit_price"] = item.pop("amount")
        item["quantity"] = QUANTITY_OF_AN_AMOUNT


def _amount_text(item: Normal) -> str:
    unit_price, quantity = item["unit_price"], item["quantity"]
    if quantity == "1":
        return str(unit_price)
    return plain_text(product(Decimal(unit_price), Decimal(quantity)))


def _expand(recurring: Normal) -> list[Charge]:
    return expand(
        _recurrence(recurring),
        (Decimal(recurring["unit_price"]), Decimal(recurring["quantity"])),
        amount_distribution=recurring["amount_distribution"],
    )


@lru_cache(1024)
def _occurrences(starting_at: str, ending_before: str, frequency: str) -> int:
    return _recurrence({"starting_at": starting_at, "ending_before": ending_before, "frequency": frequency}).count


def _recurrence(recurring: Normal) -> Recurrence:
    window = {name: datetime.fromisoformat(recurring[name]) for name in ("starting_at", "ending_before")}
    return recurrence_of(recurring | window)


def _charge_text(charge: Charge) -> dict[str, str]:
    return {
        "timestamp": utc_text(charge.timestamp),
        "unit_price": plain_text(charge.unit_price),
        "quantity": plain_text(charge.quantity),
        "amount": plain_text(charge.amount),
    }


@lru_cache(TIMESTAMPS_REMEMBERED)
def utc_text(value: datetime) -> str:
    """An aware time in UTC as text: YYYY-MM-DDTHH:MM:SS[.ffffff]Z."""
    return value.isoformat().removesuffix("+00:00") + "Z"


def _plain_object(value: dict[str, Any]) -> dict[str, Any]:
    plain = {}
    for name, part in value.items():
        kept = part if type(part) is str else _PLAIN[type(part)](part)
        if kept is not None:
            plain[name] = kept
    return plain


_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str,
    bool: bool,
    type(None): lambda _: None,
    Decimal: plain_text,
    datetime: utc_text,
    dict: lambda value: _plain_object(value) or None,
    list: lambda value: [_PLAIN[type(part)](part) for part in value] or None,
}
