"""A customer's invoices by date, drafts of its obligations among them, and what stands on them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.drafts import drafts_of
from trueup.store.invoices.listing import Status, with_amount_due
from trueup.store.postgres.amounts import amounts_as_json

Record = dict[str, Any]
InvoiceType = Literal["SCHEDULED", "USAGE"]


class Place(NamedTuple):
    """Where an invoice stands among a customer's others."""

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


_STORED = """
    SELECT i.id, i.number, i.type, i.status, i.customer_id, i.contract_id, i.unit_id, i.commit_id, i.total,
           i.instalments_before, i.issued_at, i.finalized_at, i.voided_at, i.regenerated_from_id, i.paid_at,
           i.exported_at, p.starting_at, p.ending_before
      FROM invoice AS i
      LEFT JOIN usage_period AS p ON p.account_id = i.account_id AND p.id = i.id
     WHERE i.account_id = :account_id AND i.customer_id = :customer_id {conditions}
     ORDER BY i.issued_at {order}, i.id {order} LIMIT :limit
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

_DRAFTS = """
    SELECT d.id, d.customer_id, d.contract_id, d.unit_id, d.commit_id, coalesce(d.amount, 0) AS total,
           d.instalments_before,
           d.scheduled_at AS issued_at, d.regenerated_from_id, d.kind, coalesce(d.name, '') AS name, d.product_id,
           d.quantity, d.unit_price, d.amount, d.state, d.reason
      FROM ({drafts}) AS d ORDER BY d.scheduled_at {order}, d.id {order}
"""
# OFFSET 0: from the customer's commits to theirs, whatever the statistics say; else all the account's are read.
_OPEN = """
    SELECT o.*, 1 AS turn
      FROM commit AS c
     CROSS JOIN LATERAL (
        SELECT * FROM obligation
         WHERE account_id = :account_id AND commit_id = c.id AND state <> 'voided'
           AND state IN ('pending', 'held', 'parked') AND suppressed_by IS NULL OFFSET 0) AS o
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id {conditions}
     ORDER BY o.scheduled_at {order}, o.id {order} LIMIT :limit
"""
_OF_OPEN = {
    "id": "o.id = :id AND c.id = (SELECT commit_id FROM obligation WHERE account_id = :account_id AND id = :id)",
    "contract_id": "c.invoice_contract_id = :contract_id",
    "unit_id": "c.invoice_unit_id = :unit_id",
    "starting_on": "o.scheduled_at >= :starting_on",
    "ending_before": "o.scheduled_at < :ending_before",
    "after": "(o.scheduled_at, o.id) {beyond} (:after_at, :after_id)",
}

_LINES = text("""
    SELECT invoice_id, kind, name, product_id, quantity, is_rounded, unit_price, amount, commit_id, segment_id,
           pricing_group_values, presentation_group_values, starting_at, ending_before,
           arithmetic IS NOT NULL AS is_true_up
      FROM invoice_line WHERE account_id = :account_id AND invoice_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY invoice_id, position
""")

_OPEN_MONTHS = text("""
    SELECT starting_at + interval '1 month' FROM usage_month
     WHERE account_id = :account_id AND customer_id = :customer_id
