"""Closed usage periods: everything about them in one statement."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.domain.bills import PeriodBill
from trueup.domain.money import plain_text
from trueup.ids import new_id
from trueup.store.catalog.parties import parties_expression
from trueup.store.postgres.rows import fetch_one

_PARTIES = parties_expression(
    customer="CAST(:customer_id AS uuid)",
    contract="numbered.contract_id",
    commit="NULL",
    unit="numbered.unit_id",
)
# The account's row is the only one here that others may wait for: the counter cannot be part of a deadlock.
_STORE = text(f"""
WITH given AS MATERIALIZED (
    SELECT p.*, c.usage_invoicing = 'MONTHLY' AS is_invoiced
      FROM json_to_recordset(CAST(:periods AS json)) AS p(
        turn integer, id uuid, contract_id uuid, unit_id uuid, starting_at timestamptz, ending_before timestamptz,
        total numeric, replaces uuid)
      LEFT JOIN contract AS c ON c.account_id = :account_id AND c.id = p.contract_id
), numbered AS (
    SELECT *, row_number() OVER (ORDER BY turn) AS nth FROM given WHERE is_invoiced
), counter AS (
    UPDATE account SET next_invoice_number = next_invoice_number + wanted.numbers
      FROM (SELECT count(*) AS numbers FROM numbered) AS wanted
     WHERE id = :account_id AND wanted.numbers > 0
    RETURNING next_invoice_number - wanted.numbers - 1 AS last_used
), clock AS (
    SELECT coalesce(clock_at, now()) AS at FROM account WHERE id = :account_id
), periods AS (
    INSERT INTO usage_period (account_id, id, customer_id, contract_id, unit_id, starting_at, ending_before,
                              is_invoiced, closed_at, booked_at, regenerated_from_id)
    SELECT :account_id, id, :customer_id, contract_id, unit_id, starting_at, ending_before,
           is_invoiced, clock.at, clock_timestamp(), replaces
      FROM given CROSS JOIN clock ORDER BY turn
), invoices AS (
    INSERT INTO invoice (account_id, id, number, type, status, customer_id, contract_id, unit_id, total, issued_at,
                         finalized_at, regenerated_from_id, parties)
    SELECT :account_id, id, last_used + nth, 'USAGE', 'FINALIZED', :customer_id, contract_id, unit_id, total,
           ending_before, clock.at, replaces, {_PARTIES}
      FROM numbered CROSS JOIN counter CROSS JOIN clock ORDER BY nth
), lines AS (
    INSERT INTO invoice_line (account_id, invoice_id, position, kind, is_billed, name, product_id, quantity,
                              is_rounded, unit_price, amount, commit_id, segment_id, criterion, pricing_group_values,
                              presentation_group_values, starting_at, ending_before, hours)
    SELECT :account_id, l.period_id, l.position, l.kind, l.is_billed, l.name, l.product_id, l.quantity,
           l.is_rounded, l.unit_price, l.amount, l.commit_id, l.segment_id, l.criterion, l.pricing_group_values,
           l.presentation_group_values, l.starting_at, l.ending_before, l.hours
      FROM json_to_recordset(CAST(:lines AS json)) AS l(
        period_id uuid, position integer, kind text, is_billed boolean, name text, product_id uuid, quantity numeric,
        is_rounded boolean, unit_price numeric, amount numeric, commit_id uuid, segment_id uuid, criterion smallint,
        pricing_group_values jsonb, presentation_group_values jsonb, starting_at timestamptz,
        ending_before timestamptz, hours smallint[])
), entries AS (
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, invoice_id, period_id)
    SELECT :account_id, d.commit_id, d.segment_id, d.type, -d.amount, given.ending_before,
           CASE WHEN given.is_invoiced THEN given.id END, given.id
      FROM json_to_recordset(CAST(:deductions AS json)) AS d(
        turn integer, period_id uuid, commit_id uuid, segment_id uuid, type text, amount numeric)
      JOIN given ON given.id = d.period_id
     ORDER BY given.turn, d.turn
), events AS (
    INSERT INTO outbox (account_id, event, subject_ids)
    SELECT :account_id, 'invoice.finalized', array_agg(id ORDER BY nth) FROM numbered HAVING count(*) > 0
)
SELECT id FROM given ORDER BY turn
""")

_DEDUCTIONS = {
    "PREPAID": "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
    "CREDIT": "CREDIT_AUTOMATED_INVOICE_DEDUCTION",
    "POSTPAID": "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
}

PERIODS = """
    SELECT p.id, p.customer_id, customer.name AS customer, p.contract_id, p.unit_id, p.starting_at, p.ending_before,
           p.is_invoiced, p.closed_at, p.voided_at, p.regenerated_from_id
      FROM usage_period AS p LEFT JOIN customer ON customer.account_id = p.account_id AND customer.id = p.customer_id
