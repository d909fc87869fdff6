"""Lines of closed usage periods beside true-ups that are to be settled: what a promise could have covered."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from trueup.domain.burndown.values import LineKind, group_values
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all

# A void period that nothing replaces: its usage is charged nowhere now, and may be made anew. Not so where an operator
# released a true-up to ask for it, until that one is void.
OPEN_VOID = """
    p.voided_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM usage_period AS n
                     WHERE n.account_id = p.account_id AND n.regenerated_from_id = p.id OFFSET 0)
    AND NOT EXISTS (SELECT FROM obligation AS t
                     WHERE t.account_id = p.account_id AND t.id = p.settled_by_id AND t.state <> 'voided' OFFSET 0)
"""

_TRUE_UPS = text("""
    SELECT o.id, o.commit_id, c.customer_id
      FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
      JOIN obligation AS o ON o.account_id = :account_id AND o.id = chosen.id AND o.kind = 'TRUE_UP'
      JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     ORDER BY c.customer_id, o.id
""")

# From the customers to their periods to the lines, whatever the statistics say. Prepaid balances come before every
# POSTPAID one, so that what they paid was never another's; of a void period every line counts.
_LINES = text(f"""
    SELECT chosen.customer_id, p.id AS period_id, {OPEN_VOID} AS is_void, p.starting_at AS month, p.contract_id,
           p.unit_id, l.position, l.product_id, l.unit_price, l.commit_id, l.segment_id, l.pricing_group_values,
           l.presentation_group_values, l.starting_at, l.ending_before, l.hours
      FROM (SELECT c.customer_id, min(s.starting_at) AS starting_at, max(s.ending_before) AS ending_before
              FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
              JOIN obligation AS o ON o.account_id = :account_id AND o.id = wanted.id AND o.kind = 'TRUE_UP'
              JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
              JOIN segment AS s ON s.account_id = o.account_id AND s.commit_id = o.commit_id AND s.position = 0
             GROUP BY c.customer_id) AS chosen
     CROSS JOIN LATERAL (
        SELECT * FROM usage_period
         WHERE account_id = :account_id AND customer_id = chosen.customer_id
           AND starting_at < chosen.ending_before AND ending_before > chosen.starting_at OFFSET 0) AS p
     CROSS JOIN LATERAL (
        SELECT * FROM invoice_line
         WHERE account_id = :account_id AND invoice_id = p.id AND kind = 'usage' OFFSET 0) AS l
      LEFT JOIN commit AS payer ON payer.account_id = :account_id AND payer.id = l.commit_id
     WHERE CASE WHEN p.voided_at IS NULL THEN l.amount > 0 AND (payer.id IS NULL OR payer.type = 'POSTPAID')
                ELSE {OPEN_VOID} END
     ORDER BY chosen.customer_id, p.starting_at, p.id, l.position
""")

_EXCEPTED = text("""
    SELECT commit_id, invoice_id, position FROM excepted_line
     WHERE account_id = :account_id AND commit_id = ANY(CAST(:commit_ids AS uuid[]))
""")

_EXCEPT = text("""
    INSERT INTO excepted_line (account_id, commit_id, invoice_id, position)
    SELECT :account_id, :commit_id, line.invoice_id, line.position
      FROM unnest(CAST(:invoice_ids AS uuid[]), CAST(:positions AS integer[])) AS line (invoice_id, position)
    ON CONFLICT DO NOTHING
""")

_SETTLE_BY = text("""
    UPDATE usage_period SET settled_by_id = :true_up_id
     WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))
""")

_BILLED_BESIDE = text("""
    SELECT DISTINCT l.invoice_id FROM invoice_line AS l
      LEFT JOIN commit AS payer ON payer.account_id = l.account_id AND payer.id = l.commit_id
     WHERE l.account_id = :account_id AND l.invoice_id = ANY(CAST(:ids AS uuid[])) AND l.kind = 'usage' AND l.amount > 0
       AND (payer.id IS NULL OR payer.type = 'POSTPAID') AND l.commit_id IS DISTINCT FROM CAST(:commit_id AS uuid)
     ORDER BY l.invoice_id
""")

# What a void period had drawn stays reserved: made anew, it draws again.
_RESERVED = Filtered(
    lambda given: text(f"""
    SELECT CAST(l.segment_id AS text) AS segment_id, l.commit_id,
           sum(CASE c.access_type WHEN 'QUANTITY' THEN l.quantity ELSE l.amount END) AS amount
      FROM usage_period AS p
     CROSS JOIN LATERAL (
        SELECT * FROM invoice_line
         WHERE account_id = p.account_id AND invoice_id = p.id AND kind = 'usage' AND segment_id IS NOT NULL OFFSET 0
      ) AS l
      JOIN commit AS c ON c.account_id = l.account_id AND c.id = l.commit_id
     WHERE p.account_id = :account_id AND {OPEN_VOID}{given}
     GROUP BY l.segment_id, l.commit_id
"""),
    {"customer_id": "p.customer_id = :customer_id"},
)

_UNSETTLED = text(f"""
    SELECT customer_id FROM usage_month WHERE account_id = :account_id AND customer_id = ANY(:customer_ids)
    UNION
    SELECT customer_id FROM usage_period AS p
     WHERE p.account_id = :account_id AND p.customer_id = ANY(:customer_ids) AND {OPEN_VOID}
