"""A customer's invoices by date, drafts of its obligations among them, and what stands on them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from trueup.domain.burndown.values import AccessType, CommitType
from trueup.store.invoices.drafts import IS_OPEN, read_drafts, select_drafts
from trueup.store.invoices.invoice import STORED, Invoice, InvoiceType, Status, lines_of
from trueup.store.postgres.calendar import months_later
from trueup.store.postgres.rows import fetch_all


class Place(NamedTuple):
    """Place of an invoice among a customer's others."""

    issued_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceChoice:
    """Which of a customer's invoices, and in which order.

    Attributes:
        id: this one only.
        starting_on: inclusive: their period starts then or later; that of an instalment or true-up is its date alone.
        ending_before: exclusive, as the end of a period is: a month that ends then lies before it.
        descending: newest first.
        after: the last one of the page before.
    """

    customer_id: UUID
    id: UUID | None = None
    contract_id: UUID | None = None
    unit_id: UUID | None = None
    status: Status | None = None
    type: InvoiceType | None = None
    starting_on: datetime | None = None
    ending_before: datetime | None = None
    descending: bool = False
    after: Place | None = None


_STORED = f"""
    {STORED}
     WHERE i.account_id = :account_id AND i.customer_id = :customer_id {{conditions}}
     ORDER BY i.issued_at {{order}}, i.id {{order}} LIMIT :limit
"""
_OF_STORED = {
    "id": "i.id = :id",
    "contract_id": "i.contract_id = :contract_id",
    "unit_id": "i.unit_id = :unit_id",
    "status": "i.status = :status",
    "type": "i.type = :type",
    "starting_on": "coalesce(p.starting_at, i.issued_at) >= :starting_on",
    "ending_before": "(i.issued_at < :ending_before OR i.type = 'USAGE' AND i.issued_at = :ending_before)",
    "after": "(i.issued_at, i.id) {beyond} (:after_at, :after_id)",
}

_BY_IDS = text(f"{STORED} WHERE i.account_id = :account_id AND i.id = ANY(CAST(:ids AS uuid[]))")

# OFFSET 0: from the customer's commits to theirs, whatever the statistics say; else all the account's are read.
_OPEN = f"""
    SELECT o.*, 1 AS turn
      FROM commit AS c
     CROSS JOIN LATERAL (
        SELECT * FROM obligation
         WHERE account_id = :account_id AND commit_id = c.id AND state <> 'voided'
           AND {IS_OPEN} AND suppressed_by IS NULL OFFSET 0) AS o
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id {{conditions}}
     ORDER BY o.scheduled_at {{order}}, o.id {{order}} LIMIT :limit
"""
_OF_OPEN = {
    "id": "o.id = :id AND c.id = (SELECT commit_id FROM obligation WHERE account_id = :account_id AND id = :id)",
    "contract_id": "c.invoice_contract_id = :contract_id",
    "unit_id": "c.invoice_unit_id = :unit_id",
    "starting_on": "o.scheduled_at >= :starting_on",
    "ending_before": "o.scheduled_at < :ending_before",
    "after": "(o.scheduled_at, o.id) {beyond} (:after_at, :after_id)",
}

_CUSTOMERS = text("""
    SELECT o.id, c.customer_id
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.id = ANY(CAST(:ids AS uuid[]))
""")

