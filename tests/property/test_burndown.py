"""Whatever is used and promised: the engine agrees with the line-by-line reference, and nothing is lost on the way."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import reference_burndown as reference
from tests.benchmarks.burndown_workload import digest, make_month
from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import rounded, rounded_parts
from trueup.domain.burndown.order import balance_order, deciding_criterion, line_order
from trueup.domain.burndown.totals import totals
from trueup.domain.burndown.usage import aggregate, hour_of
from trueup.domain.burndown.values import Balance, LineKind, Receipt, Specifier, UsageLine
from trueup.domain.money import shares
from trueup.limits import DECIMALS_MAX

ROOT = Path(__file__).parents[2]
START = datetime(2030, 1, 1, tzinfo=UTC)
HOURS = 4

CATALOG = Catalog(
    (
        Product(id="p1", name="Compute", type="USAGE", tags=frozenset({"cpu", "eu"})),
        Product(id="p2", name="Storage", type="USAGE", tags=frozenset({"disk", "eu"})),
        Product(id="p3", name="Compute", type="COMPOSITE", tags=frozenset({"cpu"})),
        Product(id="p4", name="Support", type="SUBSCRIPTION"),
        Product(id="p9", name="Fee", type="FIXED", tags=frozenset({"eu"})),
    )
)


def holds_for(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A property of all these values; a busy machine may take its time."""
    relaxed = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
    return lambda test: relaxed(given(*strategies)(test))


def some(*members: str) -> st.SearchStrategy[frozenset[str]]:
    """Up to two of these."""
    return st.sampled_from([frozenset(chosen) for count in range(3) for chosen in combinations(members, count)])


PRICES = st.sampled_from(["1", "3", "0.3", "7.77", "0", "0.000000000001", "999999999999999999.999999999999"])
QUANTITIES = st.sampled_from(["10", "1", "2.5", "123.456789", "0", "0.000000000001", "99999999999999999.5"])
AMOUNTS = st.sampled_from(["10", "1", "7", "100", "12345678901234567.89", "0.000000000001", "0", "-5"])
TAGS = some("cpu", "disk", "eu")
GROUPS = st.sampled_from([(), (("region", "eu"),), (("region", "us"),), (("region", "eu"), ("tier", "a"))])
MINUTES = st.integers(0, HOURS * 60 - 1).map(lambda minutes: START + timedelta(minutes=minutes))
KINDS = st.builds(
    LineKind,
    contract_id=st.sampled_from(["c1", "c2"]),
    product_id=st.sampled_from(["p1", "p2", "p3", "p4"]),
    unit_id=st.sampled_from(["usd", "usd", "usd", "eur"]),
    list_price=PRICES.map(Decimal),
    commit_price=PRICES.map(Decimal),
    pricing_group_values=GROUPS,
    presentation_group_values=GROUPS,
)
LINES = st.lists(KINDS, min_size=1, max_size=4).flatmap(
    lambda kinds: st.lists(
        st.builds(UsageLine, MINUTES, st.sampled_from(kinds), QUANTITIES.map(Decimal)), min_size=3, max_size=12
    )
)
SPECIFIERS = st.builds(
    Specifier,
    product_id=st.sampled_from([None, "p1", "p3"]),
    product_tags=TAGS,
    pricing_group_values=GROUPS,
    presentation_group_values=GROUPS,
    exclude=st.lists(TAGS.filter(bool), max_size=2).map(tuple),
)
SCOPES: st.SearchStrategy[dict[str, Any]] = (
    st.just({})
    | st.just({})
    | st.fixed_dictionaries({"applicable_product_ids": some("p1", "p2", "p9"), "applicable_product_tags": TAGS})
    | st.fixed_dictionaries({"specifiers": st.lists(SPECIFIERS, max_size=3).map(tuple)})
)
WINDOWS = st.sampled_from([(0, HOURS), *combinations(range(HOURS + 1), 2)])


