"""The burn-down engine beyond the accountant's tables: what it reads when, and what it refuses."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction

import pytest

from trueup.domain.burndown.applicability import applicable_products
from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.criterion import Criterion
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import exact_sum, in_e12, rounded, whole
from trueup.domain.burndown.order import line_order
from trueup.domain.burndown.totals import Total, totals
from trueup.domain.burndown.usage import HoursOutOfOrder, aggregate
from trueup.domain.burndown.values import Balance, LineKind, Specifier, UsageLine, group_values, read_specifier

HOUR = timedelta(hours=1)
START = datetime(2030, 1, 1, tzinfo=UTC)
CATALOG = Catalog([Product(id="compute", name="Compute", type="USAGE")])
KIND = LineKind(
    contract_id="contract", product_id="compute", unit_id="usd", list_price=Decimal(3), commit_price=Decimal(2)
)
BALANCE = Balance(
    commit_id="commit",
    segment_id="segment",
    position=0,
    type="PREPAID",
    available=Decimal(10),
    starting_at=START,
    ending_before=START + 24 * HOUR,
    unit_id="usd",
    priority=Decimal(1),
    paid=True,
    created_at=START,
)


def used(quantity: str, *, hour: int = 0, minute: int = 0) -> UsageLine:
    """Usage of the one kind, in an hour of the first day."""
    return UsageLine(START + hour * HOUR + timedelta(minutes=minute), KIND, Decimal(quantity))


def test_an_hour_is_answered_before_the_next_but_one_is_read() -> None:
    """Lines are read as receipts are asked for: memory holds an hour, however long the month."""
    read: list[int] = []

    def lines() -> Iterator[UsageLine]:
        for hour in range(24):
            read.append(hour)
            yield used("1", hour=hour)

    receipts = burn_down(lines(), [BALANCE], CATALOG)
    assert next(receipts).line.time == START
    assert read == [0, 1]


def test_prices_are_compared_to_the_last_digit() -> None:
    """The dearer of two lines goes first, if only the last of thirty digits tells."""
    cheap, dear = (
        replace(KIND, list_price=Decimal(f"123456789012345678.12345678901{last}"), product_id=name)
        for last, name in ((1, "a"), (2, "b"))
    )
    products = {name: Product(id=name, name=name, type="USAGE") for name in "ab"}
    assert line_order(dear, products["b"]) < line_order(cheap, products["a"])


def test_lines_of_an_hour_and_kind_make_one_receipt() -> None:
    """They are added up, wherever they stand within the hour, and the receipt shows the start of the hour."""
    lines = [used("1", minute=59), used("0.5", minute=1), used("1", hour=1)]
    receipts = list(burn_down(lines, [BALANCE], CATALOG))
    assert [each.line for each in receipts] == [used("1.5"), used("1", hour=1)]


def test_hours_must_ascend() -> None:
    """A line of an earlier hour cannot be served any more; `aggregate` puts lines in order."""
    lines = [used("1", hour=1), used("1", hour=0)]
    with pytest.raises(HoursOutOfOrder):
        list(burn_down(lines, [BALANCE], CATALOG))
    assert aggregate(lines) == [used("1", hour=0), used("1", hour=1)]


def test_a_product_outside_the_catalog() -> None:
    """Usage of a product that the catalog does not know cannot be judged."""
    with pytest.raises(KeyError, match="compute"):
        list(burn_down([used("1")], [BALANCE], Catalog()))


def test_a_segment_given_twice() -> None:
    """A balance that stands twice among those given would be spent twice: that is refused."""
    with pytest.raises(AssertionError, match="given once"):
        list(burn_down([used("1")], [BALANCE, replace(BALANCE, segment_id="other")], CATALOG))


def test_access_within_an_hour() -> None:
    """Bounds of access within an hour would make the order within the hour matter: that is refused."""
    with pytest.raises(AssertionError, match="whole hour"):
        list(burn_down([used("1")], [replace(BALANCE, starting_at=START + HOUR / 2)], CATALOG))


def test_thirteen_decimals() -> None:
    """A number with more than twelve decimals is refused, not rounded."""
    with pytest.raises(Inexact):
        list(burn_down([used("0.0000000000001")], [BALANCE], CATALOG))


def test_the_context_of_the_thread_does_not_matter() -> None:
    """Three digits of precision around it change no figure."""
    lines = [used("1234567.891", minute=1), used("0.000000000001", minute=2)]
    with localcontext(Context(prec=3)):
        receipts = list(burn_down(lines, [BALANCE], CATALOG))
        assert sum(each.quantity for each in receipts) == Fraction("1234567.891000000001")
        assert rounded(receipts[-1].amount) == Decimal("3703693.673000000003").quantize(
            Decimal("1e-12"), context=Context(prec=40)
        )


def test_figures_become_whole_again() -> None:
    """A fraction that a partial cover made goes away as soon as the figures are whole: 10 / 3 of 4, and then 2 / 3."""
    second = replace(BALANCE, commit_id="other", segment_id="other")
    _, receipt = burn_down([used("4")], [BALANCE, second], CATALOG)
    assert (receipt.quantity, receipt.amount, receipt.left) == (Fraction(2, 3), Fraction(2), Fraction(8))
    assert [type(each) for each in (receipt.quantity_e12, receipt.amount_e24, receipt.left_e24)] == [Fraction, int, int]


def test_a_fraction_never_opens_a_gap() -> None:
    """A balance that paid fractions pays the rest of itself to the last one: it ends at exactly 0."""
    first = replace(BALANCE, rate_type="COMMIT_RATE", available=Decimal(1), commit_id="a", segment_id="a")
    cheap = replace(KIND, list_price=Decimal(1), commit_price=Decimal(3))
    lines = [UsageLine(START + hour * HOUR, cheap, Decimal(1)) for hour in range(24)]
    receipts = list(burn_down(lines, [first, BALANCE], CATALOG))
    assert {each.balance.segment_id: each.left for each in receipts if each.balance} == {"a": 0, "segment": 0}
    assert receipts[1].left == 10 - Fraction(2, 3)


def test_totals_by_any_key() -> None:
    """Quantity, amount drawn and price at the invoice's unit price, which for units are three different figures."""
    units = replace(BALANCE, access_type="QUANTITY", available=Decimal(4))
    receipts = burn_down([used("5"), used("1", hour=1)], [units], CATALOG)
    assert totals(receipts, lambda each: each.balance) == {
        units: Total(quantity=Fraction(4), amount=Fraction(4), price=Fraction(12)),
        None: Total(quantity=Fraction(2), amount=Fraction(6), price=Fraction(6)),
    }


