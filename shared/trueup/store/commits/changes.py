"""Changing commits that exist: what a change reads, locks and writes.

Changes are rare: they are written row by row. A segment's opening entries add up to its amount, whatever was changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, null, text, update

from trueup.domain.burndown.values import AccessType, CommitType, RateType
from trueup.ids import new_id
from trueup.store.invoices.drafts import BEFORE
from trueup.store.invoices.of_commit import obligations_of
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.tables import commit
from trueup.store.usage.months import lock_customer

UNSETTLED = ("pending", "held", "parked")
Suppression = Literal["true_up_disabled", "archived", "invoices_ended", "removed"]

_CUSTOMER = text("SELECT customer_id FROM commit WHERE account_id = :account_id AND id = :commit_id")
# Which balance comes first decides about all true-ups of a customer: they are held together, in the order of their ids.
_LOCK_OBLIGATIONS = text(f"""
    SELECT o.id FROM obligation AS o
     WHERE o.account_id = :account_id AND o.id IN (
        SELECT found.id FROM (
            SELECT CAST(:commit_id AS uuid) AS id
            UNION ALL
            SELECT other.id FROM commit AS c
              JOIN commit AS other ON other.account_id = c.account_id AND other.customer_id = c.customer_id
                                  AND other.type = 'POSTPAID'
             WHERE c.account_id = :account_id AND c.id = :commit_id AND c.type = 'POSTPAID') AS chosen
         CROSS JOIN LATERAL {obligations_of("= chosen.id")} AS found)
     ORDER BY o.id FOR UPDATE
""")

_COMMIT = text("""
    SELECT id, type, customer_id, product_id, name, description, priority, rate_type, access_type, access_unit_id,
           invoice_unit_id, invoice_contract_id, do_not_invoice, applicable_product_ids, applicable_product_tags,
           applicable_contract_ids, specifiers, archived_at
      FROM commit WHERE account_id = :account_id AND id = :commit_id
""")

# What closed periods drew of a segment, and from when until when: by their lines, which know the hours.
_SEGMENTS = text("""
    WITH entry AS MATERIALIZED (
        SELECT segment_id, period_id, sum(amount) AS amount FROM ledger_entry
         WHERE account_id = :account_id AND commit_id = :commit_id GROUP BY segment_id, period_id
    ), balance AS (
        SELECT segment_id, sum(amount) AS amount FROM entry GROUP BY segment_id
    ), drawn AS (
        SELECT e.segment_id, min(coalesce(l.starting_at, p.starting_at)) AS starting_at,
               max(coalesce(l.ending_before, p.ending_before)) AS ending_before
          FROM entry AS e JOIN usage_period AS p ON p.account_id = :account_id AND p.id = e.period_id
         CROSS JOIN LATERAL (
            SELECT min(starting_at) AS starting_at, max(ending_before) AS ending_before FROM invoice_line
             WHERE account_id = :account_id AND invoice_id = p.id AND kind = 'usage' AND segment_id = e.segment_id) AS l
         WHERE e.amount <> 0 AND p.voided_at IS NULL
         GROUP BY e.segment_id
    )
    SELECT s.id, s.position, s.amount, s.starting_at, s.ending_before, s.expires,
           coalesce(balance.amount, 0) AS balance, drawn.starting_at AS drawn_from, drawn.ending_before AS drawn_until
      FROM segment AS s
      LEFT JOIN balance ON balance.segment_id = s.id
      LEFT JOIN drawn ON drawn.segment_id = s.id
     WHERE s.account_id = :account_id AND s.commit_id = :commit_id ORDER BY s.position
""")

_ITEMS = text(f"""
    SELECT o.id, o.position, o.kind, o.state, o.scheduled_at, o.due_at, o.unit_price, o.quantity, o.amount,
           o.suppressed_by
      FROM {obligations_of("= :commit_id")} AS o
     WHERE NOT EXISTS (SELECT FROM obligation AS n WHERE n.account_id = :account_id AND n.regenerated_from_id = o.id)
     ORDER BY o.position
""")

_CHANGE_SEGMENT = text("""
    UPDATE segment SET amount = :amount, starting_at = :starting_at, ending_before = :ending_before
     WHERE account_id = :account_id AND commit_id = :commit_id AND id = :id
""")
_ADD_SEGMENT = text("""
    INSERT INTO segment (account_id, commit_id, position, id, amount, starting_at, ending_before, expires,
                         granted_at)
    SELECT c.account_id, c.id, :position, :segment_id, :amount, :starting_at, :ending_before, c.type <> 'POSTPAID',
           coalesce(a.clock_at, now())
      FROM commit AS c JOIN account AS a ON a.id = c.account_id
     WHERE c.account_id = :account_id AND c.id = :commit_id
