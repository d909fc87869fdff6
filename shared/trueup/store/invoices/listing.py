"""Invoices as people read them: finalized ones by number, then the drafts of obligations, in due order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.drafts import IS_OPEN, read_drafts, select_drafts
from trueup.store.invoices.invoice import STORED, Invoice, Status, lines_of
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage


# What has an index chooses the stretch that is searched: a number, a commit, else a customer, else what is void.
def _stretch(given: str, what: str) -> str:
    return f"SELECT {what} FROM invoice WHERE account_id = :account_id{given} ORDER BY number"


_HAS_PIECE = "strpos(lower({}), lower(CAST(:piece AS text))) > 0"
_STRETCHES = {
    "number": "number = :number",
    "of_commit": "commit_id = :of_commit",
    "of_customer": "customer_id = :of_customer",
    "is_void": "status = 'VOID'",  # a word of its own, as the index of the void ones has it
    "after": "number > (SELECT number FROM invoice WHERE account_id = :account_id AND id = :after)",
}
_LIST = Filtered(
    lambda given: text(f"""
    {STORED.replace("FROM invoice AS i", f"FROM ({_stretch(given, '*')} LIMIT {SEARCHED_ROWS_MAX}) AS i")}
     WHERE (CAST(:status AS text) IS NULL OR i.status = :status)
       AND (CAST(:customer_id AS uuid) IS NULL OR i.customer_id = :customer_id)
       AND (CAST(:piece AS text) IS NULL OR {_HAS_PIECE.format("customer.name")})
     ORDER BY i.number LIMIT :limit
"""),
    _STRETCHES,
)
_LAST_LISTED = Filtered(
    lambda given: text(f"{_stretch(given, 'id')} OFFSET {SEARCHED_ROWS_MAX - 1} LIMIT 1"), _STRETCHES
)

_IN_DUE_ORDER = "due_at, commit_id, position"
_AFTER = {
    "after_due": f"""({_IN_DUE_ORDER}) >
            (CAST(:after_due AS timestamptz), CAST(:after_commit AS uuid), CAST(:after_position AS integer))""",
}


def _first(condition: str, given: str) -> str:
    return f"""(
    SELECT * FROM obligation WHERE account_id = :account_id AND {condition}{given}
     ORDER BY {_IN_DUE_ORDER} LIMIT {SEARCHED_ROWS_MAX})"""


# Those that wait for somebody stand in an index of their own: the scheduler's holds what is pending alone.
def _all_drafts(given: str) -> str:
    return " UNION ALL ".join(_first(each, given) for each in ("state = 'pending'", "state IN ('held', 'parked')"))


def _drafts_of_commits(given: str) -> str:
    return _first(f"commit_id = ANY(:commit_ids) AND state <> 'voided' AND {IS_OPEN}", given)


_CUSTOMER_OF_DRAFT = """(SELECT c.name FROM customer AS c JOIN commit AS m ON m.customer_id = c.id
             WHERE c.account_id = :account_id AND m.account_id = :account_id AND m.id = o.commit_id)"""


class _Drafts:
    """Drafts of a stretch of obligations in due order, of so many at most, and where it ends."""

    def __init__(self, stretch: Callable[[str], str], rows_max: int) -> None:
        def searched(given: str) -> str:
            return f"SELECT * FROM ({stretch(given)}) AS o ORDER BY {_IN_DUE_ORDER} LIMIT {rows_max}"

        self.found = Filtered(
            lambda given: select_drafts(f"""
    SELECT o.*, row_number() OVER (ORDER BY {_IN_DUE_ORDER}) AS turn FROM ({searched(given)}) AS o
     WHERE o.suppressed_by IS NULL
       AND (CAST(:customer_id AS uuid) IS NULL OR :customer_id =
            (SELECT customer_id FROM commit WHERE account_id = :account_id AND id = o.commit_id))
       AND (CAST(:piece AS text) IS NULL OR {_HAS_PIECE.format(_CUSTOMER_OF_DRAFT)})
     ORDER BY {_IN_DUE_ORDER} LIMIT :limit
"""),
            _AFTER,
        )
        self.last = Filtered(
            lambda given: text(f"SELECT id FROM ({searched(given)}) AS o OFFSET {rows_max - 1} LIMIT 1"),
            _AFTER,
        )


_DRAFTS = _Drafts(_all_drafts, SEARCHED_ROWS_MAX)
_DRAFTS_OF_COMMITS = _Drafts(_drafts_of_commits, SEARCHED_ROWS_MAX)
_DRAFTS_OF_CUSTOMER = _Drafts(_all_drafts, SEARCHED_ROWS_MAX // 5)  # each is asked for its commit's customer
_COMMITS_FEW = 1_000
_COMMITS_OF = Filtered(
    lambda given: text(f"""
    SELECT id FROM commit WHERE account_id = :account_id{given} ORDER BY id LIMIT {_COMMITS_FEW + 1}
