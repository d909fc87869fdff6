"""The rules across fields: one function each.

A rule gets the object it is about and that object's path, and answers with a problem or None. It is judged when every
value that it reads is present and valid: in a body with errors, `INVALID` stands where a value is not valid or a
required one lacks, and reading it raises `Unjudged`. Likewise no rule reads a charge, a window or a product that
breaks a rule of its own.

What has no single field to blame is reported at the object: a product at the item that holds unit price and quantity,
the expansion of a recurring schedule at the `recurring_schedule`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from trueup.domain.money import ONE, fits, product, shares
from trueup.domain.schedule import SHARE_DECIMALS, Recurrence
from trueup.limits import SCHEDULE_ITEMS_MAX
from trueup.wire.problems import Problem
from trueup.wire.request.body import USD_CENTS

Object = dict[str, Any]
Rule = Callable[[Object, str], Problem | None]


class Unjudged(Exception):
    """A rule reads a value that is not there or not valid; the value's own problem says so."""


class Invalid:
    """Stands where a value is not valid: it is there (not None), but reading it ends the rule."""

    def _read(self, *_: object) -> NoReturn:
        raise Unjudged

    __getattr__ = __bool__ = __len__ = __iter__ = __getitem__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _read
    __hash__ = object.__hash__


INVALID = Invalid()


@dataclass(frozen=True, slots=True)
class _Place:
    """The rules for an object, and those for the objects (or lists of objects) in its fields."""

    rules: tuple[Rule, ...]
    fields: "Mapping[str, _Place]" = field(default_factory=dict)


def judge(body: Object) -> list[Problem]:
    """All problems across the fields of a body."""
    problems: list[Problem] = []
    try:
        place = _POSTPAID if body.get("type") == "POSTPAID" else _BODY
    except Unjudged:
        place = _BODY
    _judge(body, "", place, problems)
    return problems


def _judge(found: Object, path: str, place: _Place, problems: list[Problem]) -> None:
    for rule in place.rules:
        try:
            problem = rule(found, path)
        except Unjudged:
            continue
        if problem is not None:
            problems.append(problem)
    for name, inner in place.fields.items():
        value = found.get(name)
        if value is None:
            continue
        if isinstance(value, dict):
            _judge(value, f"{path}/{name}", inner, problems)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, dict):
                    _judge(each, f"{path}/{name}/{index}", inner, problems)


def charge_of(item: Object) -> tuple[Decimal, Decimal]:
    """Unit price and quantity of a charge; an amount is a unit price with quantity 1."""
    amount = item.get("amount")
    return (item["unit_price"], item["quantity"]) if amount is None else (amount, ONE)


def recurrence_of(recurring: Object) -> Recurrence:
    """Due times of a recurring schedule."""
    return Recurrence(
        starting_at=recurring["starting_at"],
        ending_before=recurring["ending_before"],
        frequency=recurring["frequency"],
    )


# The whole body.


def specifiers_exclusive(body: Object, path: str) -> Problem | None:
    """`specifiers` stands alone: without `applicable_product_ids` and `applicable_product_tags`."""
    if body.get("specifiers") and (body.get("applicable_product_ids") or body.get("applicable_product_tags")):
        return Problem.of("specifiers_exclusive", path=f"{path}/specifiers")
    return None


def invoice_contract_required(body: Object, path: str) -> Problem | None:
    """Whatever is to be invoiced needs `invoice_contract_id`."""
    postpaid = bool(body.get("type") == "POSTPAID")
    schedule: Any = body.get("invoice_schedule")
    invoiced = not schedule.get("do_not_invoice") if _given(schedule) else postpaid
    if invoiced and not _given(body.get("invoice_contract_id")):
        return Problem.of("invoice_contract_required", path=f"{path}/invoice_contract_id")
    return None


def postpaid_needs_invoice_schedule(body: Object, path: str) -> Problem | None:
    """POSTPAID needs an `invoice_schedule`."""
    if not _given(body.get("invoice_schedule")):
        return Problem.of("postpaid_needs_invoice_schedule", path=f"{path}/invoice_schedule")
    return None


def postpaid_recurring_not_allowed(body: Object, path: str) -> Problem | None:
    """POSTPAID has no `recurring_schedule`."""
    schedule: Any = body.get("invoice_schedule")
    if _given(schedule) and _given(schedule.get("recurring_schedule")):
        return Problem.of("postpaid_recurring_not_allowed", path=f"{path}/invoice_schedule/recurring_schedule")
    return None


def postpaid_single_invoice_item(body: Object, path: str) -> Problem | None:
    """POSTPAID has exactly one invoice item."""
    if len(_invoice_items(body)) != 1:
        return Problem.of("postpaid_single_invoice_item", path=f"{path}/invoice_schedule/schedule_items")
    return None


def postpaid_totals_differ(body: Object, path: str) -> Problem | None:
    """POSTPAID invoices what it gives access to, as exact decimals."""
    access, invoice = _only(_access_items(body)), _only(_invoice_items(body))
    if access["amount"] != _amount(invoice):
        return Problem.of("postpaid_totals_differ", path=f"{path}/invoice_schedule/schedule_items/0")
    return None


