"""Invoices as people read them: finalized ones by number, then the drafts of obligations, in due order."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.drafts import IS_OPEN, read_drafts, select_drafts
from trueup.store.invoices.invoice import STORED, Invoice, Status, lines_of
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all, fetch_one

_LIST = Filtered(
    lambda given: text(f"""
    {STORED}
     WHERE i.account_id = :account_id{given}
     ORDER BY i.number LIMIT :limit
"""),
    {
        "is_final": "i.status = 'FINALIZED'",
        "is_void": "i.status = 'VOID'",  # a word of its own, as the index of the void ones has it
        "customer_id": "i.customer_id = :customer_id",
        "commit_id": "i.commit_id = :commit_id",
        "after": "i.number > (SELECT number FROM invoice WHERE account_id = :account_id AND id = :after)",
    },
)

# Those that wait for somebody stand in an index of their own: the scheduler's holds what is pending alone.
_LIST_DRAFTS = Filtered(
    lambda given: select_drafts(f"""
    SELECT o.*, row_number() OVER (ORDER BY due_at, commit_id, position) AS turn
      FROM ({_first("state = 'pending'", given)} UNION ALL {_first("state IN ('held', 'parked')", given)}) AS o
     ORDER BY due_at, commit_id, position LIMIT :limit
"""),
    {
        "customer_id": """o.commit_id IN
            (SELECT id FROM commit WHERE account_id = :account_id AND customer_id = :customer_id)""",
        "commit_id": "o.commit_id = :commit_id",
        "after_due": """(o.due_at, o.commit_id, o.position) >
            (CAST(:after_due AS timestamptz), CAST(:after_commit AS uuid), CAST(:after_position AS integer))""",
    },
)

_PLACE_OF_DRAFT = text(f"""
    SELECT due_at AS after_due, commit_id AS after_commit, position AS after_position
      FROM obligation WHERE account_id = :account_id AND id = :id AND {IS_OPEN}
""")

_SHOW = text(f"{STORED} WHERE i.account_id = :account_id AND i.id = :id")

_SHOW_DRAFT = select_drafts(f"""
    SELECT *, 1 AS turn FROM obligation
     WHERE account_id = :account_id AND id = :id AND {IS_OPEN} AND suppressed_by IS NULL
""")

_IS_STORED = text("""
    SELECT EXISTS (SELECT FROM invoice WHERE account_id = :account_id AND id = :id)
        OR EXISTS (SELECT FROM obligation WHERE account_id = :account_id AND id = :id)
""")

_NONE: Mapping[UUID, Decimal] = {}


def _first(condition: str, given: str) -> str:
    return f"""(
    SELECT * FROM obligation AS o
     WHERE o.account_id = :account_id AND o.{condition} AND o.suppressed_by IS NULL{given}
     ORDER BY o.due_at, o.commit_id, o.position LIMIT :limit)"""


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
) -> list[Invoice]:
    """Invoices in the order of their numbers, then drafts in due order; lines of drafts only.

    The `total` of a draft is what it would bill now: for a true-up, what is still unspent.

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
    place = {} if after is None else _place_of_draft(connection, account_id, after)
    page: list[Invoice] = []
    if status != "DRAFT" and not place:
        with_status = {"is_final": status == "FINALIZED", "is_void": status == "VOID"}
        which = chosen | with_status | {"after": after, "limit": limit}
        page = fetch_all(connection, Invoice, _LIST.given(which), which)
    if status in (None, "DRAFT") and len(page) < limit:
        rest = chosen | place | {"limit": limit - len(page)}
        found = read_drafts(connection, account_id, _LIST_DRAFTS.given(rest), rest, open_draws)
        page += [each.invoice for each in found]
    return page


def show_invoice(
    connection: Connection, account_id: int, invoice_id: UUID, *, open_draws: Mapping[UUID, Decimal] = _NONE
) -> Invoice | None:
    """One invoice, or the draft of an obligation, with its lines."""
    which = {"account_id": account_id, "id": invoice_id}
    found = fetch_one(connection, Invoice, _SHOW, which)
    if found is not None:
        return replace(found, lines=lines_of(connection, account_id, [invoice_id])[invoice_id])
    drafts = read_drafts(connection, account_id, _SHOW_DRAFT, which, open_draws)
    return drafts[0].invoice if drafts else None


def is_stored(connection: Connection, account_id: int, invoice_id: UUID) -> bool:
    """Tell whether this is the id of an invoice or an obligation; drafts of usage are not stored."""
    return bool(connection.scalar(_IS_STORED, {"account_id": account_id, "id": invoice_id}))


def _place_of_draft(connection: Connection, account_id: int, obligation_id: UUID) -> dict[str, object]:
    """Place of a draft in the order of drafts; empty when this is the id of none."""
    found = connection.execute(_PLACE_OF_DRAFT, {"account_id": account_id, "id": obligation_id})
    return dict(found.mappings().one_or_none() or {})
