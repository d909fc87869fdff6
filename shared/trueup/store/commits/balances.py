"""Balances of a customer's commits and credits, and the catalog they are judged by: inputs of a burn-down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Row, TextClause, text

from trueup.domain.bills import Label
from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.values import Balance, CommitType, read_specifier

_BALANCES = """
    SELECT CAST(c.id AS text) AS commit_id, CAST(s.id AS text) AS segment_id, s.position, c.type,
           coalesce(ledger.available, 0) AS available, s.starting_at, s.ending_before,
           CAST(c.access_unit_id AS text) AS unit_id, c.priority,
           c.type = 'POSTPAID' OR c.type = 'PREPAID' AND c.invoice_unit_id IS NOT NULL AS paid, c.created_at,
           c.access_type, c.rate_type, CAST(c.applicable_contract_ids AS text[]) AS contract_ids,
           CAST(c.applicable_product_ids AS text[]) AS product_ids, c.applicable_product_tags AS product_tags,
           c.specifiers
      FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     CROSS JOIN LATERAL (
        SELECT sum(amount) AS available FROM ledger_entry
         WHERE account_id = c.account_id AND commit_id = c.id AND segment_id = s.id{left_out}) AS ledger
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.archived_at IS NULL
     ORDER BY c.id, s.position
"""
_ALL = text(_BALANCES.format(left_out=""))
_WITHOUT_TRUE_UPS = text(_BALANCES.format(left_out=" AND type <> 'POSTPAID_COMMIT_TRUEUP'"))
_BEFORE = text(
    _BALANCES.format(
        left_out=""" AND type !~ '_(TRUEUP|EXPIRATION)$'
           AND NOT EXISTS (SELECT FROM usage_period AS p WHERE p.account_id = ledger_entry.account_id
                              AND p.id = ledger_entry.period_id AND p.starting_at >= :since OFFSET 0)"""
    )
)

_LABELS = text("""
    SELECT CAST(c.id AS text) AS id, CAST(c.product_id AS text) AS product_id, coalesce(c.name, p.name) AS name
      FROM commit AS c JOIN product AS p ON p.account_id = c.account_id AND p.id = c.product_id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id
""")

_PRODUCTS = text("""
    SELECT CAST(id AS text) AS id, name, type, tags FROM product WHERE account_id = :account_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFilter:
    """Which commits and credits: all that is given must hold.

    Attributes:
        types: PREPAID, POSTPAID, CREDIT.
        ids: one of these.
        custom_fields: each of these, with this value.
    """

    types: Sequence[CommitType] | None = None
    ids: Sequence[UUID] | None = None
    custom_fields: Mapping[str, str] | None = None


def load_balances(connection: Connection, account_id: int, customer_id: UUID) -> list[Balance]:
    """Every segment of the customer's commits and credits, but for archived ones, with the sum of its entries."""
    return _load(connection, _ALL, account_id, customer_id)


def load_balances_without_true_ups(connection: Connection, account_id: int, customer_id: UUID) -> list[Balance]:
    """As `load_balances`, as if no true-up had been issued: what usage would still draw on then."""
    return _load(connection, _WITHOUT_TRUE_UPS, account_id, customer_id)


def load_balances_before(
    connection: Connection, account_id: int, customer_id: UUID, *, since: datetime
) -> list[Balance]:
    """As `load_balances`, as if no month from `since` on had been closed, nothing trued up, and nothing expired."""
    return _load(connection, _BEFORE, account_id, customer_id, since=since)


def _load(
    connection: Connection, statement: TextClause, account_id: int, customer_id: UUID, **more: object
) -> list[Balance]:
    rows = connection.execute(statement, {"account_id": account_id, "customer_id": customer_id, **more})
    return [_balance(row) for row in rows]


def load_labels(connection: Connection, account_id: int, customer_id: UUID) -> dict[str, Label]:
    """Names of the customer's commits and credits, by id."""
    rows = connection.execute(_LABELS, {"account_id": account_id, "customer_id": customer_id})
    return {row.id: Label(row.product_id, row.name) for row in rows}


def load_products(connection: Connection, account_id: int) -> Catalog:
    """The account's products, of every type."""
    rows = connection.execute(_PRODUCTS, {"account_id": account_id})
    return Catalog(Product(id=row.id, name=row.name, type=row.type, tags=frozenset(row.tags)) for row in rows)


def _balance(row: Row[tuple[object, ...]]) -> Balance:
    return Balance(
        commit_id=row.commit_id,
        segment_id=row.segment_id,
        position=row.position,
        type=row.type,
        available=row.available,
        starting_at=row.starting_at,
        ending_before=row.ending_before,
        unit_id=row.unit_id,
        priority=row.priority,
        paid=row.paid,
        created_at=row.created_at,
        access_type=row.access_type,
        rate_type=row.rate_type,
        applicable_contract_ids=frozenset(row.contract_ids or ()),
        applicable_product_ids=frozenset(row.product_ids or ()),
        applicable_product_tags=frozenset(row.product_tags or ()),
        specifiers=tuple(read_specifier(each) for each in row.specifiers or ()),
    )
