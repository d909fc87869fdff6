"""Commits and credits with all that belongs to them, a page at a time, as the API tells them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from trueup.domain.burndown.values import AccessType, CommitType, RateType
from trueup.store.commits.details import USABLE, usable_balances
from trueup.store.invoices.of_commit import obligations_of
from trueup.store.invoices.unpaid_instalments import unpaid_instalments
from trueup.store.postgres.amounts import amounts_as_json
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all

_COLUMNS = """
    SELECT c.id, c.type, c.customer_id, c.name, c.description, c.priority, c.rate_type, c.access_type,
           c.access_unit_id, access_unit.name AS access_unit, c.invoice_unit_id, invoice_unit.name AS invoice_unit,
           c.invoice_contract_id, c.do_not_invoice, c.product_id, product.name AS product,
           c.applicable_product_ids, c.applicable_product_tags, c.applicable_contract_ids, c.specifiers,
           c.custom_fields, c.netsuite_sales_order_id, c.salesforce_opportunity_id, c.uniqueness_key, c.created_at,
           c.archived_at
      FROM commit AS c
      LEFT JOIN product ON product.account_id = c.account_id AND product.id = c.product_id
      LEFT JOIN unit AS access_unit ON access_unit.account_id = c.account_id AND access_unit.id = c.access_unit_id
      LEFT JOIN unit AS invoice_unit ON invoice_unit.account_id = c.account_id AND invoice_unit.id = c.invoice_unit_id
     WHERE c.account_id = :account_id
"""

# What an edit took away, and what was ended before it began, is no access.
_ACCESS = """
    SELECT FROM segment AS s WHERE s.account_id = c.account_id AND s.commit_id = c.id
       AND s.amount > 0 AND s.starting_at < s.ending_before
"""

_OF_CUSTOMER = Filtered(
    lambda given: text(f"""
    {_COLUMNS}
       AND c.customer_id = :customer_id AND c.type = ANY(:types){given}
     ORDER BY c.id LIMIT :limit
"""),
    {
        "id": "c.id = :id",
        "after": "c.id > :after",
        "access_type": "c.access_type = :access_type",
        "is_current": "c.archived_at IS NULL",
        "covering_date": f"EXISTS ({_ACCESS} AND s.starting_at <= :covering_date AND s.ending_before > :covering_date)",
        "starting_at": f"EXISTS ({_ACCESS} AND s.ending_before > :starting_at)",
        "effective_before": f"EXISTS ({_ACCESS} AND s.starting_at < :effective_before)",
        "has_balance": f"""EXISTS (
            SELECT FROM account AS a CROSS JOIN LATERAL ({USABLE}) AS balances
             WHERE a.id = c.account_id AND usable > 0)""",
    },
)

_BY_ID = text(f"{_COLUMNS} AND c.id = :which")
_BY_IDS = text(f"{_COLUMNS} AND c.id = ANY(CAST(:ids AS uuid[]))")
_BY_KEY = text(f"{_COLUMNS} AND c.uniqueness_key = :which")

_SEGMENTS = text("""
    SELECT s.commit_id, s.id, s.amount, s.starting_at, s.ending_before
      FROM segment AS s WHERE s.account_id = :account_id AND s.commit_id = ANY(:ids) AND s.amount > 0
     ORDER BY s.commit_id, s.position
""")

# A void invoice that has a successor gives its place to it.
_ITEMS = text(f"""
    SELECT DISTINCT ON (o.commit_id, o.position)
           o.commit_id, o.id, o.amount, o.quantity, o.unit_price, o.scheduled_at AS timestamp,
           CASE WHEN o.state IN ('issued', 'voided') THEN o.id END AS invoice_id
      FROM {obligations_of("= ANY(:ids)")} AS o
     WHERE o.suppressed_by IS DISTINCT FROM 'removed'
     ORDER BY o.commit_id, o.position, o.state = 'voided', o.id DESC