"""
_PERIOD = text(f"{PERIODS} WHERE p.account_id = :account_id AND p.id = :id")

_UUID_8 = 0x8 << 76 | 0x2 << 62
_ALL_BITS = (1 << 128) - 1
_CUSTOMER_BITS = _ALL_BITS >> 80 << 80
_UUID_FREE_BITS = ~(0xF << 76 | 0x3 << 62)

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePeriod:
    """A closed usage period: a contract's usage of one month and unit.

    Attributes:
        id: of its invoice as well, where it makes one.
        customer: the customer's name.
    """

    id: UUID
    customer_id: UUID
    customer: str | None
    contract_id: UUID
    unit_id: UUID
    starting_at: datetime
    ending_before: datetime
    is_invoiced: bool
    closed_at: datetime
    voided_at: datetime | None
    regenerated_from_id: UUID | None


def period_id(
    account_id: int, *, customer_id: UUID, contract_id: UUID | str, unit_id: UUID | str, starting_at: datetime
) -> UUID:
    """The id of a contract's period of one month and unit, from the first draft on.

    A UUID version 8: the first 48 bits are those of the customer's, by which a draft is found that nothing stores; the
    others are a hash. A period that is made anew after a void gets a fresh one.
    """
    named = f"usage period\n{account_id}\n{contract_id}\n{unit_id}\n{starting_at:%Y-%m}".encode()
    hashed = int.from_bytes(hashlib.sha256(named).digest()[:16])
    whose = customer_id.int & _CUSTOMER_BITS
    return UUID(int=whose | hashed & ~_CUSTOMER_BITS & _UUID_FREE_BITS | _UUID_8)


def customers_between(draft_id: UUID) -> tuple[UUID, UUID]:
    """The lowest and the highest id of a customer whose period can have this id."""
    lowest = draft_id.int & _CUSTOMER_BITS
    return UUID(int=lowest), UUID(int=lowest | ~_CUSTOMER_BITS & _ALL_BITS)


def find_period(connection: Connection, account_id: int, period_id: UUID) -> UsagePeriod | None:
    """A closed usage period, void ones too."""
    return fetch_one(connection, UsagePeriod, _PERIOD, {"account_id": account_id, "id": period_id})


def store_periods(
    connection: Connection,
    account_id: int,
    bills: Sequence[PeriodBill],
    *,
    customer_id: UUID,
    replaces: Sequence[UUID | None] = (),
) -> list[UUID]:
    """Store what was closed: periods, lines, deductions, and invoices for contracts that are invoiced MONTHLY.

    Takes the account's counter, so it comes last in a transaction.

    Args:
        connection: a transaction that holds the customer's lock.
        account_id: whose customer.
        bills: of this customer; numbers follow their order.
        customer_id: who used it all.
        replaces: the void period that each of the bills replaces, or None; what replaces one gets a fresh id. Without
            it, none replaces any.

    Returns:
        The ids of the periods, in the order of the bills.
    """
    if not bills:
        return []
    before = replaces or [None] * len(bills)
    ids = [
        new_id() if void else period_id_of(account_id, customer_id, each)
        for each, void in zip(bills, before, strict=True)
    ]
    numbered = list(zip(ids, bills, strict=True))
    rows = connection.execute(
        _STORE,
        {
            "account_id": account_id,
            "customer_id": customer_id,
            "periods": _json(
                _period_row(turn, key, each) | {"replaces": void}
                for turn, ((key, each), void) in enumerate(zip(numbered, before, strict=True))
            ),
            "lines": _json(row for key, each in numbered for row in _line_rows(key, each)),
            "deductions": _json(row for key, each in numbered for row in _deduction_rows(key, each)),
        },
    )
    return [row.id for row in rows]


def period_id_of(account_id: int, customer_id: UUID, bill: PeriodBill) -> UUID:
    """The id that the period of this bill, and its invoice, have or will have."""
    start = bill.month.starting_at
    return period_id(
        account_id, customer_id=customer_id, contract_id=bill.contract_id, unit_id=bill.unit_id, starting_at=start
    )


def _period_row(turn: int, key: UUID, bill: PeriodBill) -> Row:
    return {
        "turn": turn,
        "id": key,
        "contract_id": bill.contract_id,
        "unit_id": bill.unit_id,
        "starting_at": bill.month.starting_at,
        "ending_before": bill.month.ending_before,
        "total": plain_text(bill.total),
    }


def _line_rows(key: UUID, bill: PeriodBill) -> Iterator[Row]:
    for position, line in enumerate(bill.lines):
        yield {
            "period_id": key,
            "position": position,
            "kind": line.kind,
            "is_billed": line.is_billed,
            "name": line.name,
            "product_id": line.product_id,
            "quantity": plain_text(line.quantity),
            "is_rounded": line.is_rounded,
            "unit_price": plain_text(line.unit_price),
            "amount": plain_text(line.amount),
            "commit_id": line.commit_id,
            "segment_id": line.segment_id,
            "criterion": line.criterion,
            "pricing_group_values": dict(line.pricing_group_values) or None,
            "presentation_group_values": dict(line.presentation_group_values) or None,
            "starting_at": line.starting_at,
            "ending_before": line.ending_before,
            "hours": line.hours,
        }


def _deduction_rows(key: UUID, bill: PeriodBill) -> Iterator[Row]:
    for turn, each in enumerate(bill.deductions):
        yield {
            "turn": turn,
            "period_id": key,
            "commit_id": each.commit_id,
            "segment_id": each.segment_id,
            "type": _DEDUCTIONS[each.commit_type],
            "amount": plain_text(each.amount),
        }


def _json(rows: Iterator[Row]) -> str:
    return orjson.dumps(list(rows)).decode()
