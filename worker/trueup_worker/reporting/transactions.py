"""Which lines of usage stand behind a share of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.burndown.usage import HOUR
from trueup.domain.burndown.values import GroupValues, group_values
from trueup.domain.month import month_of
from trueup.store.invoices.explain import Transaction, UsageShare, transactions

_Kind = tuple[str, str, str, GroupValues, GroupValues]


def with_transactions(connection: Connection, account_id: int, usage: Sequence[UsageShare]) -> list[UsageShare]:
    """The shares of usage, each with the ids of the transactions in its hours, in the order of their times.

    Where a balance ran out within an hour, that hour's lines stand behind both who paid before and who paid after.

    Args:
        connection: a transaction.
        account_id: whose usage.
        usage: of any customers, with the hours of which each holds usage.
    """
    found: list[list[str]] = [[] for _ in usage]
    numbered = sorted(enumerate(usage), key=_customer)
    for customer_id, group in groupby(numbered, key=_customer):
        of_customer = list(group)
        for number, transaction_id in _behind(connection, account_id, customer_id, of_customer):
            found[number].append(transaction_id)
    return [replace(share, transaction_ids=ids) for share, ids in zip(usage, found, strict=True)]


def _behind(
    connection: Connection, account_id: int, customer_id: UUID, numbered: Sequence[tuple[int, UsageShare]]
) -> Iterator[tuple[int, str]]:
    """The number of a share with the id of each transaction behind it."""
    by_hour: dict[tuple[datetime, _Kind], list[tuple[int, UsageShare]]] = {}
    for number, share in numbered:
        for hour in _hours(share):
            by_hour.setdefault((hour, _kind_of_share(share)), []).append((number, share))
    found = transactions(
        connection,
        account_id,
        customer_id,
        starting_at=min(share.starting_at for _, share in numbered),
        ending_before=max(share.ending_before for _, share in numbered),
    )
    for each in found:
        for number, share in by_hour.get((each.hour, _kind_of_transaction(each)), ()):
            if share.unit_price in each.prices:
                yield number, each.transaction_id


def _hours(share: UsageShare) -> Iterator[datetime]:
    """Those of which it holds usage; that of an open month is of one hour."""
    if share.hours is None:
        return iter([share.starting_at])
    start = month_of(share.starting_at).starting_at
    return (start + hour * HOUR for hour in share.hours)


def _kind_of_share(share: UsageShare) -> _Kind:
    groups = group_values(share.pricing_group_values), group_values(share.presentation_group_values)
    return str(share.contract_id), str(share.product_id), str(share.unit_id), *groups


def _kind_of_transaction(line: Transaction) -> _Kind:
    groups = line.pricing_group_values, line.presentation_group_values
    return line.contract_id, line.product_id, line.unit_id, *groups


def _customer(numbered: tuple[int, UsageShare]) -> UUID:
    return numbered[1].customer_id
