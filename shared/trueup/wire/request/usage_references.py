"""References of a line of usage: whether the catalog has what it names."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from trueup.wire.problems import Problem
from trueup.wire.request.normal import Normal
from trueup.wire.request.references import References


class Term(NamedTuple):
    """Term of a contract, and its customer: from `starting_at`, before `ending_before` (None: open)."""

    customer_id: str
    starting_at: datetime
    ending_before: datetime | None

    def holds(self, at: datetime) -> bool:
        """Tell whether the instant lies within."""
        return self.starting_at <= at and (self.ending_before is None or at < self.ending_before)


@dataclass(frozen=True, slots=True)
class KnownToUsage:
    """Records of the catalog: ids of customers and units, products with their type, contracts with their term."""

    customers: AbstractSet[str]
    products: Mapping[str, str]
    contracts: Mapping[str, Term]
    units: AbstractSet[str]

    def lacks(self, wanted: References) -> bool:
        """Tell whether any of these ids is unknown."""
        return not (
            wanted.customers <= self.customers
            and wanted.products <= self.products.keys()
            and wanted.contracts <= self.contracts.keys()
            and wanted.units <= self.units
        )


def references_of_lines(lines: Iterable[Normal]) -> References:
    """All ids that several lines name."""
    found = References(customers=set(), products=set(), contracts=set(), units=set())
    for line in lines:
        found.customers.add(line["customer_id"])
        found.products.add(line["product_id"])
        found.contracts.add(line["contract_id"])
        found.units.add(line["credit_type_id"])
    return found


def judge_line_references(line: Normal, known: KnownToUsage) -> list[Problem]:
    """All problems of a line's references.

    An unknown customer's contract is not judged, and the time is judged by a contract of the customer's only.
    """
    wrong = []
    customer, term = line["customer_id"], known.contracts.get(line["contract_id"])
    if customer not in known.customers:
        wrong.append(("customer_not_found", "/customer_id"))
    elif term is None or term.customer_id != customer:
        wrong.append(("contract_not_found", "/contract_id"))
    elif not term.holds(datetime.fromisoformat(line["timestamp"])):
        wrong.append(("outside_contract", "/timestamp"))
    product_type = known.products.get(line["product_id"])
    if product_type is None:
        wrong.append(("product_not_found", "/product_id"))
    elif product_type == "FIXED":
        wrong.append(("product_is_fixed", "/product_id"))
    if line["credit_type_id"] not in known.units:
        wrong.append(("unit_not_found", "/credit_type_id"))
    return [Problem.of(code, path=path) for code, path in wrong]
