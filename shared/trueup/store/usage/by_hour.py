"""Rated usage as a burn-down reads it: added up by hour and kind in SQL, streamed in the order of the hours."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection, TextClause, text

from trueup.domain.burndown.values import GroupValues, LineKind, UsageLine, group_values
from trueup.domain.month import Month
from trueup.store.postgres.calendar import hour_of, months_later
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import values
from trueup.store.usage.periods import customers_between, period_id

_FETCHED_ROWS = 2_000
_FETCHED_CUSTOMERS = 100
_DAY = "interval '24 hours'"  # as a day of another zone may be an hour shorter
_REMEMBERED_KINDS = 10_000  # so that lines of one kind share its object; more kinds than that only cost time

# Access begins and ends on whole hours, so an hour's lines of one kind may be one line. Day by day, because
# a month of a large customer does not fit into memory to be added up.
_HOURLY = f"""
    SELECT used.*
      FROM ({{months}}) AS m
     CROSS JOIN LATERAL generate_series(
        m.starting_at, {months_later("m.starting_at")} - {_DAY}, {_DAY}) AS day (starting_at)
     CROSS JOIN LATERAL (
        SELECT {hour_of("at")} AS hour, CAST(contract_id AS text), CAST(product_id AS text),
               CAST(unit_id AS text), list_price, commit_price, CAST(pricing_group_values AS text),
               CAST(presentation_group_values AS text), sum(quantity)
          FROM usage_line
         WHERE account_id = :account_id AND customer_id = :customer_id
           AND at >= day.starting_at AND at < day.starting_at + {_DAY} AND {{chosen}}
         GROUP BY hour, contract_id, product_id, unit_id, list_price, commit_price,
                  pricing_group_values, presentation_group_values) AS used
     ORDER BY used.hour
"""

# Usage that no period has taken in is of a month on the work list, or late.
_OPEN = text(
    _HOURLY.format(
        months="""SELECT starting_at FROM usage_month
       WHERE account_id = :account_id AND customer_id = :customer_id
         AND starting_at < coalesce(CAST(:before AS timestamptz), 'infinity')""",
        chosen="NOT is_late",
    )
)

_OF_PERIOD = text(
    _HOURLY.format(
        months="SELECT CAST(:starting_at AS timestamptz) AS starting_at",
        chosen="contract_id = :contract_id AND unit_id = :unit_id",
    )
)

_CLOSED = text(
    _HOURLY.format(
        months="""SELECT starting_at AT TIME ZONE 'UTC' AS starting_at FROM generate_series(
            CAST(:since AS timestamptz) AT TIME ZONE 'UTC',
            least(CAST(:before AS timestamptz) AT TIME ZONE 'UTC' - interval '1 month',
                  (SELECT at AT TIME ZONE 'UTC' FROM usage_line
                    WHERE account_id = :account_id AND customer_id = :customer_id ORDER BY at DESC LIMIT 1)),
            interval '1 month') AS month (starting_at)""",
        chosen="true",
    )
)

# The plan is made before the first row is there: sorting all lines by all that they are grouped by takes longest.
_ADD_UP_BY_HASH = text("SET LOCAL work_mem = '64MB'; SET LOCAL enable_sort = off")
_AS_EVER = text("SET LOCAL enable_sort = on")

_CUSTOMERS = Filtered(
    lambda given: text(f"""
    SELECT DISTINCT customer_id FROM usage_month
     WHERE account_id = :account_id{given}
     ORDER BY customer_id LIMIT :limit
"""),
    {"customer_id": "customer_id = :customer_id", "since": "customer_id >= :since"},
)

_POSSIBLE = text("""
    SELECT m.customer_id, CAST(c.id AS text) AS contract_id, CAST(u.id AS text) AS unit_id, m.starting_at
      FROM usage_month AS m
      JOIN contract AS c ON c.account_id = m.account_id AND c.customer_id = m.customer_id
      JOIN unit AS u ON u.account_id = m.account_id
     WHERE m.account_id = :account_id AND m.customer_id BETWEEN :first AND :last
