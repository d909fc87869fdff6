"""What a request refers to, and whether the catalog has it (spec 1.1 to 1.4, 1.7)."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.wire.normal import Normal
from shared.wire.problems import Problem

Named = tuple[str, str]
"""A path, and the id that stands there."""


@dataclass(frozen=True, slots=True)
class References:
    """Ids that one or more requests name."""

    customers: set[str]
    products: set[str]
    contracts: set[str]
    units: set[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog has: ids of customers and units, products with their type, contracts with their customer."""

    customers: AbstractSet[str]
    products: Mapping[str, str]
    contracts: Mapping[str, str]
    units: AbstractSet[str]


def references_of(normal: Normal) -> References:
    """All ids that a request names, its unit by default included."""
    return References(
        customers={normal["customer_id"]},
        products={normal["product_id"], *(product for _, product in _applicable_products(normal))},
        contracts={contract for _, contract in _contracts(normal)},
        units={unit for _, unit in _units(normal)},
    )


def union(references: Iterable[References]) -> References:
    """All ids of several requests."""
    found = References(customers=set(), products=set(), contracts=set(), units=set())
    for each in references:
        found.customers.update(each.customers)
        found.products.update(each.products)
        found.contracts.update(each.contracts)
        found.units.update(each.units)
    return found


def judge_references(normal: Normal, known: Known) -> list[Problem]:
    """All problems of a request's references; an unknown customer's contracts are not judged (spec 1.7)."""
    return list(_problems(normal, known))


def _problems(normal: Normal, known: Known) -> Iterator[Problem]:
    customer = normal["customer_id"]
    if customer not in known.customers:
        yield Problem.of("customer_not_found", path="/customer_id")
    else:
        yield from _missing(
            "contract_not_found", (named for named in _contracts(normal) if known.contracts.get(named[1]) != customer)
        )
    yield from _of_invoiced_product(known.products.get(normal["product_id"]))
    yield from _missing(
        "product_not_found", (named for named in _applicable_products(normal) if named[1] not in known.products)
    )
    yield from _missing("unit_not_found", (named for named in _units(normal) if named[1] not in known.units))


def _of_invoiced_product(product_type: str | None) -> Iterator[Problem]:
    if product_type is None:
        yield Problem.of("product_not_found", path="/product_id")
    elif product_type != "FIXED":
        yield Problem.of("product_not_fixed", path="/product_id")


def _missing(code: str, named: Iterable[Named]) -> Iterator[Problem]:
    return (Problem.of(code, path=path) for path, _ in named)


def _applicable_products(normal: Normal) -> Iterator[Named]:
    for index, product in enumerate(normal.get("applicable_product_ids", ())):
        yield f"/applicable_product_ids/{index}", product
    for index, specifier in enumerate(normal.get("specifiers", ())):
        if "product_id" in specifier:
            yield f"/specifiers/{index}/product_id", specifier["product_id"]


def _contracts(normal: Normal) -> Iterator[Named]:
    if "invoice_contract_id" in normal:
        yield "/invoice_contract_id", normal["invoice_contract_id"]
    for index, contract in enumerate(normal.get("applicable_contract_ids", ())):
        yield f"/applicable_contract_ids/{index}", contract


def _units(normal: Normal) -> Iterator[Named]:
    for schedule in ("access_schedule", "invoice_schedule"):
        if schedule in normal:
            yield f"/{schedule}/credit_type_id", normal[schedule]["credit_type_id"]
