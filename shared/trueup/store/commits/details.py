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
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage

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

_INDEXED = {
    "customer_id": "customer_id = :customer_id",
    "uniqueness_key": "uniqueness_key = :uniqueness_key",
    "after": "id > :after",
}


def _searched(given: str) -> str:
    return f"commit WHERE account_id = :account_id{given} ORDER BY id"


_LIST = Filtered(
    lambda given: text(f"""
    SELECT c.id, c.type, c.name, c.customer_id, u.name AS customer, c.priority, c.uniqueness_key, c.created_at,
           (SELECT sum(amount) FROM segment s WHERE s.account_id = c.account_id AND s.commit_id = c.id) AS amount
      FROM (SELECT * FROM (SELECT * FROM {_searched(given)} LIMIT {SEARCHED_ROWS_MAX}) AS searched
             WHERE CAST(:type AS text) IS NULL OR type = :type ORDER BY id LIMIT :limit) AS c
      LEFT JOIN customer u ON u.account_id = c.account_id AND u.id = c.customer_id
     ORDER BY c.id
"""),
    _INDEXED,
)

_LAST_SEARCHED = Filtered(
    lambda given: text(f"SELECT id FROM {_searched(given)} OFFSET {SEARCHED_ROWS_MAX - 1} LIMIT 1"), _INDEXED
)

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
class ListedCommit:
    """A commit or credit in a list.

    Attributes:
        customer: the customer's name; None where the catalog has lost it.
        amount: the sum of its segments.
        balance: what can be used of it now; None where that was not asked for.
        unpaid: instalments whose invoices are void; None: there are none.
    """

    id: UUID
    type: CommitType
    name: str | None
    customer_id: UUID
    customer: str | None
    priority: Decimal
    uniqueness_key: str | None
    created_at: datetime
    amount: Decimal
    balance: Decimal | None = None
    unpaid: Decimal | None = None


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


def list_commits(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    customer_id: UUID | None = None,
    commit_type: str | None = None,
    uniqueness_key: str | None = None,
    after: UUID | None = None,
) -> SearchPage[ListedCommit, UUID]:
    """Commits and credits in the order of their ids; of a type, for which there is no index, among the next 5,000.

    Args:
        connection: a transaction.
        account_id: whose.
        limit: at most this many.
        customer_id: of this customer only.
        commit_type: of this type only.
        uniqueness_key: with this key only.
        after: the id to which the page before has searched.
    """
    chosen = {"customer_id": customer_id, "type": commit_type, "uniqueness_key": uniqueness_key, "after": after}
    which = {"account_id": account_id, "limit": limit, **chosen}
    found = fetch_all(connection, ListedCommit, _LIST.given(which), which)
    if len(found) == limit:
        return SearchPage(found, found[-1].id)
    return SearchPage(found, connection.scalar(_LAST_SEARCHED.given(which), which))


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
