"""Commits and credits with all that belongs to them, a page at a time, as the API tells them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.commits.details import USABLE, usable_balances
from trueup.store.invoices.unpaid_instalments import unpaid_instalments
from trueup.store.postgres.amounts import amounts_as_json

Record = dict[str, Any]

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

_OF_CUSTOMER = text(f"""
    {_COLUMNS}
       AND c.customer_id = :customer_id AND c.type = ANY(:types)
       AND (CAST(:id AS uuid) IS NULL OR c.id = :id)
       AND (CAST(:after AS uuid) IS NULL OR c.id > :after)
       AND (CAST(:access_type AS text) IS NULL OR c.access_type = :access_type)
       AND (:include_archived OR c.archived_at IS NULL)
       AND (CAST(:covering_date AS timestamptz) IS NULL OR EXISTS (
            {_ACCESS} AND s.starting_at <= :covering_date AND s.ending_before > :covering_date))
       AND (CAST(:starting_at AS timestamptz) IS NULL OR EXISTS ({_ACCESS} AND s.ending_before > :starting_at))
       AND (CAST(:effective_before AS timestamptz) IS NULL OR EXISTS (
            {_ACCESS} AND s.starting_at < :effective_before))
       AND (NOT :has_balance OR EXISTS (
            SELECT FROM account AS a CROSS JOIN LATERAL ({USABLE}) AS balances
             WHERE a.id = c.account_id AND usable > 0))
     ORDER BY c.id LIMIT :limit
""")

_BY_ID = text(f"{_COLUMNS} AND c.id = :id")
_BY_KEY = text(f"{_COLUMNS} AND c.uniqueness_key = :uniqueness_key")

_SEGMENTS = text("""
    SELECT s.commit_id, s.id, s.amount, s.starting_at, s.ending_before
      FROM segment AS s WHERE s.account_id = :account_id AND s.commit_id = ANY(:ids) AND s.amount > 0
     ORDER BY s.commit_id, s.position
""")

# A void invoice that has a successor gives its place to it.
_ITEMS = text("""
    SELECT DISTINCT ON (o.commit_id, o.position)
           o.commit_id, o.id, o.amount, o.quantity, o.unit_price, o.scheduled_at AS timestamp,
           CASE WHEN o.state IN ('issued', 'voided') THEN o.id END AS invoice_id
      FROM obligation AS o
     WHERE o.account_id = :account_id AND o.commit_id = ANY(:ids) AND o.suppressed_by IS DISTINCT FROM 'removed'
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


@dataclass(slots=True)
class CommitRecord:
    """A commit or credit: its own columns, and the rows that belong to it.

    Attributes:
        unpaid: instalments whose invoices are void; None: there are none.
        balance: what may be drawn now; None until `add_balances`.
        ledger: in the order of booking; None where it was not asked for.
    """

    columns: Mapping[str, Any]
    segments: list[Record] = field(default_factory=list)
    items: list[Record] = field(default_factory=list)
    unpaid: Decimal | None = None
    balance: Any = None
    ledger: list[Record] | None = None


def list_commit_records(
    connection: Connection, account_id: int, choice: Choice, *, limit: int, with_ledger: bool = False
) -> list[CommitRecord]:
    """A page in the order of ids."""
    chosen = {name: getattr(choice, name) for name in Choice.__slots__}
    as_parameters = {"types": list(choice.types), "left": amounts_as_json(choice.left)}
    found = _records(connection, _OF_CUSTOMER, account_id, limit=limit, **chosen | as_parameters)
    return _whole(connection, account_id, found, with_ledger=with_ledger)


def find_commit_record(
    connection: Connection,
    account_id: int,
    *,
    id: UUID | None = None,  # noqa: A002
    uniqueness_key: str | None = None,
) -> CommitRecord | None:
    """The commit or credit with this id, or with this key, with its ledger."""
    if id is not None:
        found = _records(connection, _BY_ID, account_id, id=id)
    else:
        found = _records(connection, _BY_KEY, account_id, uniqueness_key=uniqueness_key)
    whole = _whole(connection, account_id, found, with_ledger=True)
    return whole[0] if whole else None


def add_balances(
    connection: Connection, account_id: int, commits: Iterable[CommitRecord], left: Mapping[str, Decimal]
) -> None:
    """Adds what may be drawn now: what drafts leave of a segment, by id, and of others what the ledger says."""
    by_id = {each.columns["id"]: each for each in commits}
    for commit_id, balance in usable_balances(connection, account_id, by_id, left).items():
        by_id[commit_id].balance = balance


def _whole(connection: Connection, account_id: int, rows: list[Record], *, with_ledger: bool) -> list[CommitRecord]:
    found = {row["id"]: CommitRecord(row) for row in rows}
    ids = list(found)
    for commit_id, segments in _by_commit(connection, _SEGMENTS, account_id, ids).items():
        found[commit_id].segments = segments
    for commit_id, items in _by_commit(connection, _ITEMS, account_id, ids).items():
        found[commit_id].items = items
    for commit_id, unpaid in unpaid_instalments(connection, account_id, ids).items():
        found[commit_id].unpaid = unpaid
    if with_ledger:
        ledgers = _by_commit(connection, _LEDGERS, account_id, ids)
        for commit_id, commit in found.items():
            commit.ledger = ledgers.get(commit_id, [])
    return list(found.values())


def _by_commit(
    connection: Connection, statement: Any, account_id: int, ids: Collection[UUID], **more: Any
) -> Mapping[UUID, list[Record]]:
    by_commit: defaultdict[UUID, list[Record]] = defaultdict(list)
    if ids:
        for row in _records(connection, statement, account_id, ids=list(ids), **more):
            by_commit[row.pop("commit_id")].append(row)
    return by_commit


def _records(connection: Connection, statement: Any, account_id: int, **parameters: Any) -> list[Record]:
    rows = connection.execute(statement, {"account_id": account_id, **parameters})
    return [dict(row) for row in rows.mappings()]