""")


class DraftTerms(NamedTuple):
    """A contract's open month in one unit."""

    customer_id: UUID
    contract_id: str
    unit_id: str
    starting_at: datetime


def open_usage(
    connection: Connection, account_id: int, customer_id: UUID, *, before: datetime | None
) -> Iterator[UsageLine]:
    """The customer's usage that no period has taken in yet, of all contracts and units; hours ascend.

    Usage that came too late for its month is not part of it. What is held in memory does not grow with the usage.

    Args:
        connection: a transaction, which must outlive the iterator.
        account_id: whose customer.
        customer_id: whose usage.
        before: the start of a month, exclusive; None for all there is.
    """
    return _stream(connection, _OPEN, {"account_id": account_id, "customer_id": customer_id, "before": before})


def usage_of_period(
    connection: Connection, account_id: int, *, customer_id: UUID, contract_id: UUID, unit_id: UUID, month: Month
) -> Iterator[UsageLine]:
    """All usage of a contract in one unit and month, closed or open, late lines included; hours ascend."""
    return _stream(
        connection,
        _OF_PERIOD,
        {
            "account_id": account_id,
            "customer_id": customer_id,
            "contract_id": contract_id,
            "unit_id": unit_id,
            "starting_at": month.starting_at,
        },
    )


def closed_usage(
    connection: Connection, account_id: int, customer_id: UUID, *, since: datetime, before: datetime
) -> Iterator[UsageLine]:
    """All the customer's usage of the months from `since` to `before`, late lines included; hours ascend.

    Both are starts of months; no month that is still open lies between them.
    """
    months = {"since": since, "before": before}
    return _stream(connection, _CLOSED, {"account_id": account_id, "customer_id": customer_id, **months})


def customers_with_open_usage(
    connection: Connection, account_id: int, *, customer_id: UUID | None, since: UUID | None
) -> Sequence[UUID]:
    """Some customers that have months to be closed, in the order of their ids.

    Args:
        connection: a transaction.
        account_id: whose customers.
        customer_id: this one only.
        since: the id from which on, inclusive.
    """
    chosen = {"account_id": account_id, "customer_id": customer_id, "since": since, "limit": _FETCHED_CUSTOMERS}
    return connection.scalars(_CUSTOMERS.given(chosen), chosen).all()


def find_draft(connection: Connection, account_id: int, draft_id: UUID) -> DraftTerms | None:
    """Month, contract and unit that a draft of this id is of; there need not be any usage.

    The id names the customer in part, and is a hash of the rest, so all that it can be made of is tried.
    """
    first, last = customers_between(draft_id)
    options = {"stream_results": True, "yield_per": _FETCHED_ROWS}
    which = {"account_id": account_id, "first": first, "last": last}
    with connection.execute(_POSSIBLE, which, execution_options=options) as rows:
        possible = values(rows, DraftTerms)
        return next((each for each in possible if period_id(account_id, **each._asdict()) == draft_id), None)


def _stream(connection: Connection, statement: TextClause, which: Mapping[str, object]) -> Iterator[UsageLine]:
    connection.execute(_ADD_UP_BY_HASH)
    options = {"stream_results": True, "yield_per": _FETCHED_ROWS}
    with connection.execute(statement, which, execution_options=options) as rows:
        connection.execute(_AS_EVER)
        for hour, contract_id, product_id, unit_id, *prices_and_groups, quantity in rows:
            yield UsageLine(hour, _kind((contract_id, product_id, unit_id), *prices_and_groups), quantity)


@lru_cache(_REMEMBERED_KINDS)
def _kind(
    ids: tuple[str, str, str], list_price: Decimal, commit_price: Decimal, pricing: str | None, presentation: str | None
) -> LineKind:
    contract_id, product_id, unit_id = ids
    return LineKind(
        contract_id=contract_id,
        product_id=product_id,
        unit_id=unit_id,
        list_price=list_price,
        commit_price=commit_price,
        pricing_group_values=_values(pricing),
        presentation_group_values=_values(presentation),
    )


def _values(stored: str | None) -> GroupValues:
    return group_values(orjson.loads(stored)) if stored else ()