"""),
    {"customer_id": "customer_id = :customer_id", "commit_id": "id = :commit_id"},
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

_NUMBER_DIGITS_MAX = 18
_NONE: Mapping[UUID, Decimal] = {}


def list_invoices(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    status: Status | None = None,
    customer_id: UUID | None = None,
    commit_id: UUID | None = None,
    search: str | None = None,
    after: UUID | None = None,
    open_draws: Mapping[UUID, Decimal] = _NONE,
) -> SearchPage[Invoice, UUID]:
    """Invoices in the order of their numbers, then drafts in due order; lines of drafts only.

    The `total` of a draft is what it would bill now: for a true-up, what is still unspent. A status beside a customer
    or commit, and drafts of a customer with many commits, are looked for among the next 5,000, or 1,000.

    Args:
        connection: a transaction.
        account_id: whose invoices.
        limit: at most this many.
        status: with this status only.
        customer_id: of this customer only.
        commit_id: of this commit only.
        search: a number; or a piece of the customer's name, in any case.
        after: the id to which the page before has searched.
        open_draws: what usage that is not in the ledger takes from POSTPAID commits, by their ids.
    """
    number = number_in(search)
    chosen: dict[str, object] = {
        "account_id": account_id,
        "customer_id": customer_id,
        "commit_id": commit_id,
        "number": number,
        "piece": search if number is None else None,
    }
    place = {} if after is None else _place_of_draft(connection, account_id, after)
    rows: list[Invoice] = []
    if status != "DRAFT" and not place:
        page = _stored(connection, chosen | {"status": status, "after": after, "limit": limit})
        rows = list(page.rows)
        if page.searched_to is not None:
            return page
    if status in {None, "DRAFT"} and number is None and len(rows) < limit:
        rest = _drafts(connection, chosen | place | {"limit": limit - len(rows)}, open_draws)
        return SearchPage([*rows, *rest.rows], rest.searched_to)
    return SearchPage(rows, None)


def _stored(connection: Connection, which: dict[str, object]) -> SearchPage[Invoice, UUID]:
    of_commit, of_customer = which["commit_id"], which["customer_id"]
    which["of_commit"] = of_commit
    which["of_customer"] = of_customer if of_commit is None else None
    which["is_void"] = which["status"] == "VOID" and of_commit is None and of_customer is None
    found = fetch_all(connection, Invoice, _LIST.given(which), which)
    if len(found) == which["limit"]:
        return SearchPage(found, found[-1].id)
    return SearchPage(found, connection.scalar(_LAST_LISTED.given(which), which))


def _drafts(
    connection: Connection, which: dict[str, Any], open_draws: Mapping[UUID, Decimal]
) -> SearchPage[Invoice, UUID]:
    searched = _DRAFTS
    if which["piece"] is not None:
        searched = _DRAFTS_OF_CUSTOMER
    if which["customer_id"] is not None or which["commit_id"] is not None:
        commit_ids = list(connection.scalars(_COMMITS_OF.given(which), which))
        searched = _DRAFTS_OF_CUSTOMER
        if len(commit_ids) <= _COMMITS_FEW:
            searched, which = _DRAFTS_OF_COMMITS, which | {"commit_ids": commit_ids, "customer_id": None}
    found = read_drafts(connection, which["account_id"], searched.found.given(which), which, open_draws)
    rows = [each.invoice for each in found]
    if len(rows) == which["limit"]:
        return SearchPage(rows, rows[-1].id)
    return SearchPage(rows, connection.scalar(searched.last.given(which), which))


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


def number_in(search: str | None) -> int | None:
    """The number of an invoice that a text is; None: it is none."""
    digits = (search or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _NUMBER_DIGITS_MAX else None


def is_stored(connection: Connection, account_id: int, invoice_id: UUID) -> bool:
    """Tell whether this is the id of an invoice or an obligation; drafts of usage are not stored."""
    return bool(connection.scalar(_IS_STORED, {"account_id": account_id, "id": invoice_id}))


def _place_of_draft(connection: Connection, account_id: int, obligation_id: UUID) -> dict[str, object]:
    """Place of a draft in the order of drafts; empty when this is the id of none."""
    found = connection.execute(_PLACE_OF_DRAFT, {"account_id": account_id, "id": obligation_id})
    return dict(found.mappings().one_or_none() or {})
