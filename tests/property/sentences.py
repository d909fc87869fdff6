"""Two sentences about what a commitment costs, judged from the rows of an account alone.

It shares the values of the burn-down with the product, and the order of balances with the reference. Per POSTPAID
commit, net of reversals: C is its opening balance, M its manual entries, D its deductions, T its true-up entries and E
its expirations, the last three as positive figures.

1. D + T <= max(C + M, D), and at most one of T and E is not 0. Issued or nothing due: D + T = max(C + M, D) and E = 0.
   Suppressed: T = 0 and E = max(0, C + M - D). Not settled, or void: T = E = 0. D is what invoices and periods that are
   not void show, T is the total of the true-up that is not void.
2. Where T > 0 there is no usage in a closed period that the commit covers and that was charged to the customer, or to
   a balance behind it: but for what was let through by name.

What the second one needs: nothing is trued up while usage that the commit covers is void, and nothing replaces it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from tests.reference_burndown import burn_down, criteria, may_pay
from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.values import Balance, LineKind, UsageLine, group_values, read_specifier

UNSETTLED = ("pending", "held", "parked", "voided")

_LEDGER = """
    SELECT CAST(c.id AS text) AS id,
           coalesce(sum(amount) FILTER (WHERE e.type ~ 'INITIAL_BALANCE$'), 0) AS committed,
           coalesce(sum(amount) FILTER (WHERE e.type ~ 'MANUAL$'), 0) AS adjusted,
           coalesce(-sum(amount) FILTER (WHERE e.type ~ 'DEDUCTION$'), 0) AS drawn,
           coalesce(-sum(amount) FILTER (WHERE e.type ~ 'TRUEUP$'), 0) AS trued_up,
           coalesce(-sum(amount) FILTER (WHERE e.type ~ 'EXPIRATION$'), 0) AS expired
      FROM commit AS c JOIN ledger_entry AS e ON e.account_id = c.account_id AND e.commit_id = c.id
     WHERE c.account_id = :account_id AND c.type = 'POSTPAID' GROUP BY c.id ORDER BY c.id
"""
# What is archived is settled for good, also where its true-up had been void.
_STATES = """
    SELECT CAST(o.commit_id AS text) AS id, CASE WHEN c.archived_at IS NULL THEN o.state ELSE 'suppressed' END AS state
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.kind = 'TRUE_UP'
       AND NOT EXISTS (SELECT FROM obligation AS n WHERE n.account_id = :account_id AND n.regenerated_from_id = o.id)
"""
_SHOWN = """
    SELECT CAST(l.commit_id AS text) AS id, -sum(l.amount) AS amount
      FROM invoice AS i JOIN invoice_line AS l ON l.account_id = i.account_id AND l.invoice_id = i.id
     WHERE i.account_id = :account_id AND i.type = 'USAGE' AND i.status = 'FINALIZED' AND l.kind = 'applied'
     GROUP BY l.commit_id
    UNION ALL
    SELECT CAST(e.commit_id AS text), -sum(e.amount)
      FROM usage_period AS p JOIN ledger_entry AS e ON e.account_id = p.account_id AND e.period_id = p.id
     WHERE p.account_id = :account_id AND NOT p.is_invoiced AND p.voided_at IS NULL GROUP BY e.commit_id
"""
_BILLED = """
    SELECT CAST(commit_id AS text) AS id, sum(total) AS amount, count(*) AS n FROM invoice
     WHERE account_id = :account_id AND type = 'SCHEDULED' AND status = 'FINALIZED' GROUP BY commit_id
"""
_ISSUED = """
    SELECT id, CAST(commit_id AS text) AS commit_id FROM invoice
     WHERE account_id = :account_id AND type = 'SCHEDULED' AND status = 'FINALIZED' AND total > 0
"""
_PRODUCTS = "SELECT CAST(id AS text) AS id, name, type, tags FROM product WHERE account_id = :account_id"
_PROMISES = """
    SELECT CAST(c.id AS text) AS commit_id, CAST(s.id AS text) AS segment_id, s.position, c.type, s.starting_at,
           s.ending_before, CAST(c.access_unit_id AS text) AS unit_id, c.priority, c.created_at, c.rate_type,
           c.type = 'POSTPAID' OR c.invoice_unit_id IS NOT NULL AS paid,
           CAST(c.applicable_contract_ids AS text[]) AS contracts, c.specifiers,
           CAST(c.applicable_product_ids AS text[]) AS products, c.applicable_product_tags AS tags,
           s.amount + (SELECT coalesce(sum(amount), 0) FROM ledger_entry AS e
                        WHERE e.account_id = c.account_id AND e.commit_id = c.id AND e.type ~ 'MANUAL$') AS promised,
           EXISTS (SELECT FROM obligation AS o
                    WHERE o.account_id = c.account_id AND o.commit_id = c.id AND o.suppressed_by IS NULL
                      AND o.state IN ('issued', 'nothing_due')) AS is_trued_up
      FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     WHERE c.account_id = :account_id AND c.archived_at IS NULL
