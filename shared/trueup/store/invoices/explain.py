"""What stands behind amounts: ledger entries with their periods, the usage they paid for, and its lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.values import GroupValues, group_values

Record = dict[str, Any]

_ENTRIES = """
    SELECT e.id, e.commit_id, e.type, e.amount, e.balance, e.effective_at, e.booked_at, e.reason, e.segment_id,
           s.position AS segment, e.invoice_id, i.number AS invoice, e.period_id, p.contract_id, p.starting_at AS month
      FROM ({entries}) AS e
      LEFT JOIN segment AS s ON s.account_id = e.account_id AND s.commit_id = e.commit_id AND s.id = e.segment_id
      LEFT JOIN invoice AS i ON i.account_id = e.account_id AND i.id = e.invoice_id
      LEFT JOIN usage_period AS p ON p.account_id = e.account_id AND p.id = e.period_id
     ORDER BY e.commit_id, e.seq
"""
_OF_COMMITS = """
    SELECT *, sum(amount) OVER (PARTITION BY commit_id, segment_id ORDER BY seq) AS balance
      FROM ledger_entry WHERE account_id = :account_id AND commit_id = ANY(CAST(:commit_ids AS uuid[]))
"""
_OF_COMMIT_ENTRIES = text(_ENTRIES.format(entries=_OF_COMMITS))
_OF_PERIOD_ENTRIES = text(
    _ENTRIES.format(entries=f"SELECT * FROM ({_OF_COMMITS}) AS all_of_them WHERE period_id = :id OR invoice_id = :id")
)

_USAGE = text("""
    SELECT l.invoice_id AS period_id, p.customer_id, p.contract_id, p.unit_id, l.position AS line, l.name AS product,
           l.product_id, l.quantity, l.is_rounded, l.unit_price, l.amount, l.pricing_group_values,
           l.presentation_group_values, l.starting_at, l.ending_before, l.hours, l.commit_id, l.segment_id,
           s.position AS segment, l.criterion
      FROM invoice_line AS l
      JOIN usage_period AS p ON p.account_id = l.account_id AND p.id = l.invoice_id
      LEFT JOIN segment AS s ON s.account_id = l.account_id AND s.commit_id = l.commit_id AND s.id = l.segment_id
     WHERE l.account_id = :account_id AND l.invoice_id = ANY(CAST(:period_ids AS uuid[])) AND l.kind = 'usage'
     ORDER BY p.starting_at, p.contract_id, p.id, l.position
""")

_APPLIED = text("""
    SELECT l.name, l.commit_id, l.segment_id, s.position AS segment, l.amount, l.is_billed AS is_subtracted
      FROM invoice_line AS l
      LEFT JOIN segment AS s ON s.account_id = l.account_id AND s.commit_id = l.commit_id AND s.id = l.segment_id
     WHERE l.account_id = :account_id AND l.invoice_id = :id AND l.kind = 'applied'
     ORDER BY l.position
""")

_TRANSACTIONS = text("""
    SELECT transaction_id, date_trunc('hour', at) AS hour, CAST(contract_id AS text), CAST(product_id AS text),
           CAST(unit_id AS text), list_price, commit_price, pricing_group_values, presentation_group_values
      FROM usage_line
     WHERE account_id = :account_id AND customer_id = :customer_id AND NOT is_late
       AND at >= :starting_at AND at < :ending_before
     ORDER BY at, transaction_id
""")

_IS_COMMIT = text("SELECT true FROM commit WHERE account_id = :account_id AND id = :id")
_TRUE_UP_OF = text("""
    SELECT id FROM obligation WHERE account_id = :account_id AND commit_id = :id AND kind = 'TRUE_UP'
     ORDER BY state = 'voided', id LIMIT 1
""")
_ITEM = text("""
    SELECT id, commit_id, kind, position, scheduled_at, due_at, state, reason, suppressed_by FROM obligation
     WHERE account_id = :account_id AND id = :id
""")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A line of usage, as far as it must be known to find what paid for it; `hour` is the one it falls in."""

    transaction_id: str
    hour: datetime
    contract_id: str
    product_id: str
    unit_id: str
    prices: frozenset[Decimal]
    pricing_group_values: GroupValues
    presentation_group_values: GroupValues


def is_commit(connection: Connection, account_id: int, commit_id: UUID) -> bool:
    """Whether the account has a commit or credit of this id."""
    return bool(connection.scalar(_IS_COMMIT, {"account_id": account_id, "id": commit_id}))


def true_up_of(connection: Connection, account_id: int, commit_id: UUID) -> UUID | None:
    """The id of a commit's true-up: of the one that is not void, if there is one."""
    found: UUID | None = connection.scalar(_TRUE_UP_OF, {"account_id": account_id, "id": commit_id})
    return found


def item_of_schedule(connection: Connection, account_id: int, obligation_id: UUID) -> Record | None:
    """The obligation behind an invoice of a commit: which item it is, and what became of it."""
    found = _records(connection, _ITEM, {"account_id": account_id, "id": obligation_id})
    return found[0] if found else None


def entries_of_commit(connection: Connection, account_id: int, commit_id: UUID) -> list[Record]:
    """The commit's ledger in booking order; `balance` is the segment's after each entry."""
    return _records(connection, _OF_COMMIT_ENTRIES, {"account_id": account_id, "commit_ids": [commit_id]})


def entries_of_period(
    connection: Connection, account_id: int, period_id: UUID, commit_ids: Sequence[UUID]
) -> list[Record]:
    """What was booked with a usage period or an invoice, on these commits."""
    given = {"account_id": account_id, "id": period_id, "commit_ids": list(commit_ids)}
    return _records(connection, _OF_PERIOD_ENTRIES, given)


def usage_of_periods(connection: Connection, account_id: int, period_ids: Sequence[UUID]) -> list[Record]:
    """What was used in closed periods, and who paid: the usage lines of their bills."""
    return _records(connection, _USAGE, {"account_id": account_id, "period_ids": list(period_ids)})


def applied_in_period(connection: Connection, account_id: int, period_id: UUID) -> list[Record]:
    """What each balance paid of a closed period, below 0; what a postpaid commit covers was not subtracted."""
    return _records(connection, _APPLIED, {"account_id": account_id, "id": period_id})


def transactions(
    connection: Connection, account_id: int, customer_id: UUID, *, starting_at: datetime, ending_before: datetime
) -> Iterator[Transaction]:
    """The customer's lines of usage of this time, but for late ones, streamed."""
    given = {"account_id": account_id, "customer_id": customer_id}
    window = {"starting_at": starting_at, "ending_before": ending_before}
    with connection.execute(_TRANSACTIONS, given | window, execution_options={"yield_per": 2_000}) as rows:
        for transaction_id, hour, contract_id, product_id, unit_id, listed, committed, pricing, presented in rows:
            yield Transaction(
                transaction_id,
                hour,
                contract_id,
                product_id,
                unit_id,
                frozenset((listed, committed)),
                group_values(pricing),
                group_values(presented),
            )


def _records(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> list[Record]:
    return [dict(row) for row in connection.execute(statement, parameters).mappings()]