_OPEN_MONTHS = text(f"""
    SELECT {months_later("starting_at")} FROM usage_month
     WHERE account_id = :account_id AND customer_id = :customer_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicedProduct:
    """Product of a line, as an invoice tells of it."""

    id: UUID
    type: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicedCommit:
    """Commit or credit that is charged for, or that pays, as an invoice tells of it."""

    id: UUID
    type: CommitType
    access_type: AccessType
    custom_fields: Mapping[str, str] | None
    netsuite_sales_order_id: str | None
    salesforce_opportunity_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicedContract:
    """Contract, as an invoice tells of it."""

    id: UUID
    net_payment_terms_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicedCustomer:
    """Customer, as an invoice tells of it beside the name."""

    id: UUID
    custom_fields: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Details:
    """Records that invoices refer to, by id."""

    products: Mapping[UUID, InvoicedProduct]
    commits: Mapping[UUID, InvoicedCommit]
    contracts: Mapping[UUID, InvoicedContract]
    customers: Mapping[UUID, InvoicedCustomer]


def stored_invoices(connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int) -> list[Invoice]:
    """Finalized and void ones, with their lines."""
    if choice.status == "DRAFT":
        return []
    statement, given = _asked(_STORED, _OF_STORED, choice)
    heads = fetch_all(connection, Invoice, text(statement), {"account_id": account_id, "limit": limit, **given})
    lines = lines_of(connection, account_id, [head.id for head in heads])
    return [replace(head, lines=lines[head.id]) for head in heads]


def invoices_by_ids(connection: Connection, account_id: int, ids: Collection[UUID]) -> list[Invoice]:
    """Finalized and void ones by their ids, with their lines."""
    heads = fetch_all(connection, Invoice, _BY_IDS, {"account_id": account_id, "ids": list(ids)})
    lines = lines_of(connection, account_id, [head.id for head in heads])
    return [replace(head, lines=lines[head.id]) for head in heads]


def scheduled_drafts(
    connection: Connection,
    account_id: int,
    choice: InvoiceChoice,
    *,
    limit: int,
    open_draws: Mapping[UUID, Decimal],
) -> list[Invoice]:
    """Drafts of obligations as things stand, each with its one line; held and parked ones too, and why.

    `open_draws`: what usage that is not in the ledger takes from POSTPAID commits, by their ids.
    """
    if choice.status not in (None, "DRAFT") or choice.type == "USAGE":
        return []
    obligations, given = _asked(_OPEN, _OF_OPEN, choice)
    found = read_drafts(connection, account_id, select_drafts(obligations), {"limit": limit, **given}, open_draws)
    return [each.invoice for each in found]


def customers_of_obligations(connection: Connection, account_id: int, ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Obligations, each with the customer that owes it."""
    found = connection.execute(_CUSTOMERS, {"account_id": account_id, "ids": list(ids)})
    return [(row.id, row.customer_id) for row in found]


def ends_of_open_months(connection: Connection, account_id: int, customer_id: UUID) -> list[datetime]:
    """End of the months that have usage and are not closed."""
    return list(connection.scalars(_OPEN_MONTHS, {"account_id": account_id, "customer_id": customer_id}))


def details_of(connection: Connection, account_id: int, invoices: Collection[Invoice]) -> Details:
    """Record that the invoices and their lines refer to, where the catalog has them."""
    lines = [line for invoice in invoices for line in invoice.lines]

    def by_id(kind: type[D], ids: Iterable[UUID | None]) -> dict[UUID, D]:
        wanted = {each for each in ids if each is not None}
        given = {"account_id": account_id, "ids": list(wanted)}
        return {row.id: row for row in fetch_all(connection, kind, _DETAILS[kind], given)} if wanted else {}

    return Details(
        products=by_id(InvoicedProduct, (line.product_id for line in lines)),
        commits=by_id(InvoicedCommit, [each.commit_id for each in lines] + [each.commit_id for each in invoices]),
        contracts=by_id(InvoicedContract, (invoice.contract_id for invoice in invoices)),
        customers=by_id(InvoicedCustomer, (invoice.customer_id for invoice in invoices)),
    )


D = TypeVar("D", InvoicedProduct, InvoicedCommit, InvoicedContract, InvoicedCustomer)

_TABLES = {
    InvoicedProduct: "product",
    InvoicedCommit: "commit",
    InvoicedContract: "contract",
    InvoicedCustomer: "customer",
}
_DETAILS: dict[type, TextClause] = {
    kind: text(f"""
        SELECT {", ".join(field.name for field in fields(kind))} FROM {table}
         WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))""")
    for kind, table in _TABLES.items()
}


def _asked(statement: str, known: Mapping[str, str], choice: InvoiceChoice) -> tuple[str, dict[str, object]]:
    """A statement under those conditions of it that the choice asks for, and their parameters."""
    asked = [name for name in known if getattr(choice, name) is not None]
    given: dict[str, object] = {name: getattr(choice, name) for name in ("customer_id", *asked) if name != "after"}
    if choice.after is not None:
        given |= {"after_at": choice.after.issued_at, "after_id": choice.after.id}
    order, beyond = ("DESC", "<") if choice.descending else ("ASC", ">")
    conditions = "".join(f" AND {known[name]}" for name in asked)
    completed = statement.replace("{conditions}", conditions).replace("{order}", order).replace("{beyond}", beyond)
    return completed, given