"""
_USED = """
    SELECT p.voided_at IS NOT NULL AS is_void, p.id AS period_id, l.position,
           CAST(p.contract_id AS text) AS contract_id,
           CAST(p.unit_id AS text) AS unit_id, CAST(l.product_id AS text) AS product_id, p.starting_at, l.hours,
           l.pricing_group_values AS pricing, l.presentation_group_values AS presentation,
           CAST(l.commit_id AS text) AS payer, c.type AS payer_type, l.amount
      FROM usage_period AS p JOIN invoice_line AS l ON l.account_id = p.account_id AND l.invoice_id = p.id
      LEFT JOIN commit AS c ON c.account_id = l.account_id AND c.id = l.commit_id
     WHERE p.account_id = :account_id AND l.kind = 'usage' AND l.amount > 0
       AND NOT EXISTS (SELECT FROM usage_period AS n WHERE n.account_id = p.account_id AND n.regenerated_from_id = p.id)
"""
# Usage counts once its period is closed and not void.
_LINES = """
    SELECT l.at, CAST(l.contract_id AS text) AS contract_id, CAST(l.product_id AS text) AS product_id,
           CAST(l.unit_id AS text) AS unit_id, l.list_price, l.commit_price, l.quantity
      FROM usage_line AS l JOIN usage_period AS p
        ON p.account_id = l.account_id AND p.contract_id = l.contract_id AND p.unit_id = l.unit_id
       AND l.at >= p.starting_at AND l.at < p.ending_before AND p.voided_at IS NULL
     WHERE l.account_id = :account_id AND NOT l.is_late
"""
_IN_ALL = """
    SELECT coalesce(sum(total), 0) AS amount FROM invoice WHERE account_id = :account_id AND status = 'FINALIZED'
"""
_SILENT = """
    SELECT CAST(id AS text) AS id FROM contract WHERE account_id = :account_id AND usage_invoicing = 'NONE'
"""

Named = tuple[str, UUID, int]
"""A line that a release let through, for a commit: its id, and period and position of the line."""


class HasRows(Protocol):
    """An account whose rows can be read."""

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What a query finds, with `:account_id` filled in."""


class Charged(NamedTuple):
    """The five figures of a commit, with the state of its true-up."""

    id: str
    state: str
    c: Decimal
    m: Decimal
    d: Decimal
    t: Decimal
    e: Decimal

    @property
    def owed(self) -> Decimal:
        """What the customer owes for it in all: what was promised, or what was used where that is more."""
        return max(self.c + self.m, self.d)


@dataclass(frozen=True)
class Used:
    """So much of a period's usage, in these hours, and who paid for it; None: nobody, it was charged."""

    is_void: bool
    period_id: UUID
    position: int
    hours: list[UsageLine]
    payer: str | None
    payer_type: str | None
    amount: Decimal


def charged(book: HasRows) -> list[Charged]:
    """The figures of each POSTPAID commit, in the order in which they were made."""
    states = {row.id: row.state for row in book.rows(_STATES)}
    return [Charged(row.id, states.get(row.id, "pending"), *row[1:]) for row in book.rows(_LEDGER)]


def unfilled(book: HasRows) -> dict[str, list[Used]]:
    """By commit: the usage that it covers and that was charged, or paid by a balance behind it."""
    found: dict[str, list[Used]] = defaultdict(list)
    places, covered = _covered(book)
    for key, used in covered:
        if used.is_void:
            continue
        # Prepaid and credit come before, whatever their priority.
        if used.payer is None or (used.payer_type == "POSTPAID" and places[used.payer] > places[key]):
            found[key].append(used)
    return found


def void_beside(book: HasRows) -> dict[str, set[UUID]]:
    """By commit: the periods that are void, that nothing replaces, and that have usage which the commit covers."""
    found: dict[str, set[UUID]] = defaultdict(set)
    for key, used in _covered(book)[1]:
        if used.is_void:
            found[key].add(used.period_id)
    return found


def true_ups(book: HasRows) -> dict[UUID, str]:
    """The commits of true-ups that were issued and are not void, by invoice."""
    return {row.id: row.commit_id for row in book.rows(_ISSUED)}


def _covered(book: HasRows) -> tuple[dict[str, Any], list[tuple[str, Used]]]:
    """The places of the POSTPAID commits in their order, and what each of them covers."""
    catalog = _catalog(book)
    promises = {row.commit_id: _balance(row) for row in book.rows(_PROMISES) if row.type == "POSTPAID"}
    places = {key: criteria(balance, catalog) for key, balance in promises.items()}
    covered = [
        (key, used)
        for used in map(_used, book.rows(_USED))
        for key, balance in promises.items()
        if any(may_pay(balance, hour, catalog[hour.kind.product_id]) for hour in used.hours)
    ]
    return places, covered


def in_all(book: HasRows) -> Decimal:
    """What the customer is charged: everything that is finalized and not void."""
    (row,) = book.rows(_IN_ALL)
    return Decimal(row.amount)