""")

_DETAILS = {
    "products": text("""
        SELECT id, type, tags FROM product WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))"""),
    "commits": text("""
        SELECT id, type, access_type, custom_fields, netsuite_sales_order_id, salesforce_opportunity_id
          FROM commit WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))"""),
    "contracts": text("""
        SELECT id, net_payment_terms_days, usage_invoicing
          FROM contract WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))"""),
    "units": text("""
        SELECT id, name FROM unit WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))"""),
    "customers": text("""
        SELECT id, name, custom_fields
          FROM customer WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))"""),
}


@dataclass(frozen=True, slots=True)
class Details:
    """What invoices refer to, by id."""

    products: Mapping[UUID, Record]
    commits: Mapping[UUID, Record]
    contracts: Mapping[UUID, Record]
    units: Mapping[UUID, Record]
    customers: Mapping[UUID, Record]


def stored_invoices(connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int) -> list[Record]:
    """Finalized and void ones, with their `lines`."""
    if choice.status == "DRAFT":
        return []
    heads = _records(connection, _STORED, _OF_STORED, account_id, choice, limit=limit)
    lines: dict[UUID, list[Record]] = {head["id"]: [] for head in heads}
    given = {"account_id": account_id, "ids": list(lines)}
    for line in connection.execute(_LINES, given).mappings() if lines else ():
        lines[line["invoice_id"]].append(dict(line))
    return [with_amount_due(head) | {"lines": lines[head["id"]]} for head in heads]


def scheduled_drafts(
    connection: Connection,
    account_id: int,
    choice: InvoiceChoice,
    *,
    limit: int,
    open_draws: Mapping[UUID, Decimal],
) -> list[Record]:
    """What obligations will bill, as it stands now, with their one line; held and parked ones too, and why.

    `open_draws`: what usage that is not in the ledger takes from POSTPAID commits, by their ids.
    """
    if choice.status not in (None, "DRAFT") or choice.type == "USAGE":
        return []
    statement = _DRAFTS.replace("{drafts}", drafts_of(_OPEN))
    rows = _records(
        connection, statement, _OF_OPEN, account_id, choice, limit=limit, open_draws=amounts_as_json(open_draws)
    )
    return [_draft(row) for row in rows]


def ends_of_open_months(connection: Connection, account_id: int, customer_id: UUID) -> list[datetime]:
    """When each month ends that has usage and is not closed."""
    return list(connection.scalars(_OPEN_MONTHS, {"account_id": account_id, "customer_id": customer_id}))


def details_of(connection: Connection, account_id: int, invoices: Collection[Record]) -> Details:
    """What the invoices and their lines refer to, where the catalog has it."""
    lines = [line for invoice in invoices for line in invoice["lines"]]
    wanted = {
        "products": {line["product_id"] for line in lines},
        "commits": {each["commit_id"] for each in (*lines, *invoices)},
        "contracts": {invoice["contract_id"] for invoice in invoices},
        "units": {invoice["unit_id"] for invoice in invoices},
        "customers": {invoice["customer_id"] for invoice in invoices},
    }
    return Details(**{name: _by_id(connection, account_id, name, ids) for name, ids in wanted.items()})


def contracts_invoiced_monthly(connection: Connection, account_id: int, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the contracts whose usage is invoiced."""
    found = _by_id(connection, account_id, "contracts", set(ids))
    return {contract_id for contract_id, row in found.items() if row["usage_invoicing"] == "MONTHLY"}


def _draft(row: Record) -> Record:
    line = {name: row.pop(name) for name in ("name", "product_id", "quantity", "unit_price", "amount")}
    line |= {"kind": "charge", "commit_id": row["commit_id"], "is_true_up": row.pop("kind") == "TRUE_UP"}
    return with_amount_due(row) | {"type": "SCHEDULED", "status": "DRAFT", "lines": [line]}


def _by_id(connection: Connection, account_id: int, name: str, ids: set[UUID | None]) -> dict[UUID, Record]:
    wanted = [each for each in ids if each is not None]
    if not wanted:
        return {}
    found = connection.execute(_DETAILS[name], {"account_id": account_id, "ids": wanted})
    return {row["id"]: dict(row) for row in found.mappings()}


def _records(
    connection: Connection,
    statement: str,
    known: Mapping[str, str],
    account_id: int,
    choice: InvoiceChoice,
    **more: Any,
) -> list[Record]:
    """What a statement finds under those conditions of it that the choice asks for."""
    asked = [name for name in known if getattr(choice, name) is not None]
    given: Record = {name: getattr(choice, name) for name in asked if name != "after"}
    if choice.after is not None:
        given |= {"after_at": choice.after.issued_at, "after_id": choice.after.id}
    order, beyond = ("DESC", "<") if choice.descending else ("ASC", ">")
    conditions = "".join(f" AND {known[name]}" for name in asked)
    completed = statement.replace("{conditions}", conditions).replace("{order}", order).replace("{beyond}", beyond)
    own = {"account_id": account_id, "customer_id": choice.customer_id}
    return [dict(row) for row in connection.execute(text(completed), own | given | more).mappings()]
