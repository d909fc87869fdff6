"""What stands in the cells of the burn-down tables: balances and usage in a few words, set off by commas."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.values import Balance, LineKind, Specifier, UsageLine, group_values

DAY = datetime(2030, 1, 1, tzinfo=UTC)
CATALOG = Catalog(
    (
        Product(id="Alpha", name="Alpha", type="USAGE", tags=frozenset({"red"})),
        Product(id="Beta", name="Beta", type="USAGE", tags=frozenset({"red", "blue"})),
        Product(id="Gamma", name="Gamma", type="COMPOSITE"),
        Product(id="Fee", name="Fee", type="FIXED", tags=frozenset({"red"})),
        Product(id="Twin", name="Alpha", type="SUBSCRIPTION", tags=frozenset({"blue"})),
    )
)
BALANCE: dict[str, Any] = {
    "commit_id": "A",
    "position": 0,
    "starting_at": DAY,
    "ending_before": DAY + timedelta(days=1),
    "unit_id": "usd",
    "priority": Decimal(1),
    "created_at": DAY,
}
USAGE: dict[str, Any] = {"contract_id": "c1", "product_id": "Alpha", "unit_id": "usd"}
PRICING, PRESENTATION = "pricing_group_values", "presentation_group_values"


def balance(cell: str) -> Balance:
    """The balance that a cell describes: "prepaid 400, priority 2, only product=Alpha region=eu"."""
    (kind, amount), *terms = [words.split() for words in cell.split(",")]
    told: dict[str, Any] = {"type": kind.upper(), "available": Decimal(amount), "paid": kind != "credit"}
    for word, *given in terms:
        if word == "only":
            told["specifiers"] = (*told.get("specifiers", ()), _specifier(given))
        else:
            told |= _TERMS[word](*given)
    told = BALANCE | told
    return Balance(segment_id=f"{told['commit_id']}-{told['position']}", **told)


def balances(cell: str) -> list[Balance]:
    """The balances of a cell; those without a commit of their own get A, B, C in turn."""
    cells = [each for each in cell.split(";") if each.strip()]
    named = any(word in cell for word in ("commit A", "position"))
    return [balance(each if named else f"{each}, commit {name}") for name, each in zip("ABCDEFG", cells, strict=False)]


def line(cell: str) -> UsageLine:
    """The usage that a cell describes: "10 x 2.5, of Beta, on c2, at 01:30, region=eu"."""
    figures, *terms = [words.strip() for words in cell.split(",")]
    quantity, _, price = figures.partition(" x ")
    told: dict[str, Any] = {"list_price": Decimal(price or 1), "commit_price": Decimal(price or 1), "time": DAY}
    for term in terms:
        told |= _line_term(*term.split())
    time = told.pop("time")
    return UsageLine(time, LineKind(**USAGE | told), Decimal(quantity))


def lines(cell: str) -> list[UsageLine]:
    """The usage of a cell, line by line."""
    return [line(each) for each in cell.split(";") if each.strip()]


def figures(cell: str) -> list[Fraction]:
    """The exact figures of a cell."""
    return [Fraction(each) for each in cell.split()]


def _at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes))


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split("+"))


_TERMS: dict[str, Callable[..., dict[str, Any]]] = {
    "commit": lambda name: {"rate_type": "COMMIT_RATE"} if name == "rate" else {"commit_id": name},
    "complimentary": lambda: {"paid": False},
    "contracts": lambda names: {"applicable_contract_ids": _names(names)},
    "created": lambda clock: {"created_at": _at(clock)},
    "from": lambda clock: {"starting_at": _at(clock)},
    "position": lambda number: {"position": int(number)},
    "priority": lambda number: {"priority": Decimal(number)},
    "products": lambda names: {"applicable_product_ids": _names(names)},
    "quantity": lambda: {"access_type": "QUANTITY"},
    "tags": lambda names: {"applicable_product_tags": _names(names)},
    "unit": lambda name: {"unit_id": name},
    "until": lambda clock: {"ending_before": _at(clock)},
}


def _specifier(parts: list[str]) -> Specifier:
    told: dict[str, Any] = {"exclude": ()}
    for name, value in (part.split("=") for part in parts):
        if name == "not":
            told["exclude"] += (_names(value),)
        else:
            told |= _SPECIFIER_TERMS[name](value)
    return Specifier(**told)


_SPECIFIER_TERMS: dict[str, Callable[[str], dict[str, Any]]] = {
    "product": lambda name: {"product_id": name},
    "tags": lambda names: {"product_tags": _names(names)},
    "region": lambda value: {PRICING: group_values({"region": value})},
    "team": lambda value: {PRESENTATION: group_values({"team": value})},
}


def _line_term(word: str, *given: str) -> dict[str, Any]:
    if "=" in word:
        key, value = word.split("=")
        return {PRICING if key == "region" else PRESENTATION: group_values({key: value})}
    return _LINE_TERMS[word](*given)


_LINE_TERMS: dict[str, Callable[..., dict[str, Any]]] = {
    "at": lambda clock: {"time": _at(clock)},
    "commit": lambda _, price: {"commit_price": Decimal(price)},
    "in": lambda name: {"unit_id": name},
    "of": lambda name: {"product_id": name},
    "on": lambda name: {"contract_id": name},
    "pricing": lambda group: {PRICING: (tuple(group.split("=")),)},
}