""")
_OPEN = text("""
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
    SELECT c.account_id, c.id, :segment_id,
           CASE c.type WHEN 'PREPAID' THEN 'PREPAID_COMMIT_SEGMENT_START' WHEN 'CREDIT' THEN 'CREDIT_SEGMENT_START'
                       ELSE 'POSTPAID_COMMIT_INITIAL_BALANCE' END,
           :amount, CASE c.type WHEN 'POSTPAID' THEN coalesce(a.clock_at, now()) ELSE :starting_at END
      FROM commit AS c JOIN account AS a ON a.id = c.account_id
     WHERE c.account_id = :account_id AND c.id = :commit_id
""")
# A postpaid commit's counts from its creation, wherever its access starts.
_TAKE_OPENINGS_BACK = text("""
    WITH taken_back AS (
        INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
        SELECT account_id, commit_id, segment_id, type, -sum(amount), effective_at FROM ledger_entry
         WHERE account_id = :account_id AND commit_id = :commit_id AND segment_id = :segment_id
           AND type IN ('PREPAID_COMMIT_SEGMENT_START', 'CREDIT_SEGMENT_START')
         GROUP BY account_id, commit_id, segment_id, type, effective_at HAVING sum(amount) <> 0
         ORDER BY effective_at
        RETURNING amount
    )
    SELECT coalesce(-sum(amount), 0) FROM taken_back
""")

_CHANGE_ITEM = text("""
    UPDATE obligation SET scheduled_at = :scheduled_at, due_at = :due_at, unit_price = :unit_price,
           quantity = :quantity, amount = :amount,
           instalments_before = CASE WHEN amount = :amount THEN instalments_before END
     WHERE account_id = :account_id AND id = :id
""")
# What is due of an instalment depends on those before it, as they were agreed: no edit of another one changes it.
_LIST_INSTALMENTS = text(f"""
    UPDATE obligation AS o SET instalments_before = {BEFORE}
      FROM commit AS c
     WHERE c.account_id = :account_id AND c.id = :commit_id AND c.recurring_schedule IS NOT NULL
       AND o.account_id = :account_id AND o.commit_id = :commit_id
""")
_ADD_ITEM = text("""
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount, suppressed_by)
    SELECT account_id, :item_id, id, :position, 'SCHEDULED', :scheduled_at, :scheduled_at, :unit_price, :quantity,
           :amount, CASE WHEN do_not_invoice THEN 'do_not_invoice' END
      FROM commit WHERE account_id = :account_id AND id = :commit_id