def one_right_run(book: HasRows) -> Fraction:
    """What the customer would be charged if all closed usage were burnt down once, in its order, on today's terms.

    Prepaid balances have no invoices here. The usage of a contract that is not invoiced is charged elsewhere.
    """
    catalog, rows = _catalog(book), book.rows(_PROMISES)
    balances = [_balance(row) for row in rows]
    types = {row.segment_id: row.type for row in rows}
    silent = {row.id for row in book.rows(_SILENT)}
    steps, left = burn_down(map(_usage_line, book.rows(_LINES)), balances, catalog)
    charged_as_used = sum(
        step.amount
        for step in steps
        if step.line.kind.contract_id not in silent
        and (step.segment_id is None or types[step.segment_id] == "POSTPAID")
    )
    missing = sum(left[row.segment_id] for row in rows if row.type == "POSTPAID" and row.is_trued_up)
    return Fraction(charged_as_used + missing)


def broken(book: HasRows, named: Collection[Named] = ()) -> list[str]:
    """What the rows of the account say against the two sentences, in words."""
    return [*_first_sentence(book), *_second_sentence(book, named)]


def _first_sentence(book: HasRows) -> Iterator[str]:
    shown: dict[str, Decimal] = defaultdict(Decimal)
    for row in book.rows(_SHOWN):
        shown[row.id] += row.amount
    billed = {row.id: row for row in book.rows(_BILLED)}
    for each in charged(book):
        total = billed[each.id].amount if each.id in billed else Decimal(0)
        wrong = [rule for rule, holds in _rules(each, shown[each.id], total).items() if not holds]
        if each.id in billed and billed[each.id].n > 1:
            wrong.append("more than one true-up is not void")
        yield from (f"{rule}: {each}, shown {shown[each.id]}, billed {total}" for rule in wrong)


def _rules(each: Charged, shown: Decimal, total: Decimal) -> dict[str, bool]:
    rules = {
        "D + T <= max(C + M, D)": each.d + each.t <= each.owed,
        "T or E is 0, neither is below, nor is D": min(each.t, each.e) == 0 and each.d >= 0,
        "D is what is shown": each.d == shown,
        "T is what is billed": each.t == total,
    }
    if each.state in ("issued", "nothing_due"):
        rules["settled: D + T = max(C + M, D) and E = 0"] = each.d + each.t == each.owed and each.e == 0
    if each.state == "suppressed":
        rules["suppressed: T = 0 and E = max(0, C + M - D)"] = each.t == 0 and each.e == each.owed - each.d
    if each.state in UNSETTLED:
        rules["open or void: T = E = 0"] = each.t == 0 and each.e == 0
    return rules


def _second_sentence(book: HasRows, named: Collection[Named]) -> Iterator[str]:
    found = unfilled(book)
    for each in charged(book):
        lines = [used for used in found[each.id] if (each.id, used.period_id, used.position) not in named]
        if each.t > 0 and lines:
            told = ", ".join(f"{used.amount} by {used.payer or 'the customer'}" for used in lines)
            yield f"T > 0 implies O = 0: {each}, unfilled {told}"


def _catalog(book: HasRows) -> Catalog:
    rows = book.rows(_PRODUCTS)
    return Catalog(Product(id=row.id, name=row.name, type=row.type, tags=frozenset(row.tags)) for row in rows)


def _balance(row: Any) -> Balance:
    return Balance(
        commit_id=row.commit_id,
        segment_id=row.segment_id,
        position=row.position,
        type=row.type,
        available=row.promised,
        starting_at=row.starting_at,
        ending_before=row.ending_before,
        unit_id=row.unit_id,
        priority=row.priority,
        paid=row.paid,
        rate_type=row.rate_type,
        created_at=row.created_at,
        applicable_contract_ids=frozenset(row.contracts or ()),
        applicable_product_ids=frozenset(row.products or ()),
        applicable_product_tags=frozenset(row.tags or ()),
        specifiers=tuple(map(read_specifier, row.specifiers or ())),
    )


def _usage_line(row: Any) -> UsageLine:
    kind = LineKind(
        contract_id=row.contract_id,
        product_id=row.product_id,
        unit_id=row.unit_id,
        list_price=row.list_price,
        commit_price=row.commit_price,
    )
    return UsageLine(row.at, kind, row.quantity)


def _used(row: Any) -> Used:
    kind = LineKind(
        contract_id=row.contract_id,
        product_id=row.product_id,
        unit_id=row.unit_id,
        list_price=Decimal(1),
        commit_price=Decimal(1),
        pricing_group_values=group_values(row.pricing),
        presentation_group_values=group_values(row.presentation),
    )
    start: datetime = row.starting_at
    hours = [UsageLine(start + timedelta(hours=hour), kind, Decimal(1)) for hour in row.hours]
    return Used(row.is_void, row.period_id, row.position, hours, row.payer, row.payer_type, row.amount)
