"""Which lines of usage stand behind a piece of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.burndown.usage import HOUR
from trueup.domain.burndown.values import group_values
from trueup.domain.month import month_of
from trueup.store.invoices.explain import Record, Transaction, transactions

_Hour = tuple[Any, ...]


def with_transactions(connection: Connection, account_id: int, usage: Sequence[Record]) -> list[Record]:
    """The pieces of usage, each with the `transaction_ids` of the lines in its hours, in the order of their times.

    Where a balance ran out within an hour, that hour's lines stand behind both who paid before and who paid after.

    Args:
        connection: a transaction.
        account_id: whose usage.
        usage: with customer, contract, product, unit, unit price, group values, and the hours of which it holds usage.
    """
    told = [piece | {"transaction_ids": []} for piece in usage]
    for customer_id, group in groupby(sorted(told, key=_customer), key=_customer):
        _fill(connection, account_id, customer_id, list(group))
    return told


def _fill(connection: Connection, account_id: int, customer_id: UUID, pieces: Sequence[Record]) -> None:
    by_hour: dict[_Hour, list[Record]] = {}
    for piece in pieces:
        for hour in _hours(piece):
            by_hour.setdefault((hour, *_kind_of_piece(piece)), []).append(piece)
    found = transactions(
        connection,
        account_id,
        customer_id,
        starting_at=min(piece["starting_at"] for piece in pieces),
        ending_before=max(piece["ending_before"] for piece in pieces),
    )
    for each in found:
        for piece in by_hour.get((each.hour, *_kind_of_transaction(each)), ()):
            if piece["unit_price"] in each.prices:
                piece["transaction_ids"].append(each.transaction_id)


def _hours(piece: Record) -> Iterator[datetime]:
    """Those of which it holds usage; a receipt is of one hour."""
    if (hours := piece.get("hours")) is None:
        return iter([piece["starting_at"]])
    start = month_of(piece["starting_at"]).starting_at
    return (start + hour * HOUR for hour in hours)


def _kind_of_piece(piece: Record) -> _Hour:
    groups = group_values(piece["pricing_group_values"]), group_values(piece["presentation_group_values"])
    return str(piece["contract_id"]), str(piece["product_id"]), str(piece["unit_id"]), *groups


def _kind_of_transaction(line: Transaction) -> _Hour:
    groups = line.pricing_group_values, line.presentation_group_values
    return line.contract_id, line.product_id, line.unit_id, *groups


_customer = itemgetter("customer_id")
