"""Evidence behind amounts: ledger entries with their periods, the usage they paid for, and its lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.values import GroupValues, group_values
from trueup.domain.rule_wording import rule_of_entry, rule_of_payer
from trueup.store.invoices.of_commit import obligations_of
from trueup.store.postgres.calendar import hour_of
from trueup.store.postgres.rows import fetch_all, fetch_one

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

_TRANSACTIONS = text(f"""
    SELECT transaction_id, {hour_of("at")} AS hour, CAST(contract_id AS text), CAST(product_id AS text),
           CAST(unit_id AS text), list_price, commit_price, pricing_group_values, presentation_group_values
      FROM usage_line
     WHERE account_id = :account_id AND customer_id = :customer_id AND NOT is_late
       AND at >= :starting_at AND at < :ending_before
     ORDER BY at, transaction_id
""")

_IS_COMMIT = text("SELECT true FROM commit WHERE account_id = :account_id AND id = :id")
_TRUE_UP_OF = text(f"""
    SELECT id FROM {obligations_of("= :id")} AS o WHERE kind = 'TRUE_UP'
     ORDER BY state = 'voided', id LIMIT 1
""")
_ITEM = text("""
    SELECT id, commit_id, kind, position, scheduled_at, due_at, state, reason, suppressed_by FROM obligation
     WHERE account_id = :account_id AND id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedEntry:
    """An entry of a commit's ledger, with what it was booked with.

    Attributes:
        balance: the segment's, after it.
        reason: an operator's words.
        segment: its position in the access schedule, from 0.
        invoice: the number of the invoice it was booked with.
        contract_id: of the usage period it was booked with.
        month: the start of that period.
    """

    id: UUID
    commit_id: UUID
    type: str
    amount: Decimal
    balance: Decimal
    effective_at: datetime
    booked_at: datetime
    reason: str | None
    segment_id: UUID | None
    segment: int | None
    invoice_id: UUID | None
    invoice: int | None
    period_id: UUID | None
    contract_id: UUID | None
    month: datetime | None

    @property
    def rule(self) -> str:
        """Rule by which it was booked."""
        return rule_of_entry(self.type, self.amount, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageShare:
    """Usage of one kind and price that one balance pays, or nobody: a line of a bill, or an hour of an open month.

    Attributes:
        period_id: of the closed period; None while the month is open.
        line: its position on the bill; None while the month is open.
        product: the product's name.
        hours: those of the month, from 0, of which it holds some; None: of all from its start to its end.
        commit_id: who pays; None: nobody, it is overage.
        segment: the position of the paying balance in its access schedule, from 0.
        criterion: which rule set the payer before the next balance that could have paid, if there was one.
        left: of an hour of an open month: what is left of the balance after it.
        entry: the number of the ledger entry that it was booked with, where entries are listed beside it.
        transaction_ids: of the lines behind it, where they were read.
    """

    period_id: UUID | None = None
    customer_id: UUID
    contract_id: UUID
    unit_id: UUID
    line: int | None = None
    product: str
    product_id: UUID
    quantity: Decimal
    is_rounded: bool
    unit_price: Decimal
    amount: Decimal
    pricing_group_values: Mapping[str, str] | None
    presentation_group_values: Mapping[str, str] | None
    starting_at: datetime
    ending_before: datetime
    hours: Sequence[int] | None = None
    commit_id: UUID | None
    segment_id: UUID | None
    segment: int | None = None
    criterion: int | None
    left: Decimal | None = None
    entry: int | None = None
    transaction_ids: Sequence[str] | None = None

    @property
    def rule(self) -> str:
        """Rule by which it was booked."""
        return rule_of_payer(self.criterion, is_paid=self.commit_id is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBalance:
    """Payment of a balance for a month's usage, below 0; what a postpaid commit covers is not subtracted."""

    name: str
    commit_id: UUID
    segment_id: UUID
    segment: int | None
    amount: Decimal
    is_subtracted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledItem:
    """An item of a commit's invoice schedule, or its true-up, and what became of it."""

    id: UUID
    commit_id: UUID
    kind: Literal["SCHEDULED", "TRUE_UP"]
    position: int
    scheduled_at: datetime
    due_at: datetime
    state: str
    reason: str | None
    suppressed_by: str | None


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
    """Tell whether the account has a commit or credit of this id."""
    return bool(connection.scalar(_IS_COMMIT, {"account_id": account_id, "id": commit_id}))


def true_up_of(connection: Connection, account_id: int, commit_id: UUID) -> UUID | None:
    """The id of a commit's true-up: of the one that is not void, if there is one."""
    found: UUID | None = connection.scalar(_TRUE_UP_OF, {"account_id": account_id, "id": commit_id})
    return found


def item_of_schedule(connection: Connection, account_id: int, obligation_id: UUID) -> ScheduledItem | None:
    """The obligation behind an invoice of a commit."""
    return fetch_one(connection, ScheduledItem, _ITEM, {"account_id": account_id, "id": obligation_id})


def entries_of_commit(connection: Connection, account_id: int, commit_id: UUID) -> list[ExplainedEntry]:
    """The commit's ledger in booking order."""
    given = {"account_id": account_id, "commit_ids": [commit_id]}
    return fetch_all(connection, ExplainedEntry, _OF_COMMIT_ENTRIES, given)


def entries_of_period(
    connection: Connection, account_id: int, period_id: UUID, commit_ids: Sequence[UUID]
) -> list[ExplainedEntry]:
    """Ledger entries that were booked with a usage period or an invoice, on these commits."""
    given = {"account_id": account_id, "id": period_id, "commit_ids": list(commit_ids)}
    return fetch_all(connection, ExplainedEntry, _OF_PERIOD_ENTRIES, given)


def usage_of_periods(connection: Connection, account_id: int, period_ids: Sequence[UUID]) -> list[UsageShare]:
    """Usage of closed periods, and who paid: the usage lines of their bills."""
    return fetch_all(connection, UsageShare, _USAGE, {"account_id": account_id, "period_ids": list(period_ids)})


def applied_in_period(connection: Connection, account_id: int, period_id: UUID) -> list[AppliedBalance]:
    """Payments of each balance for a closed period, below 0; what a postpaid commit covers was not subtracted."""
    return fetch_all(connection, AppliedBalance, _APPLIED, {"account_id": account_id, "id": period_id})


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