@st.composite
def balance_lists(draw: st.DrawFn) -> list[Balance]:
    """The segments of a few commits; those of a commit differ in window and amount only."""
    balances = []
    for commit in range(draw(st.integers(1, 5))):
        terms = {
            "type": draw(st.sampled_from(["PREPAID", "POSTPAID", "CREDIT"])),
            "unit_id": draw(st.sampled_from(["usd", "usd", "usd", "eur"])),
            "priority": Decimal(draw(st.sampled_from(["1", "1.0", "-1"]))),
            "paid": draw(st.booleans()),
            "created_at": START + timedelta(seconds=draw(st.integers(0, 1))),
            "access_type": draw(st.sampled_from(["SPEND", "SPEND", "QUANTITY"])),
            "rate_type": draw(st.sampled_from(["LIST_RATE", "LIST_RATE", "COMMIT_RATE"])),
            "applicable_contract_ids": draw(st.just(frozenset()) | some("c1", "c2")),
            **draw(SCOPES),
        }
        for position in range(draw(st.integers(1, 2))):
            first, last = draw(WINDOWS)
            balance = Balance(
                commit_id=f"commit-{commit}",
                segment_id=f"segment-{commit}-{position}",
                position=position,
                available=Decimal(draw(AMOUNTS)),
                starting_at=START + timedelta(hours=first),
                ending_before=START + timedelta(hours=last),
                **terms,
            )
            balances.append(balance)
    return balances


BALANCES = balance_lists()
Part = tuple[datetime, LineKind, str | None, int]


def burnt(lines: Iterable[UsageLine], balances: Iterable[Balance]) -> list[Receipt]:
    """The receipts for lines in any order."""
    return list(burn_down(aggregate(lines), balances, CATALOG))


def parts(receipts: Iterable[Receipt]) -> dict[Part, tuple[Fraction, Fraction]]:
    """Quantity and amount by hour, kind, segment and rule."""
    sums = totals(receipts, lambda each: (each.line.time, each.line.kind, segment_id(each), each.criterion or 0))
    return {part: (total.quantity, total.amount) for part, total in sums.items()}


def segment_id(receipt: Receipt) -> str | None:
    """Who pays; None for overage."""
    return receipt.balance.segment_id if receipt.balance else None


def assert_agreement(lines: list[UsageLine], balances: Sequence[Balance], catalog: Catalog) -> None:
    """Draws, overage, deciding criteria and what is left are those of the line-by-line reference, exactly."""
    receipts = list(burn_down(aggregate(lines), balances, catalog))
    steps, left = reference.burn_down(lines, balances, catalog)
    expected: dict[Part, tuple[Fraction, Fraction]] = {}
    for step in steps:
        part = (hour_of(step.line.time), step.line.kind, step.segment_id, step.rule)
        quantity, amount = expected.get(part, (0, 0))
        expected[part] = (quantity + step.quantity, amount + step.amount)
    assert parts(receipts) == expected
    assert reference.balances_left(balances, receipts) == left


@holds_for(LINES, BALANCES)
def test_the_engine_agrees_with_the_reference(lines: list[UsageLine], balances: list[Balance]) -> None:
    """Whatever the lines and balances, the engine and the reference agree."""
    assert_agreement(lines, balances, CATALOG)


@pytest.mark.parametrize("seed", range(5))
def test_they_agree_on_a_customer_with_fifty_balances(seed: int) -> None:
    """The benchmark's month, cut to three days: the engine and the reference agree."""
    month = make_month(seed=seed, lines=2_000, hours=72)
    assert_agreement(list(month.lines()), month.balances, month.catalog)


