"""Usage that the ledger does not hold: what closing open months would bill and book, and what it takes from balances.

One computation for everybody who tells what is left: balances, lists of commits, drafts, forecasts, explanations.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import Deduction, Label, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import exact_sum
from trueup.domain.burndown.values import Balance, Receipt, UsageLine
from trueup.domain.month import month_of
from trueup.store.commits.balances import load_balances, load_labels, load_products
from trueup.store.usage.billed_lines import ReservedDraw, reserved_draws
from trueup.store.usage.by_hour import customers_with_open_usage, open_usage
from trueup_worker.invoicing.bill import bill

Watch = Callable[[Receipt], None]


@dataclass(frozen=True, slots=True)
class OpenDraws:
    """Draws of usage that is not in the ledger: of open months, and void usage that nothing replaces.

    Attributes:
        by_segment: money, or units of a QUANTITY balance, by the segment's id as text.
        by_commit: the same by commit.
    """

    by_segment: Mapping[str, Decimal] = field(default_factory=dict)
    by_commit: Mapping[UUID, Decimal] = field(default_factory=dict)


def open_draws(
    connection: Connection,
    account_id: int,
    customer_ids: Iterable[UUID],
    *,
    catalog: Catalog | None = None,
) -> OpenDraws:
    """Draw of these customers' open usage. Costs a burn-down for each of them that has some.

    Args:
        connection: a snapshot.
        account_id: whose customers.
        customer_ids: theirs; each once or more.
        catalog: the account's, where the caller has it.
    """
    drawn: list[Deduction] = []
    reserved: list[ReservedDraw] = []
    for customer_id in sorted(set(customer_ids)):
        reserved += reserved_draws(connection, account_id, customer_id)
        if customers_with_open_usage(connection, account_id, customer_id=customer_id, since=None):
            catalog = load_products(connection, account_id) if catalog is None else catalog
            bills = bills_of_open_usage(connection, account_id, customer_id, catalog=catalog, before=None)
            drawn += (each for of_period in bills for each in of_period.deductions)
    return added_up(drawn, reserved)


def added_up(drawn: Iterable[Deduction], reserved: Iterable[ReservedDraw]) -> OpenDraws:
    """Deductions that closing would book, and what is reserved, by segment and by commit."""
    by_segment: dict[str, Decimal] = {}
    by_commit: dict[UUID, Decimal] = {}
    pieces = [(each.segment_id, UUID(each.commit_id), each.amount) for each in drawn]
    pieces += ((each.segment_id, each.commit_id, each.amount) for each in reserved)
    for segment_id, commit_id, amount in pieces:
        by_segment[segment_id] = exact_sum([by_segment.get(segment_id, Decimal(0)), amount])
        by_commit[commit_id] = exact_sum([by_commit.get(commit_id, Decimal(0)), amount])
    return OpenDraws(by_segment, by_commit)


def left_of(balances: Iterable[Balance], draws: OpenDraws) -> dict[str, Decimal]:
    """Remainders that open usage leaves of the segments that it draws on, by their ids; none below 0."""
    return {
        each.segment_id: max(exact_sum([each.available, draws.by_segment[each.segment_id].copy_negate()]), Decimal(0))
        for each in balances
        if each.segment_id in draws.by_segment
    }


def bills_of_open_usage(
    connection: Connection,
    account_id: int,
    customer_id: UUID,
    *,
    catalog: Catalog,
    before: datetime | None,
    watch: Watch = lambda _: None,
) -> Iterator[PeriodBill]:
    """The bills of a customer's open months, one month after the other, each on what the one before left.

    Args:
        connection: a transaction, which must outlive the iterator.
        account_id: whose customer.
        customer_id: whose usage.
        catalog: of the account, as it is in this transaction.
        before: the start of a month, exclusive; None for all there is.
        watch: is shown every receipt.
    """
    labels = load_labels(connection, account_id, customer_id)
    balances = load_balances(connection, account_id, customer_id)
    usage = open_usage(connection, account_id, customer_id, before=before)
    return bills_by_month(usage, balances, catalog=catalog, labels=labels, watch=watch)


def bills_by_month(
    usage: Iterable[UsageLine],
    balances: Iterable[Balance],
    *,
    catalog: Catalog,
    labels: Mapping[str, Label],
    watch: Watch = lambda _: None,
) -> Iterator[PeriodBill]:
    """Bill of usage whose hours ascend, one month after the other, each on what the one before left."""
    for _, lines in groupby(usage, key=lambda line: month_of(line.time)):
        bills = bill(_watched(burn_down(lines, balances, catalog), watch), catalog=catalog, labels=labels)
        yield from bills
        balances = _drawn(balances, (each for of_month in bills for each in of_month.deductions))


def _watched(receipts: Iterable[Receipt], watch: Watch) -> Iterator[Receipt]:
    for receipt in receipts:
        watch(receipt)
        yield receipt


def _drawn(balances: Iterable[Balance], deductions: Iterable[Deduction]) -> list[Balance]:
    """The balances after these deductions."""
    drawn: dict[str, list[Deduction]] = {}
    for deduction in deductions:
        drawn.setdefault(deduction.segment_id, []).append(deduction)
    return [
        replace(
            each,
            available=exact_sum(
                [each.available, *(deduction.amount.copy_negate() for deduction in drawn.get(each.segment_id, ()))]
            ),
        )
        for each in balances
    ]