""")

_ISSUED = Filtered(
    lambda given: text(f"""
    SELECT account_id, id FROM obligation
     WHERE kind = 'TRUE_UP' AND state = 'issued'{given}
     ORDER BY account_id, id
"""),
    {"account_id": "account_id = :account_id"},
)

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TrueUpTerms:
    """Which commit of which customer a true-up is of."""

    id: UUID
    commit_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A usage line of a closed period that nobody paid, or a POSTPAID commit; of a void one that is open, any.

    Attributes:
        hours: the starts of those in which there was some usage.
        payer_segment_id: of the balance that paid, as text.
    """

    customer_id: UUID
    period_id: UUID
    is_void: bool
    month: datetime
    position: int
    kind: LineKind
    hours: tuple[datetime, ...]
    commit_id: UUID | None
    payer_segment_id: str | None


@dataclass(frozen=True, slots=True)
class ReservedDraw:
    """Reservation for void usage: money, or units of a QUANTITY balance. The segment's id is text."""

    segment_id: str
    commit_id: UUID
    amount: Decimal


def billed_lines(connection: Connection, account_id: int, true_up_ids: Sequence[UUID]) -> list[BilledLine]:
    """Lines of the time of these true-ups' commits, by customer, month and position."""
    rows = connection.execute(_LINES, {"account_id": account_id, "ids": list(true_up_ids)})
    return [_line(row) for row in rows]


def true_up_terms(connection: Connection, account_id: int, true_up_ids: Sequence[UUID]) -> list[TrueUpTerms]:
    """Those of the obligations that are true-ups, by customer."""
    return fetch_all(connection, TrueUpTerms, _TRUE_UPS, {"account_id": account_id, "ids": list(true_up_ids)})


def excepted_lines(connection: Connection, account_id: int, commit_ids: Iterable[UUID]) -> set[tuple[UUID, UUID, int]]:
    """Commit, period and position of lines that an operator let these commits be trued up beside."""
    rows = connection.execute(_EXCEPTED, {"account_id": account_id, "commit_ids": list(commit_ids)})
    return {(row.commit_id, row.invoice_id, row.position) for row in rows}


def except_lines(connection: Connection, account_id: int, commit_id: UUID, lines: Sequence[BilledLine]) -> None:
    """Note that the commit is to be trued up beside these lines."""
    which = {"account_id": account_id, "commit_id": commit_id}
    named = {"invoice_ids": [each.period_id for each in lines], "positions": [each.position for each in lines]}
    connection.execute(_EXCEPT, which | named)


def settle_by(connection: Connection, account_id: int, period_ids: Sequence[UUID], true_up_id: UUID | None) -> None:
    """Note that a true-up asks for the usage of these void periods; None: that none does any more."""
    connection.execute(_SETTLE_BY, {"account_id": account_id, "ids": list(period_ids), "true_up_id": true_up_id})


def billed_beside(
    connection: Connection, account_id: int, period_ids: Sequence[UUID], commit_id: UUID
) -> Sequence[UUID]:
    """Those of the periods that billed anything but this commit's usage: overage, or what another POSTPAID one paid."""
    which = {"account_id": account_id, "ids": list(period_ids), "commit_id": commit_id}
    return connection.scalars(_BILLED_BESIDE, which).all()


def reserved_draws(connection: Connection, account_id: int, customer_id: UUID | None) -> list[ReservedDraw]:
    """Draw of void usage that nothing replaces, by segment; of all customers when `customer_id` is None."""
    which = {"account_id": account_id, "customer_id": customer_id}
    return fetch_all(connection, ReservedDraw, _RESERVED.given(which), which)


def with_unsettled_usage(connection: Connection, account_id: int, customer_ids: Collection[UUID]) -> set[UUID]:
    """Those of the customers that have usage which may draw on their balances, open or void."""
    return set(connection.scalars(_UNSETTLED, {"account_id": account_id, "customer_ids": list(customer_ids)}))


def issued_true_ups(connection: Connection, account_id: int | None) -> Iterator[tuple[int, UUID]]:
    """Account and id of every true-up that was invoiced; every account's when `account_id` is None."""
    which = {"account_id": account_id}
    rows = connection.execute(_ISSUED.given(which), which, execution_options={"yield_per": 1_000})
    return ((row.account_id, row.id) for row in rows)


def _line(row: Row[Any]) -> BilledLine:
    kind = LineKind(
        contract_id=str(row.contract_id),
        product_id=str(row.product_id),
        unit_id=str(row.unit_id),
        list_price=row.unit_price,
        commit_price=row.unit_price,
        pricing_group_values=group_values(row.pricing_group_values),
        presentation_group_values=group_values(row.presentation_group_values),
    )
    return BilledLine(
        customer_id=row.customer_id,
        period_id=row.period_id,
        is_void=row.is_void,
        month=row.month,
        position=row.position,
        kind=kind,
        hours=tuple(_hours(row)),
        commit_id=row.commit_id,
        payer_segment_id=str(row.segment_id) if row.segment_id else None,
    )


def _hours(row: Row[Any]) -> Iterator[datetime]:
    """Lines of an early release do not name them: all between the first and the last may be meant."""
    if row.hours is None:
        return (row.starting_at + n * _HOUR for n in range(int((row.ending_before - row.starting_at) / _HOUR)))
    return (row.month + n * _HOUR for n in row.hours)
