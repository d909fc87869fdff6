"""Values that a burn-down reads and gives back.

Ids are text in lower case, as in the wire's normal form: a UUID object never equals the text of a specifier. Time is
aware and in UTC, intervals are half-open, numbers have at most 12 decimals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from trueup.domain.burndown.criterion import Criterion
from trueup.domain.burndown.exact import E12, E24, Exact, in_e12

CommitType = Literal["PREPAID", "POSTPAID", "CREDIT"]
AccessType = Literal["SPEND", "QUANTITY"]
RateType = Literal["LIST_RATE", "COMMIT_RATE"]

GroupValues = tuple[tuple[str, str], ...]
"""Keys and values, sorted: equal maps make equal tuples, which can be ordered."""


def group_values(values: Mapping[str, str] | None) -> GroupValues:
    """Group values in their one form; none are as good as an empty map."""
    return tuple(sorted(values.items())) if values else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineKind:
    """All that decides what a usage line costs and who may pay for it, but for the hour. Prices are per unit."""

    contract_id: str
    product_id: str
    unit_id: str
    list_price: Decimal
    commit_price: Decimal
    pricing_group_values: GroupValues = ()
    presentation_group_values: GroupValues = ()


@dataclass(frozen=True, slots=True)
class UsageLine:
    """Rated usage: a single line at its time, or the sum of an hour's lines of one kind at any time within the hour."""

    time: datetime
    kind: LineKind
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Specifier:
    """Usage that a balance is for: all that is given must hold.

    `product_tags`: the product carries all of them. `exclude`: the product carries all the tags of none of these.
    """

    product_id: str | None = None
    product_tags: frozenset[str] = frozenset()
    pricing_group_values: GroupValues = ()
    presentation_group_values: GroupValues = ()
    exclude: tuple[frozenset[str], ...] = ()


def read_specifier(stored: Mapping[str, Any]) -> Specifier:
    """A specifier out of the normal form of a request, where empty parts are absent."""
    return Specifier(
        product_id=stored.get("product_id"),
        product_tags=frozenset(stored.get("product_tags", ())),
        pricing_group_values=group_values(stored.get("pricing_group_values")),
        presentation_group_values=group_values(stored.get("presentation_group_values")),
        exclude=tuple(frozenset(each["product_tags"]) for each in stored.get("exclude", ())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Remainder of a segment of a commit or credit.

    Attributes:
        position: of the segment in the request, from 0.
        available: money in `unit_id`, or units of usage for QUANTITY; what is below 0 counts as 0.
        starting_at: inclusive, on a whole hour.
        ending_before: exclusive, on a whole hour.
        paid: whether it has a cost basis; credits and complimentary commits have none.
        applicable_contract_ids: none of them: every contract of the customer.
        applicable_product_ids: together with the tags a union; neither: every product.
        specifiers: of which one must hold; given only without product ids and tags.
        created_at: when the commit was made.
    """

    commit_id: str
    segment_id: str
    position: int
    type: CommitType
    available: Decimal
    starting_at: datetime
    ending_before: datetime
    unit_id: str
    priority: Decimal
    paid: bool
    created_at: datetime
    access_type: AccessType = "SPEND"
    rate_type: RateType = "LIST_RATE"
    applicable_contract_ids: frozenset[str] = frozenset()
    applicable_product_ids: frozenset[str] = frozenset()
    applicable_product_tags: frozenset[str] = frozenset()
    specifiers: tuple[Specifier, ...] = ()

    def unit_price(self, kind: LineKind) -> Decimal:
        """The price at which it pays for money's worth of usage; a QUANTITY balance covers usage at the list price."""
        at_commit_rate = self.rate_type == "COMMIT_RATE" and self.access_type == "SPEND"
        return kind.commit_price if at_commit_rate else kind.list_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One step: a part of an hour's usage of one kind, and who pays for it.

    Attributes:
        line: the aggregate, at the start of its hour, with its whole quantity.
        balance: who pays; None: nobody does, this is overage.
        criterion: the first of the eleven that set this balance before the next one that could have paid instead;
            None: there was no other.
        quantity_e12: how much of the line, in 10⁻¹².
        amount_e24: what is drawn from the balance, in its money or its units, or what the overage costs, in 10⁻²⁴.
        left_e24: on the balance after this step; 0 for overage.
    """

    line: UsageLine
    balance: Balance | None
    criterion: Criterion | None
    quantity_e12: Exact
    amount_e24: Exact
    left_e24: Exact

    @property
    def quantity(self) -> Fraction:
        """Quantity of the line that is paid."""
        return Fraction(self.quantity_e12) / E12

    @property
    def amount(self) -> Fraction:
        """Amount drawn from the balance, in its money or its units, or the cost of the overage."""
        return Fraction(self.amount_e24) / E24

    @property
    def left(self) -> Fraction:
        """Remainder of the balance after this step."""
        return Fraction(self.left_e24) / E24

    @property
    def unit_price(self) -> Decimal:
        """The price of this part on an invoice: the list's, or the commit's where a COMMIT_RATE balance pays."""
        return self.balance.unit_price(self.line.kind) if self.balance else self.line.kind.list_price

    @property
    def price_e24(self) -> Exact:
        """Quantity times unit price, in 10⁻²⁴: `amount_e24`, but for QUANTITY balances, which are drawn in units."""
        units = self.balance is not None and self.balance.access_type == "QUANTITY"
        return self.quantity_e12 * in_e12(self.unit_price) if units else self.amount_e24