def test_the_price_of_a_part() -> None:
    """The commit price where a COMMIT_RATE balance pays money, the list price everywhere else."""
    money = replace(BALANCE, rate_type="COMMIT_RATE")
    units = replace(money, access_type="QUANTITY")
    assert [each.unit_price for each in burn_down([used("6")], [money], CATALOG)] == [2, 3]
    assert [each.unit_price for each in burn_down([used("6")], [units], CATALOG)] == [3]


def test_specifiers_as_they_are_stored() -> None:
    """What the normal form of a request holds becomes a specifier; what it leaves out asks for nothing."""
    stored = {
        "product_tags": ["b", "a"],
        "pricing_group_values": {"region": "eu"},
        "exclude": [{"product_tags": ["c"]}, {"product_tags": ["d", "e"]}],
    }
    assert read_specifier(stored) == Specifier(
        product_tags=frozenset("ab"),
        pricing_group_values=(("region", "eu"),),
        exclude=(frozenset("c"), frozenset("de")),
    )
    assert read_specifier({"product_id": "compute"}) == Specifier(product_id="compute")


def test_group_values_have_one_form() -> None:
    """Equal maps are equal, in whatever order they were written; none is as good as an empty map."""
    assert group_values({"b": "2", "a": "1"}) == group_values({"a": "1", "b": "2"}) == (("a", "1"), ("b", "2"))
    assert group_values(None) == group_values({}) == ()


def test_every_criterion_can_be_told() -> None:
    """There are eleven, numbered as in the specification, and each has its sentence."""
    assert [criterion.value for criterion in Criterion] == list(range(1, 12))
    assert len({criterion.statement for criterion in Criterion}) == 11


def test_scaled_figures() -> None:
    """Twelve decimals become an integer; sums keep every digit; a fraction that is whole becomes one again."""
    assert in_e12(Decimal("-123456789012345678.123456789012")) == -123456789012345678123456789012
    assert exact_sum([Decimal("1e17"), Decimal("1e-12")]) == Decimal("100000000000000000.000000000001")
    assert exact_sum([]) == 0
    assert (whole(Fraction(6, 3)), whole(Fraction(1, 3)), whole(7)) == (2, Fraction(1, 3), 7)


class Once(Catalog):
    """A catalog that is gone through once at most."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        self.walks += 1
        assert self.walks == 1
        return super().__iter__()


def test_a_filter_is_counted_once() -> None:
    """However many balances have it, and in however many burn-downs."""
    catalog = Once(Product(id=f"p{n}", name="P", type="USAGE", tags=frozenset({f"t{n % 3}"})) for n in range(9))
    excluding = replace(BALANCE, specifiers=(Specifier(exclude=(frozenset({"t0"}),)),))
    others = replace(BALANCE, specifiers=(), applicable_product_tags=frozenset({"t1"}))
    for _ in range(2):
        assert [applicable_products(each, catalog) for each in (excluding, excluding, others)] == [6, 6, 3]


@pytest.mark.parametrize("balances", [50, 500])
def test_a_balance_that_is_used_up_costs_the_same_among_many(balances: int) -> None:
    """Nobody looks at all of the others for it: calls grow as the balances do, not as their square."""
    called = 0

    def note(_frame: object, kind: str, _argument: object) -> None:
        nonlocal called
        called += kind == "call"

    many = [
        replace(
            BALANCE, commit_id=f"{n:06}", segment_id=f"{n:06}", available=Decimal(3), ending_before=START + 960 * HOUR
        )
        for n in range(balances)
    ]
    lines = [used("1", hour=hour) for hour in range(balances)]
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        receipts = list(burn_down(lines, many, CATALOG))
    finally:
        sys.setprofile(before)
    assert [each.balance and each.balance.segment_id for each in receipts] == [each.segment_id for each in many]
    assert called < 300 * balances