def postpaid_units_differ(body: Object, path: str) -> Problem | None:
    """POSTPAID has both schedules in the same unit."""
    _only(_access_items(body)), _only(_invoice_items(body))
    if _unit(body["access_schedule"]) != _unit(body["invoice_schedule"]):
        return Problem.of("postpaid_units_differ", path=f"{path}/invoice_schedule/credit_type_id")
    return None


def postpaid_single_access_item(body: Object, path: str) -> Problem | None:
    """POSTPAID has exactly one access item."""
    if len(_access_items(body)) != 1:
        return Problem.of("postpaid_single_access_item", path=f"{path}/access_schedule/schedule_items")
    return None


def postpaid_quantity_not_allowed(body: Object, path: str) -> Problem | None:
    """POSTPAID gives access to money: money is not comparable with units."""
    if body["access_schedule"].get("access_type") == "QUANTITY":
        return Problem.of("postpaid_quantity_not_allowed", path=f"{path}/access_schedule/access_type")
    return None


# An object inside it.


def window_ordered(window: Object, path: str) -> Problem | None:
    """A window starts before it ends."""
    if window["starting_at"] >= window["ending_before"]:
        return Problem.of("window_inverted", path=f"{path}/ending_before")
    return None


def one_schedule_form(schedule: Object, path: str) -> Problem | None:
    """An invoice schedule has exactly one of its two forms."""
    if _given(schedule.get("schedule_items")) == _given(schedule.get("recurring_schedule")):
        return Problem.of("one_schedule_form", path=path)
    return None


def one_charge_form(item: Object, path: str) -> Problem | None:
    """A charge has an amount, or a unit price and a quantity, never a mix."""
    if not _has_charge(item):
        return Problem.of("amount_or_unit_price_and_quantity", path=path)
    return None


def product_fits(item: Object, path: str) -> Problem | None:
    """Unit price times quantity keeps within the digits of a number."""
    if item.get("amount") is None and not fits(_product(item)):
        return Problem.of("amount_precision", path=path)
    return None


def occurrences_bounded(recurring: Object, path: str) -> Problem | None:
    """A recurring schedule has at most 1,200 occurrences."""
    if _recurrence(recurring).count > SCHEDULE_ITEMS_MAX:
        return Problem.of("too_many_items", path=path)
    return None


def shares_positive(recurring: Object, path: str) -> Problem | None:
    """No share of a divided charge is 0."""
    distribution, count = recurring["amount_distribution"], _recurrence(recurring).count
    if distribution == "EACH" or count > SCHEDULE_ITEMS_MAX:
        return None
    if not shares(_amount(recurring), count=count, decimals=SHARE_DECIMALS[distribution])[0]:
        return Problem.of("amount_not_positive", path=path)
    return None


def not_empty(part: Object, path: str) -> Problem | None:
    """A specifier and an exclude entry have at least one part that is not empty."""
    if not any(part.values()):
        return Problem.of("empty_specifier", path=path)
    return None


_BODY = _Place(
    (specifiers_exclusive, invoice_contract_required),
    {
        "access_schedule": _Place((), {"schedule_items": _Place((window_ordered,))}),
        "invoice_schedule": _Place(
            (one_schedule_form,),
            {
                "schedule_items": _Place((one_charge_form, product_fits)),
                "recurring_schedule": _Place(
                    (window_ordered, one_charge_form, product_fits, occurrences_bounded, shares_positive)
                ),
            },
        ),
        "specifiers": _Place((not_empty,), {"exclude": _Place((not_empty,))}),
    },
)
_POSTPAID = _Place(
    (
        *_BODY.rules,
        postpaid_needs_invoice_schedule,
        postpaid_recurring_not_allowed,
        postpaid_single_invoice_item,
        postpaid_totals_differ,
        postpaid_units_differ,
        postpaid_single_access_item,
        postpaid_quantity_not_allowed,
    ),
    _BODY.fields,
)


# What rules read.


def _given(value: object) -> bool:
    if value is INVALID:
        raise Unjudged
    return value is not None


def _access_items(body: Object) -> list[Object]:
    items: list[Object] = body["access_schedule"]["schedule_items"]
    return items


def _invoice_items(body: Object) -> list[Object]:
    """The items of a schedule that has this form only."""
    schedule: Any = body.get("invoice_schedule")
    if not _given(schedule) or _given(schedule.get("recurring_schedule")) or not _given(schedule.get("schedule_items")):
        raise Unjudged
    items: list[Object] = schedule["schedule_items"]
    return items


def _only(items: list[Object]) -> Object:
    if len(items) != 1:
        raise Unjudged
    return items[0]


def _unit(schedule: Object) -> str:
    return schedule.get("credit_type_id") or USD_CENTS


def _has_charge(item: Object) -> bool:
    amount, unit_price, quantity = item.get("amount"), item.get("unit_price"), item.get("quantity")
    if amount is INVALID or unit_price is INVALID or quantity is INVALID:
        raise Unjudged
    return (unit_price is None) == (quantity is None) != (amount is None)


def _product(item: Object) -> Decimal:
    if not _has_charge(item):
        raise Unjudged
    return product(*charge_of(item))


def _amount(item: Object) -> Decimal:
    amount = _product(item)
    if not fits(amount):
        raise Unjudged
    return amount


def _recurrence(recurring: Object) -> Recurrence:
    if window_ordered(recurring, "") or not _given(recurring["frequency"]):
        raise Unjudged
    return recurrence_of(recurring)
