"""The use case: where each amount of a commit or an invoice comes from."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import NotFound
from trueup.store.invoices.explain import (
    Record,
    applied_in_period,
    entries_of_commit,
    entries_of_period,
    is_commit,
    item_of_schedule,
    true_up_of,
    usage_of_periods,
)
from trueup.store.invoices.listing import show_invoice
from trueup.store.usage.periods import find_period
from trueup_worker.reporting.drafts import show_item
from trueup_worker.reporting.receipts import adding_up, draft_of, receipts_of_commit
from trueup_worker.reporting.rules import rule_of_entry, rule_of_line
from trueup_worker.reporting.transactions import with_transactions
from trueup_worker.reporting.usable import UsableCommits

_PAYABLE = ("rounding", "amount_due")
_COMMIT = (
    "id",
    "type",
    "name",
    "customer_id",
    "priority",
    "rate_type",
    "access_type",
    "balance",
    "unpaid",
    "archived_at",
)


class UnknownId(NotFound):
    """The account has neither a commit nor an invoice of this id."""


def explain(connection: Connection, *, account_id: int, which: UUID, lines: bool = False) -> Record:
    """Explains a commit or credit, or an invoice, a draft or a usage period: the id tells which.

    What comes back, where it applies:

    - `what`: commit, invoice, usage period (a month that makes no invoice) or draft (of usage); then what it is.
    - `true_up`: committed - drawn + adjustments = due.
    - `arithmetic`: of a usage period: usage - subtracted = total; what is applied and not subtracted stands beside it.
    - `applied`: what each balance paid of it, below 0: `usage` and what is subtracted of this add up to the total.
    - `entries`: of the ledger, in booking order, with the segment's balance after each and the rule behind it.
    - `usage`: what was used, hours and prices, who paid and by which rule of the order of balances. Of a commit it
      names the number of the `entry` that it was booked with.
    - `receipts`: the same for open months, hour by hour: what a burn-down gives as things stand.

    Args:
        connection: a snapshot, so that all of it is of one moment.
        account_id: whose.
        which: of a commit or credit, an invoice, a draft, or a usage period that makes no invoice.
        lines: whether to list the `transaction_ids` behind each piece of usage.

    Raises:
        UnknownId: the account has nothing of this id.
    """
    found = (
        _commit(connection, account_id, which)
        or _period(connection, account_id, which)
        or _item(connection, account_id, which)
        or draft_of(connection, account_id, which)
    )
    if found is None:
        raise UnknownId(f"no commit, credit or invoice {which} in this account")
    for part in {"usage", "receipts"} & found.keys():
        pieces = with_transactions(connection, account_id, found[part]) if lines else found[part]
        found[part] = [{name: value for name, value in piece.items() if name != "hours"} for piece in pieces]
    return found


def _commit(connection: Connection, account_id: int, commit_id: UUID) -> Record | None:
    if not is_commit(connection, account_id, commit_id):
        return None
    commit = UsableCommits(connection, account_id).one(commit_id) or {}
    entries = _ruled(entries_of_commit(connection, account_id, commit_id))
    true_up = true_up_of(connection, account_id, commit_id)
    return {
        "what": "commit",
        **{name: commit[name] for name in _COMMIT},
        "true_up": true_up and _arithmetic(connection, account_id, true_up),
        "entries": entries,
        "usage": _behind(connection, account_id, entries),
        "receipts": receipts_of_commit(connection, account_id, commit["customer_id"], commit_id),
    }


def _behind(connection: Connection, account_id: int, entries: Sequence[Record]) -> list[Record]:
    """The usage that was booked with these entries."""
    drawn = {(each["period_id"], each["segment_id"]): each["entry"] for each in entries if _is_drawn(each)}
    periods = list(dict.fromkeys(period_id for period_id, _ in drawn))
    return [
        {"entry": drawn[row["period_id"], row["segment_id"]], **rule_of_line(row)}
        for row in usage_of_periods(connection, account_id, periods)
        if (row["period_id"], row["segment_id"]) in drawn
    ]


def _is_drawn(entry: Record) -> bool:
    return entry["period_id"] is not None and entry["amount"] < 0


def _period(connection: Connection, account_id: int, period_id: UUID) -> Record | None:
    """A usage invoice, or a closed period that makes none."""
    period = find_period(connection, account_id, period_id)
    if period is None:
        return None
    invoice = show_invoice(connection, account_id, period_id) or {}
    usage = [rule_of_line(row) for row in usage_of_periods(connection, account_id, [period_id])]
    payers = list(dict.fromkeys(row["commit_id"] for row in usage if row["commit_id"]))
    return {
        "what": "invoice" if invoice else "usage period",
        **asdict(period),
        **{name: invoice.get(name) for name in ("number", "type", "status", "unit", "total", *_PAYABLE)},
        "entries": _ruled(entries_of_period(connection, account_id, period_id, payers)),
        **adding_up(usage, applied_in_period(connection, account_id, period_id)),
    }


def _item(connection: Connection, account_id: int, obligation_id: UUID) -> Record | None:
    """An invoice of a commit, its draft, or what was settled without one."""
    item = item_of_schedule(connection, account_id, obligation_id)
    if item is None:
        return None
    invoice = show_item(connection, account_id, obligation_id) or {}
    is_true_up = item["kind"] == "TRUE_UP"
    return {
        "what": "invoice",
        **item,
        **{name: invoice.get(name) for name in ("number", "status", "customer", "unit", "total", *_PAYABLE)},
        "true_up": _arithmetic(connection, account_id, obligation_id) if is_true_up else None,
        "lines": [{name: line[name] for name in _LINE} for line in invoice.get("lines", [])],
        "entries": _ruled(entries_of_commit(connection, account_id, item["commit_id"])) if is_true_up else [],
    }


_LINE = ("name", "product_id", "quantity", "unit_price", "amount")


def _arithmetic(connection: Connection, account_id: int, obligation_id: UUID) -> Record | None:
    invoice = show_item(connection, account_id, obligation_id)
    if invoice is None:
        return None
    figures = invoice["lines"][0]["arithmetic"]
    return {name: Decimal(figures[name]) for name in ("committed", "drawn", "adjustments", "due")}


def _ruled(entries: Sequence[Record]) -> list[Record]:
    return [{"entry": number, **rule_of_entry(entry)} for number, entry in enumerate(entries, 1)]