""")
# An instalment has nothing to wait for. A true-up stays until it is due: usage draws on until then, the rest expires.
# What is void stays void, and so is what it is made anew as: not invoiced.
_SUPPRESS = text("""
    UPDATE obligation
       SET suppressed_by = :why,
           state = CASE WHEN state = 'voided' THEN state WHEN kind = 'TRUE_UP' THEN 'pending' ELSE 'suppressed' END,
           reason = CASE WHEN state = 'voided' THEN reason WHEN kind = 'TRUE_UP' THEN NULL ELSE :why END,
           settled_at = CASE WHEN state = 'voided' THEN settled_at WHEN kind = 'TRUE_UP' THEN NULL ELSE now() END
     WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it is.

    Attributes:
        expires: whether what is left is still to expire; never for a POSTPAID commit.
        balance: the sum of its entries.
        drawn_from: the first hour of closed usage that it paid for; None: none did.
        drawn_until: the end of the last hour.
    """

    id: UUID
    position: int
    amount: Decimal
    starting_at: datetime
    ending_before: datetime
    expires: bool
    balance: Decimal
    drawn_from: datetime | None
    drawn_until: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the invoice schedule as it is: its obligation, the last one if it was regenerated."""

    id: UUID
    position: int
    kind: Literal["SCHEDULED", "TRUE_UP"]
    state: str
    scheduled_at: datetime
    due_at: datetime
    unit_price: Decimal
    quantity: Decimal
    amount: Decimal
    suppressed_by: str | None

    @property
    def is_open(self) -> bool:
        """Tell whether it is neither settled nor void."""
        return self.state in UNSETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A locked commit or credit as it is, its segments and its items in the order of their positions."""

    id: UUID
    type: CommitType
    customer_id: UUID
    product_id: UUID
    name: str | None
    description: str | None
    priority: Decimal
    rate_type: RateType
    access_type: AccessType
    access_unit_id: UUID
    invoice_unit_id: UUID | None
    invoice_contract_id: UUID | None
    do_not_invoice: bool
    applicable_product_ids: Sequence[UUID] | None
    applicable_product_tags: Sequence[str] | None
    applicable_contract_ids: Sequence[UUID] | None
    specifiers: Sequence[Mapping[str, Any]] | None
    archived_at: datetime | None
    segments: Sequence[Segment] = ()
    items: Sequence[Item] = ()

    @property
    def true_up(self) -> Item:
        """The one item of a POSTPAID commit."""
        return next(item for item in self.items if item.kind == "TRUE_UP")


def lock_commit(connection: Connection, account_id: int, commit_id: UUID) -> Stored | None:
    """Keep a commit from being invoiced, drawn, closed and changed by others until the transaction ends; reads it."""
    which = {"account_id": account_id, "commit_id": commit_id}
    customer_id = connection.scalar(_CUSTOMER, which)
    if customer_id is None:
        return None
    connection.execute(_LOCK_OBLIGATIONS, which)
    lock_customer(connection, account_id, customer_id)
    found = fetch_one(connection, Stored, _COMMIT, which)
    segments = fetch_all(connection, Segment, _SEGMENTS, which)
    return found and replace(found, segments=segments, items=fetch_all(connection, Item, _ITEMS, which))


def change_columns(connection: Connection, account_id: int, commit_id: UUID, values: Mapping[str, Any]) -> None:
    """Write columns of the commit's own row; None is SQL's null, for JSON too."""
    which = (commit.c.account_id == account_id, commit.c.id == commit_id)
    written = {name: null() if value is None else value for name, value in values.items()}
    connection.execute(update(commit).where(*which).values(written))


def change_segment(
    connection: Connection,
    account_id: int,
    commit_id: UUID,
    segment: Segment,
    *,
    amount: Decimal,
    starting_at: datetime,
    ending_before: datetime,
) -> None:
    """Change a segment, and books the difference of its amount; where its start moves, all of it at the new start."""
    of_commit = {"account_id": account_id, "commit_id": commit_id}
    window = {"starting_at": starting_at, "ending_before": ending_before}
    connection.execute(_CHANGE_SEGMENT, of_commit | window | {"id": segment.id, "amount": amount})
    opened = segment.amount
    if starting_at != segment.starting_at:
        opened -= connection.execute(_TAKE_OPENINGS_BACK, of_commit | {"segment_id": segment.id}).scalar_one()
    if amount != opened:
        opening = {"segment_id": segment.id, "amount": amount - opened, "starting_at": starting_at}
        connection.execute(_OPEN, of_commit | opening)


def add_segment(
    connection: Connection,
    account_id: int,
    commit_id: UUID,
    *,
    position: int,
    amount: Decimal,
    starting_at: datetime,
    ending_before: datetime,
) -> UUID:
    """Add a segment with its opening entry; returns its id."""
    added = new_id()
    made = {"account_id": account_id, "commit_id": commit_id, "segment_id": added, "amount": amount}
    window = {"starting_at": starting_at, "ending_before": ending_before}
    connection.execute(_ADD_SEGMENT, made | window | {"position": position})
    connection.execute(_OPEN, made | {"starting_at": starting_at})
    return added


def list_instalments(connection: Connection, account_id: int, commit_id: UUID) -> None:
    """Make the instalments of a recurring schedule a list of items; what is due of each stays as it is."""
    connection.execute(_LIST_INSTALMENTS, {"account_id": account_id, "commit_id": commit_id})
    change_columns(connection, account_id, commit_id, {"recurring_schedule": None})


def change_item(
    connection: Connection,
    account_id: int,
    item_id: UUID,
    *,
    scheduled_at: datetime,
    due_at: datetime,
    charge: tuple[Decimal, Decimal, Decimal],
) -> None:
    """Change an item; the charge is its unit price, quantity and amount."""
    times = {"scheduled_at": scheduled_at, "due_at": due_at}
    connection.execute(_CHANGE_ITEM, {"account_id": account_id, "id": item_id, **times, **_priced(charge)})


def add_item(
    connection: Connection,
    account_id: int,
    commit_id: UUID,
    *,
    position: int,
    scheduled_at: datetime,
    charge: tuple[Decimal, Decimal, Decimal],
) -> UUID:
    """Add an item to the schedule of a PREPAID commit; returns its id."""
    added = new_id()
    which = {"account_id": account_id, "commit_id": commit_id, "item_id": added, "position": position}
    connection.execute(_ADD_ITEM, which | {"scheduled_at": scheduled_at, **_priced(charge)})
    return added


def suppress_items(connection: Connection, account_id: int, ids: Sequence[UUID], why: Suppression) -> None:
    """Make sure that these items are never invoiced."""
    connection.execute(_SUPPRESS, {"account_id": account_id, "ids": list(ids), "why": why})


def _priced(charge: tuple[Decimal, Decimal, Decimal]) -> dict[str, Decimal]:
    return dict(zip(("unit_price", "quantity", "amount"), charge, strict=True))
