"""Open usage burnt down, with nothing written: what closing its months would bill and book."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from shared.domain.bills import Deduction, PeriodBill
from shared.domain.burndown.catalog import Catalog
from shared.domain.burndown.engine import burn_down
from shared.domain.burndown.exact import exact_sum
from shared.domain.burndown.values import Balance, Receipt
from shared.domain.month import month_of
from shared.store.balances import load_balances, load_labels
from shared.store.usage_reads import open_usage
from worker.invoicing.bill import bill

Watch = Callable[[Receipt], None]


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
            available=exact_sum([each.available, *(-deduction.amount for deduction in drawn.get(each.segment_id, ()))]),
        )
        for each in balances
    ]
