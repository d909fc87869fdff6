"""Commits as people read them: with segments, obligations and ledger, and what may be drawn of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.values import AccessType, CommitType, RateType
from trueup.store.invoices.of_commit import obligations_of
from trueup.store.postgres.amounts import amounts_as_json
from trueup.store.postgres.rows import fetch_all, fetch_one

# What may be drawn now: segments that are future or over count 0, and none counts below 0; drafts reserve, and `left`
# says what they leave, by segment.
USABLE = """
    SELECT greatest(0, coalesce(CAST(CAST(:left AS jsonb) ->> CAST(s.id AS text) AS numeric), sum(e.amount))) AS usable
      FROM segment s JOIN ledger_entry e
        ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE s.account_id = c.account_id AND s.commit_id = c.id
       AND s.starting_at <= coalesce(a.clock_at, now()) AND coalesce(a.clock_at, now()) < s.ending_before
     GROUP BY s.id
"""

_SHOW = text("""
    SELECT c.id, c.type, c.name, c.description, c.customer_id, c.product_id, c.priority, c.rate_type, c.access_type,
           c.access_unit_id, c.invoice_unit_id, c.invoice_contract_id, c.do_not_invoice, c.recurring_schedule,
           c.applicable_product_ids, c.applicable_product_tags, c.applicable_contract_ids, c.specifiers,
           c.custom_fields, c.netsuite_sales_order_id, c.salesforce_opportunity_id, c.uniqueness_key, c.batch_id,
           c.created_at, c.archived_at
      FROM commit c WHERE account_id = :account_id AND id = :id
""")

_SEGMENTS = text("""
    SELECT s.id, s.amount, s.starting_at, s.ending_before, coalesce(sum(e.amount), 0) AS balance
      FROM segment s
      LEFT JOIN ledger_entry e
             ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE s.account_id = :account_id AND s.commit_id = :id
     GROUP BY s.position, s.id, s.amount, s.starting_at, s.ending_before ORDER BY s.position
""")

_OBLIGATIONS = text(f"""
    SELECT id, kind, scheduled_at, due_at, unit_price, quantity, amount, state, suppressed_by, reason, settled_at
      FROM {obligations_of("= :id")} AS o ORDER BY position, id
""")

_BALANCES = text(f"""
    SELECT c.id, (SELECT coalesce(sum(usable), 0) FROM ({USABLE}) AS balances) AS balance
      FROM commit AS c JOIN account AS a ON a.id = c.account_id
     WHERE c.account_id = :account_id AND c.id = ANY(:ids)
""")

_LEDGER = text("""
    SELECT id, segment_id, type, amount, effective_at, booked_at, invoice_id, reason
      FROM ledger_entry WHERE account_id = :account_id AND commit_id = :id ORDER BY seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDetails:
    """Segment; `balance`: the sum of its entries."""

    id: UUID
    amount: Decimal
    starting_at: datetime
    ending_before: datetime
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationDetails:
    """Obligation: what is billed when, and whether it was."""

    id: UUID
    kind: str
    scheduled_at: datetime
    due_at: datetime
    unit_price: Decimal
    quantity: Decimal
    amount: Decimal
    state: str
    suppressed_by: str | None
    reason: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDetails:
    """A booking, with its sign."""

    id: UUID
    segment_id: UUID | None
    type: str
    amount: Decimal
    effective_at: datetime
    booked_at: datetime
    invoice_id: UUID | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDetails:
    """A commit or credit, and the rows that belong to it.

    Attributes:
        ledger: in the order of booking.
        balance: what can be used of it now; None where that was not asked for.
        unpaid: instalments whose invoices are void; None: there are none.
    """

    id: UUID
    type: CommitType
    name: str | None
    description: str | None
    customer_id: UUID
    product_id: UUID
    priority: Decimal
    rate_type: RateType
    access_type: AccessType
    access_unit_id: UUID
    invoice_unit_id: UUID | None
    invoice_contract_id: UUID | None
    do_not_invoice: bool
    recurring_schedule: dict[str, Any] | None
    applicable_product_ids: list[UUID] | None
    applicable_product_tags: list[str] | None
    applicable_contract_ids: list[UUID] | None
    specifiers: list[dict[str, Any]] | None
    custom_fields: dict[str, str] | None
    netsuite_sales_order_id: str | None
    salesforce_opportunity_id: str | None
    uniqueness_key: str | None
    batch_id: UUID | None
    created_at: datetime
    archived_at: datetime | None
    segments: list[SegmentDetails] = field(default_factory=list)
    obligations: list[ObligationDetails] = field(default_factory=list)
    ledger: list[EntryDetails] = field(default_factory=list)
    balance: Decimal | None = None
    unpaid: Decimal | None = None


def show_commit(connection: Connection, account_id: int, commit_id: UUID) -> CommitDetails | None:
    """One commit with its segments, obligations and ledger entries."""
    which = {"account_id": account_id, "id": commit_id}
    found = fetch_one(connection, CommitDetails, _SHOW, which)
    if found is None:
        return None
    return replace(
        found,
        segments=fetch_all(connection, SegmentDetails, _SEGMENTS, which),
        obligations=fetch_all(connection, ObligationDetails, _OBLIGATIONS, which),
        ledger=fetch_all(connection, EntryDetails, _LEDGER, which),
    )


def usable_balances(
    connection: Connection, account_id: int, ids: Collection[UUID], left: Mapping[str, Decimal]
) -> dict[UUID, Decimal]:
    """Usable balance of each of these commits and credits, now.

    Args:
        connection: a transaction.
        account_id: whose commits.
        ids: theirs.
        left: what drafts leave of the segments that they draw on, by id; of the others there is what the ledger says.
    """
    given = {"account_id": account_id, "ids": list(ids), "left": amounts_as_json(left)}
    return {row.id: row.balance for row in connection.execute(_BALANCES, given)}