""")

_LEDGERS = text("""
    SELECT commit_id, type, amount, effective_at, segment_id, coalesce(invoice_id, period_id) AS invoice_id, reason
      FROM ledger_entry WHERE account_id = :account_id AND commit_id = ANY(:ids) ORDER BY commit_id, seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a customer's commits or credits.

    Attributes:
        types: PREPAID, POSTPAID, CREDIT.
        covering_date: access at this instant.
        starting_at: any access at this instant or later.
        effective_before: any access before this instant.
        has_balance: there is something left to draw now.
        left: what drafts leave of the segments that they draw on, by id: they reserve it.
        after: the last id of the page before.
    """

    customer_id: UUID
    types: Sequence[str]
    id: UUID | None = None
    access_type: str | None = None
    covering_date: datetime | None = None
    starting_at: datetime | None = None
    effective_before: datetime | None = None
    include_archived: bool = False
    has_balance: bool = False
    left: Mapping[str, Decimal] = field(default_factory=dict)
    after: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Segment: when how much may be drawn, in the unit of access."""

    commit_id: UUID
    id: UUID
    amount: Decimal
    starting_at: datetime
    ending_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceItem:
    """Item of an invoice schedule; `invoice_id` once it was billed."""

    commit_id: UUID
    id: UUID
    amount: Decimal
    quantity: Decimal
    unit_price: Decimal
    timestamp: datetime
    invoice_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A booking, with its sign; `invoice_id` is that of an invoice, or of a usage period."""

    commit_id: UUID
    type: str
    amount: Decimal
    effective_at: datetime
    segment_id: UUID | None
    invoice_id: UUID | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRecord:
    """A commit or credit, and the rows that belong to it.

    Attributes:
        product: the product's name; as those of the units, None where the catalog has lost it.
        unpaid: instalments whose invoices are void; None: there are none.
        balance: what may be drawn now; None until `with_balances`.
        ledger: in the order of booking; None where it was not asked for.
    """

    id: UUID
    type: CommitType
    customer_id: UUID
    name: str | None
    description: str | None
    priority: Decimal
    rate_type: RateType
    access_type: AccessType
    access_unit_id: UUID
    access_unit: str | None
    invoice_unit_id: UUID | None
    invoice_unit: str | None
    invoice_contract_id: UUID | None
    do_not_invoice: bool
    product_id: UUID
    product: str | None
    applicable_product_ids: list[UUID] | None
    applicable_product_tags: list[str] | None
    applicable_contract_ids: list[UUID] | None
    specifiers: list[dict[str, Any]] | None
    custom_fields: dict[str, str] | None
    netsuite_sales_order_id: str | None
    salesforce_opportunity_id: str | None
    uniqueness_key: str | None
    created_at: datetime
    archived_at: datetime | None
    segments: Sequence[Segment] = ()
    items: Sequence[InvoiceItem] = ()
    unpaid: Decimal | None = None
    balance: Decimal | None = None
    ledger: Sequence[LedgerEntry] | None = None


def list_commit_records(
    connection: Connection, account_id: int, choice: Choice, *, limit: int, with_ledger: bool = False
) -> list[CommitRecord]:
    """A page in the order of ids."""
    chosen = {name: getattr(choice, name) for name in Choice.__slots__}
    as_parameters = {
        "types": list(choice.types),
        "left": amounts_as_json(choice.left),
        "is_current": not choice.include_archived,
    }
    which = {"account_id": account_id, "limit": limit, **chosen, **as_parameters}
    found = fetch_all(connection, CommitRecord, _OF_CUSTOMER.given(which), which)
    return _whole(connection, account_id, found, with_ledger=with_ledger)


def find_commit_record(
    connection: Connection,
    account_id: int,
    *,
    id: UUID | None = None,  # noqa: A002
    uniqueness_key: str | None = None,
) -> CommitRecord | None:
    """The commit or credit with this id, or with this key, with its ledger."""
    statement, which = (_BY_KEY, uniqueness_key) if id is None else (_BY_ID, id)
    found = fetch_all(connection, CommitRecord, statement, {"account_id": account_id, "which": which})
    whole = _whole(connection, account_id, found, with_ledger=True)
    return whole[0] if whole else None


def commit_records(connection: Connection, account_id: int, ids: Collection[UUID]) -> list[CommitRecord]:
    """Commits and credits by their ids, with their ledgers."""
    found = fetch_all(connection, CommitRecord, _BY_IDS, {"account_id": account_id, "ids": list(ids)})
    return _whole(connection, account_id, found, with_ledger=True)


def with_balances(
    connection: Connection, account_id: int, commits: Iterable[CommitRecord], left: Mapping[str, Decimal]
) -> list[CommitRecord]:
    """The same with what may be drawn now: what drafts leave of a segment, by id; of others what the ledger says."""
    by_id = {each.id: each for each in commits}
    balances = usable_balances(connection, account_id, by_id, left)
    return [replace(each, balance=balances.get(each.id)) for each in by_id.values()]


def _whole(
    connection: Connection, account_id: int, commits: Sequence[CommitRecord], *, with_ledger: bool
) -> list[CommitRecord]:
    ids = [each.id for each in commits]
    segments = _by_commit(connection, _SEGMENTS, Segment, account_id, ids)
    items = _by_commit(connection, _ITEMS, InvoiceItem, account_id, ids)
    unpaid = unpaid_instalments(connection, account_id, ids)
    ledgers = _by_commit(connection, _LEDGERS, LedgerEntry, account_id, ids) if with_ledger else None
    return [
        replace(
            each,
            segments=segments.get(each.id, ()),
            items=items.get(each.id, ()),
            unpaid=unpaid.get(each.id),
            ledger=None if ledgers is None else ledgers.get(each.id, ()),
        )
        for each in commits
    ]


class _OfCommit(Protocol):
    @property
    def commit_id(self) -> UUID: ...


T = TypeVar("T", bound=_OfCommit)


def _by_commit(
    connection: Connection, statement: TextClause, kind: type[T], account_id: int, ids: Collection[UUID]
) -> Mapping[UUID, Sequence[T]]:
    by_commit: defaultdict[UUID, list[T]] = defaultdict(list)
    if ids:
        for each in fetch_all(connection, kind, statement, {"account_id": account_id, "ids": list(ids)}):
            by_commit[each.commit_id].append(each)
    return by_commit