@holds_for(LINES, BALANCES)
def test_nothing_is_lost_and_nothing_overdrawn(lines: list[UsageLine], balances: list[Balance]) -> None:
    """Quantities add up to the usage; what is drawn and what is left add up to the balance, and never go below 0."""
    receipts = burnt(lines, balances)
    assert sum(each.quantity for each in receipts) == sum(Fraction(line.quantity) for line in lines)
    drawn = totals((each for each in receipts if each.balance), segment_id)
    left = reference.balances_left(balances, receipts)
    for balance in balances:
        amount = drawn[balance.segment_id].amount if balance.segment_id in drawn else 0
        assert left[balance.segment_id] + amount == max(balance.available, 0)
    assert all(each.left_e24 >= 0 and each.quantity_e12 > 0 and each.amount_e24 >= 0 for each in receipts)


@holds_for(LINES, BALANCES)
def test_drawn_and_overage_make_the_usage(lines: list[UsageLine], balances: list[Balance]) -> None:
    """Where list-rate balances pay, amounts add up to quantity times list price of each line, to the last digit."""
    at_list = [each for each in balances if (each.rate_type, each.access_type) == ("LIST_RATE", "SPEND")]
    sums = totals(burnt(lines, at_list), lambda each: each.line)
    for line, total in sums.items():
        assert total.amount == total.price == Fraction(line.quantity) * Fraction(line.kind.list_price)


@holds_for(LINES.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))), BALANCES)
def test_the_order_of_arrival_changes_nothing(
    arrivals: tuple[list[UsageLine], list[UsageLine]], balances: list[Balance]
) -> None:
    """The same lines and balances in any order leave the same receipts, in the same order."""
    lines, shuffled = arrivals
    assert burnt(lines, balances) == burnt(shuffled, balances[::-1])


@holds_for(LINES, BALANCES, st.integers(2, 5))
def test_splitting_lines_changes_nothing(lines: list[UsageLine], balances: list[Balance], count: int) -> None:
    """Lines cut into several within their hour leave the receipts of the whole ones."""
    split = [
        UsageLine(hour_of(line.time) + timedelta(minutes=minute), line.kind, quantity)
        for line in lines
        for minute, quantity in enumerate(shares(line.quantity, count=count, decimals=DECIMALS_MAX))
    ]
    assert burnt(split, balances) == burnt(lines, balances)


@holds_for(BALANCES)
def test_the_order_of_balances_is_total(balances: list[Balance]) -> None:
    """Of two different balances exactly one goes first, and a criterion says why."""
    for one, other in combinations([balance_order(each, CATALOG) for each in balances], 2):
        assert (one < other) != (other < one)
        place = deciding_criterion(one, other) - 1
        assert one[:place] == other[:place]
        assert one[place] != other[place]


@holds_for(KINDS, KINDS)
def test_the_order_of_lines_is_total(one: LineKind, other: LineKind) -> None:
    """Of two lines of an hour exactly one goes first, unless they are of one kind."""
    first, second = (line_order(kind, CATALOG[kind.product_id]) for kind in (one, other))
    assert (first == second) == (one == other)
    assert (first < second) + (second < first) == (one != other)


@holds_for(st.lists(st.fractions(0, 100, max_denominator=10**13), max_size=6))
def test_rounded_parts_add_up(given_parts: list[Fraction]) -> None:
    """Parts are rounded so that they make the rounded sum, each less than a unit of the last decimal from itself."""
    found = rounded_parts(given_parts)
    assert sum(map(Fraction, found)) == Fraction(rounded(sum(given_parts, Fraction(0))))
    assert all(
        abs(Fraction(part) - exact) < Fraction(1, 10**12) for part, exact in zip(found, given_parts, strict=True)
    )
    assert all(part >= 0 for part in found)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_every_process_finds_the_same(hash_seed: str) -> None:
    """The hash seed of a process, which decides the order of sets, changes no receipt."""
    month = make_month(seed=7, lines=2_000)
    code = "from tests.benchmarks.burndown_workload import *; print(digest(make_month(seed=7, lines=2_000)))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        text=True,
    )
    assert other.stdout.strip() == digest(month)
