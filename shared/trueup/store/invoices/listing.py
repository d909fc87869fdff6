"""Invoices as people read them: finalized ones by number, then the drafts of obligations, in due order."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.criterion import Criterion
from trueup.domain.payable import payable
from trueup.store.invoices.drafts import drafts_of
from trueup.store.postgres.amounts import amounts_as_json

Record = dict[str, Any]
Status = Literal["DRAFT", "FINALIZED", "VOID"]

_HEAD = """
    SELECT i.id, i.number, i.type, i.status, i.customer_id, customer.name AS customer, i.contract_id, i.unit_id,
           unit.name AS unit, i.commit_id, i.total, i.instalments_before, i.issued_at, i.finalized_at, i.voided_at,
           i.regenerated_from_id, i.paid_at, i.exported_at
"""
_NAMES = """
      LEFT JOIN customer ON customer.account_id = i.account_id AND customer.id = i.customer_id
      LEFT JOIN unit ON unit.account_id = i.account_id AND unit.id = i.unit_id
"""
# A draft under the column names of an invoice.
_DRAFT_HEAD = """
    SELECT d.account_id, d.turn, d.id, NULL::bigint AS number, 'SCHEDULED' AS type, 'DRAFT' AS status, d.customer_id,
           d.contract_id, d.unit_id, d.commit_id, d.amount AS total, d.instalments_before, d.scheduled_at AS issued_at,
           NULL::timestamptz AS finalized_at, NULL::timestamptz AS voided_at, d.regenerated_from_id,
           NULL::timestamptz AS paid_at, NULL::timestamptz AS exported_at,
           d.due_at, d.state, d.reason, 0 AS position, d.name, d.product_id, d.quantity, d.unit_price, d.amount,
           d.arithmetic
"""

_LIST = text(f"""
    {_HEAD}, NULL::timestamptz AS due_at, NULL AS state, NULL AS reason
      FROM invoice AS i {_NAMES}
     WHERE i.account_id = :account_id
       AND (CAST(:status AS text) IS NULL OR i.status = :status)
       AND (CAST(:customer_id AS uuid) IS NULL OR i.customer_id = :customer_id)
       AND (CAST(:commit_id AS uuid) IS NULL OR i.commit_id = :commit_id)
       AND (CAST(:after AS uuid) IS NULL
            OR i.number > (SELECT number FROM invoice WHERE account_id = :account_id AND id = :after))
     ORDER BY i.number LIMIT :limit
""")

_IS_OPEN = "state IN ('pending', 'held', 'parked')"
_PENDING = f"""
    SELECT o.*, row_number() OVER (ORDER BY due_at, commit_id, position) AS turn
      FROM obligation AS o
     WHERE o.account_id = :account_id AND o.{_IS_OPEN} AND o.suppressed_by IS NULL
       AND (CAST(:customer_id AS uuid) IS NULL OR o.commit_id IN
            (SELECT id FROM commit WHERE account_id = :account_id AND customer_id = :customer_id))
       AND (CAST(:commit_id AS uuid) IS NULL OR o.commit_id = :commit_id)
       AND (CAST(:after AS uuid) IS NULL OR (o.due_at, o.commit_id, o.position) >
            (SELECT due_at, commit_id, position FROM obligation WHERE account_id = :account_id AND id = :after))
     ORDER BY due_at, commit_id, position LIMIT :limit
"""
_LIST_DRAFTS = text(f"""
    {_HEAD}, i.due_at, i.state, i.reason
      FROM ({_DRAFT_HEAD} FROM ({drafts_of(_PENDING)}) AS d) AS i {_NAMES} ORDER BY i.turn
""")

_IS_DRAFT = text(f"SELECT true FROM obligation WHERE account_id = :account_id AND id = :id AND {_IS_OPEN}")

_SHOW = text(f"{_HEAD} FROM invoice AS i {_NAMES} WHERE i.account_id = :account_id AND i.id = :id")

_LINES = text("""
    SELECT position, name, product_id, quantity, unit_price, amount, commit_id, arithmetic
      FROM invoice_line WHERE account_id = :account_id AND invoice_id = :id ORDER BY position
""")

_USAGE_LINES = text("""
    SELECT position, kind, name, product_id, pricing_group_values, presentation_group_values, quantity, is_rounded,
           unit_price, amount, is_billed, commit_id, segment_id, criterion, starting_at, ending_before
      FROM invoice_line WHERE account_id = :account_id AND invoice_id = :id ORDER BY position
""")

_IS_STORED = text("""
    SELECT EXISTS (SELECT FROM invoice WHERE account_id = :account_id AND id = :id)
        OR EXISTS (SELECT FROM obligation WHERE account_id = :account_id AND id = :id)
""")

_NAMES_OF = text("""
    SELECT unit.name AS unit, customer.name AS customer, contract.usage_invoicing = 'MONTHLY' AS is_invoiced
      FROM contract
      LEFT JOIN customer ON customer.account_id = contract.account_id AND customer.id = contract.customer_id
      LEFT JOIN unit ON unit.account_id = contract.account_id AND unit.id = :unit_id
     WHERE contract.account_id = :account_id AND contract.id = :contract_id
""")

_OPEN = f"""
    SELECT *, 1 AS turn FROM obligation
     WHERE account_id = :account_id AND id = :id AND {_IS_OPEN} AND suppressed_by IS NULL
