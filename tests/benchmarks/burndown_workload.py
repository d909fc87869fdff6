"""A large customer's month: 60 kinds of usage on three contracts, 50 overlapping balances of every sort."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from random import Random

from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.values import Balance, LineKind, Specifier, UsageLine

MONTH = datetime(2030, 1, 1, tzinfo=UTC)
HOURS = 31 * 24
HOUR = timedelta(hours=1)
PRODUCTS, KINDS, BALANCES = 20, 60, 50
TAGS = ("gpu", "cpu", "disk", "network", "eu", "us")
CONTRACTS = ("contract-1", "contract-2", "contract-3")
USD, TOKENS = "usd", "tokens"


@dataclass(frozen=True, slots=True)
class Month:
    """What there is to burn down; the same seed makes the same month."""

    seed: int
    lines_total: int
    hours: int
    catalog: Catalog
    kinds: tuple[LineKind, ...]
    balances: tuple[Balance, ...]

    def lines(self) -> Iterator[UsageLine]:
        """The lines, made on the way, hour by hour, in no order within the hour."""
        random = Random(self.seed)
        for number in range(self.lines_total):
            hour = MONTH + number * self.hours // self.lines_total * HOUR
            quantity = Decimal(random.randrange(1, 10_000_000)).scaleb(-4)
            yield UsageLine(hour + timedelta(seconds=random.randrange(3600)), random.choice(self.kinds), quantity)


def make_month(*, seed: int, lines: int, hours: int = HOURS) -> Month:
    """A month of so many lines, or one that is cut to some hours, windows and all.

    Balances hold about two thirds of what it costs; some are open for a quarter of it only.
    """
    random = Random(seed)
    catalog = Catalog(_product(random, number) for number in range(PRODUCTS))
    kinds = tuple(_kind(random) for _ in range(KINDS))
    cost = sum((kind.list_price for kind in kinds), Decimal(0)) / KINDS * 500 * lines
    balances = tuple(_balance(random, number, hours=hours, amount=cost / 75) for number in range(BALANCES))
    return Month(seed, lines, hours, catalog, kinds, balances)


def digest(month: Month) -> str:
    """SHA-256 of all receipts, in their order."""
    digested = sha256()
    for each in burn_down(month.lines(), month.balances, month.catalog):
        payer = each.balance.segment_id if each.balance else None
        figures = (each.line.quantity, each.quantity, each.amount, each.left)
        digested.update(repr((each.line.time, each.line.kind, payer, each.criterion, figures)).encode())
    return digested.hexdigest()


def _product(random: Random, number: int) -> Product:
    return Product(
        id=f"product-{number:02}", name=f"Product {number % 15}", type="USAGE", tags=frozenset(random.sample(TAGS, 2))
    )


def _kind(random: Random) -> LineKind:
    list_price = Decimal(random.randrange(1, 100_000)).scaleb(-5)
    return LineKind(
        contract_id=random.choice(CONTRACTS),
        product_id=f"product-{random.randrange(PRODUCTS):02}",
        unit_id=random.choice((USD, USD, USD, TOKENS)),
        list_price=list_price,
        commit_price=list_price * random.choice((Decimal("0.7"), Decimal(1))),
        pricing_group_values=(("region", random.choice(("eu", "us"))),),
        presentation_group_values=(("team", random.choice("abc")),),
    )


def _balance(random: Random, number: int, *, hours: int, amount: Decimal) -> Balance:
    quarter = hours // 4 * HOUR
    starting_at = MONTH + random.choice((-1, 0, 1, 2)) * quarter
    scope = random.choice(("all", "all", "products", "tags", "specifiers"))
    return Balance(
        commit_id=f"commit-{number // 2:03}",
        segment_id=f"segment-{number:03}",
        position=number % 2,
        type=random.choice(("PREPAID", "PREPAID", "CREDIT", "POSTPAID")),
        available=(amount * random.randrange(50, 150) / 100).quantize(Decimal("0.01")),
        starting_at=starting_at,
        ending_before=random.choice((MONTH + hours * HOUR, starting_at + quarter)),
        unit_id=random.choice((USD, USD, USD, TOKENS)),
        priority=Decimal(random.randrange(3)),
        paid=random.random() < 0.7,
        created_at=MONTH - random.randrange(100) * HOUR,
        access_type=random.choice(("SPEND", "SPEND", "SPEND", "SPEND", "QUANTITY")),
        rate_type=random.choice(("LIST_RATE", "LIST_RATE", "COMMIT_RATE")),
        applicable_contract_ids=frozenset(random.sample(CONTRACTS, random.choice((0, 0, 1, 2)))),
        applicable_product_ids=_product_ids(random) if scope == "products" else frozenset(),
        applicable_product_tags=frozenset(random.sample(TAGS, 1)) if scope == "tags" else frozenset(),
        specifiers=_specifiers(random) if scope == "specifiers" else (),
    )


def _product_ids(random: Random) -> frozenset[str]:
    return frozenset(f"product-{number:02}" for number in random.sample(range(PRODUCTS), 5))


def _specifiers(random: Random) -> tuple[Specifier, ...]:
    return (
        Specifier(
            product_tags=frozenset(random.sample(TAGS, 1)),
            pricing_group_values=(("region", random.choice(("eu", "us"))),),
        ),
        Specifier(exclude=(frozenset(random.sample(TAGS, 1)),), presentation_group_values=(("team", "a"),)),
    )