"""
_SHOW_DRAFT = text(f"""
    {_HEAD}, i.due_at, i.state, i.reason, i.position, i.name, i.product_id, i.quantity, i.unit_price, i.amount,
           i.arithmetic
      FROM ({_DRAFT_HEAD} FROM ({drafts_of(_OPEN)}) AS d) AS i {_NAMES}
""")
_NONE: Mapping[UUID, Decimal] = {}
_LINE_COLUMNS = ("position", "name", "product_id", "quantity", "unit_price", "amount", "commit_id", "arithmetic")


def list_invoices(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    status: Status | None = None,
    customer_id: UUID | None = None,
    commit_id: UUID | None = None,
    after: UUID | None = None,
    open_draws: Mapping[UUID, Decimal] = _NONE,
) -> list[Record]:
    """Invoices in the order of their numbers, then drafts in due order: `after` is the last id of the page before.

    A draft has no number, and its `total` is what it would bill now: for a true-up, what is still unspent. It says in
    which `state` it is, and if it is held or parked for which `reason`. What is to be paid of a total is its
    `amount_due`, and `rounding` the difference, where there is one.

    Args:
        connection: a transaction.
        account_id: whose invoices.
        limit: at most this many.
        status: with this status only.
        customer_id: of this customer only.
        commit_id: of this commit only.
        after: the last id of the page before.
        open_draws: what usage that is not in the ledger takes from POSTPAID commits, by their ids.
    """
    chosen = {"account_id": account_id, "customer_id": customer_id, "commit_id": commit_id}
    after_draft = after is not None and _is_draft(connection, account_id, after)
    page: list[Record] = []
    if status != "DRAFT" and not after_draft:
        page = _invoices(connection, _LIST, chosen | {"status": status, "after": after, "limit": limit})
    if status in (None, "DRAFT") and len(page) < limit:
        rest: dict[str, Any] = {"after": after if after_draft else None, "limit": limit - len(page)}
        rest["open_draws"] = amounts_as_json(open_draws)
        page += _invoices(connection, _LIST_DRAFTS, chosen | rest)
    return page


def show_invoice(
    connection: Connection, account_id: int, invoice_id: UUID, *, open_draws: Mapping[UUID, Decimal] = _NONE
) -> Record | None:
    """One invoice with its lines; a draft also says when it falls due and, if it is held or parked, why.

    The line of a true-up has `postpaid_commit` and `arithmetic`: committed - drawn + adjustments = due, and nothing is
    due where that is below 0. The lines of a USAGE invoice say who pays (no commit: nobody, it is overage) and by
    which rule that was; what is not `is_billed` is shown, and not part of the total.
    """
    which = {"account_id": account_id, "id": invoice_id}
    found = _invoices(connection, _SHOW, which)
    if found and found[0]["type"] == "USAGE":
        return found[0] | {"lines": [with_rule(row) for row in _records(connection, _USAGE_LINES, which)]}
    if found:
        return found[0] | {"lines": [_line(row) for row in _records(connection, _LINES, which)]}
    drafts = _invoices(connection, _SHOW_DRAFT, which | {"open_draws": amounts_as_json(open_draws)})
    if not drafts:
        return None
    head = {name: value for name, value in drafts[0].items() if name not in _LINE_COLUMNS or name == "commit_id"}
    return head | {"lines": [_line({name: drafts[0][name] for name in _LINE_COLUMNS})]}


def is_stored(connection: Connection, account_id: int, invoice_id: UUID) -> bool:
    """Whether this is the id of an invoice or an obligation; drafts of usage are not stored."""
    return bool(connection.scalar(_IS_STORED, {"account_id": account_id, "id": invoice_id}))


def names_of_usage(connection: Connection, account_id: int, *, contract_id: str, unit_id: str) -> Record:
    """What stands beside a draft of usage: `unit`, `customer`, and `is_invoiced`, whether it will be an invoice."""
    which = {"account_id": account_id, "contract_id": contract_id, "unit_id": unit_id}
    return _records(connection, _NAMES_OF, which)[0]


def with_amount_due(invoice: Record) -> Record:
    """An invoice with `rounding` and `amount_due` after its `total`, and without what these are made of."""
    told: Record = {}
    for name, value in invoice.items():
        if name != "instalments_before":
            told[name] = value
        if name == "total" and value is not None:
            paid = payable(value, invoice["unit_id"], before=invoice.get("instalments_before"))
            told |= {"rounding": paid.rounding or None, "amount_due": paid.amount_due}
    return told


def with_rule(line: Record) -> Record:
    """A usage line with the rule behind its `criterion` in words."""
    criterion = line["criterion"]
    return line | {"rule": None if criterion is None else Criterion(criterion).statement}


def _is_draft(connection: Connection, account_id: int, obligation_id: UUID) -> bool:
    return bool(connection.scalar(_IS_DRAFT, {"account_id": account_id, "id": obligation_id}))


def _line(row: Record) -> Record:
    return row if row["arithmetic"] is None else row | {"postpaid_commit": {"id": row["commit_id"]}}


def _invoices(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> list[Record]:
    return [with_amount_due(row) for row in _records(connection, statement, parameters)]


def _records(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> list[Record]:
    return [dict(row) for row in connection.execute(statement, parameters).mappings()]
