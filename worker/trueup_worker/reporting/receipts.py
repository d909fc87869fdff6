"""Receipts of open months, for people: what a burn-down gives as things stand, hour by hour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import BillLine, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.exact import exact_sum, in_e12, rounded
from trueup.domain.burndown.usage import HOUR
from trueup.domain.burndown.values import Receipt
from trueup.domain.month import month_of
from trueup.store.commits.balances import load_products
from trueup.store.invoices.explain import Record
from trueup.store.invoices.listing import with_amount_due
from trueup.store.usage.by_hour import DraftTerms, find_draft
from trueup.store.usage.periods import period_id_of
from trueup_worker.invoicing.open_months import bills_of_open_usage
from trueup_worker.reporting.rules import rule_of_line, rule_of_payer


def receipts_of_commit(connection: Connection, account_id: int, customer_id: UUID, commit_id: UUID) -> list[Record]:
    """What usage of open months draws on a commit or credit."""
    wanted = str(commit_id)

    def is_wanted(receipt: Receipt) -> bool:
        return receipt.balance is not None and receipt.balance.commit_id == wanted

    found, _ = _burnt_down(connection, account_id, customer_id, is_wanted)
    return found


def draft_of(connection: Connection, account_id: int, period_id: UUID) -> Record | None:
    """The draft of a usage period with its receipts; None when no open month can become a period of this id."""
    draft = find_draft(connection, account_id, period_id)
    if draft is None:
        return None

    def is_wanted(receipt: Receipt) -> bool:
        kind, month = receipt.line.kind, month_of(receipt.line.time).starting_at
        return (kind.contract_id, kind.unit_id, month) == (draft.contract_id, draft.unit_id, draft.starting_at)

    receipts, bills = _burnt_down(connection, account_id, draft.customer_id, is_wanted)
    bill = next((each for each in bills if period_id_of(account_id, draft.customer_id, each) == period_id), None)
    if bill is None:
        return None
    return {"what": "draft", "id": period_id, **_told(draft, bill, receipts), "receipts": receipts}


def adding_up(usage: Sequence[Record], applied: Sequence[Record]) -> Record:
    """Lines of usage and what was applied to them, and how they come to the total."""
    used = exact_sum(line["amount"] for line in usage)
    subtracted, not_subtracted = (
        exact_sum(line["amount"].copy_negate() for line in applied if line["is_subtracted"] is wanted)
        for wanted in (True, False)
    )
    total = exact_sum([used, subtracted.copy_negate()])
    figures = {"usage": used, "subtracted": subtracted, "total": total, "not_subtracted": not_subtracted}
    return {"arithmetic": figures, "usage": usage, "applied": applied}


def _told(draft: DraftTerms, bill: PeriodBill, receipts: Sequence[Record]) -> Record:
    told = {
        "customer_id": draft.customer_id,
        "contract_id": draft.contract_id,
        "unit_id": draft.unit_id,
        "starting_at": draft.starting_at,
        "ending_before": bill.month.ending_before,
        "type": "USAGE",
        "status": "DRAFT",
        "total": bill.total,
    }
    segments = {receipt["segment_id"]: receipt["segment"] for receipt in receipts}
    usage = [_usage(draft, asdict(line)) for line in bill.lines if line.kind == "usage"]
    applied = [_applied(line, segments) for line in bill.lines if line.kind == "applied"]
    return with_amount_due(told) | adding_up(usage, applied)


def _applied(line: BillLine, segments: Mapping[str | None, int]) -> Record:
    return {
        "name": line.name,
        "commit_id": line.commit_id,
        "segment_id": line.segment_id,
        "segment": segments[line.segment_id],
        "amount": line.amount,
        "is_subtracted": line.is_billed,
    }


def _usage(draft: DraftTerms, line: Record) -> Record:
    kept = {name: value for name, value in line.items() if name not in ("kind", "is_billed", "name")}
    groups = {name: dict(kept[name]) or None for name in ("pricing_group_values", "presentation_group_values")}
    whose = {"customer_id": draft.customer_id, "contract_id": draft.contract_id, "unit_id": draft.unit_id}
    return rule_of_line(whose | {"product": line["name"]} | kept | groups)


def _burnt_down(
    connection: Connection, account_id: int, customer_id: UUID, is_wanted: Callable[[Receipt], bool]
) -> tuple[list[Record], list[PeriodBill]]:
    found: list[Record] = []
    catalog = load_products(connection, account_id)

    def keep(receipt: Receipt) -> None:
        if is_wanted(receipt):
            found.append(_record(receipt, customer_id, catalog))

    bills = list(bills_of_open_usage(connection, account_id, customer_id, catalog=catalog, before=None, watch=keep))
    return found, bills


def _record(receipt: Receipt, customer_id: UUID, catalog: Catalog) -> Record:
    kind, balance, quantity = receipt.line.kind, receipt.balance, rounded(receipt.quantity)
    return {
        "customer_id": customer_id,
        "contract_id": kind.contract_id,
        "product": catalog[kind.product_id].name,
        "product_id": kind.product_id,
        "unit_id": kind.unit_id,
        "quantity": quantity,
        "is_rounded": in_e12(quantity) != receipt.quantity_e12,
        "unit_price": receipt.unit_price,
        "amount": rounded(receipt.amount),
        "pricing_group_values": dict(kind.pricing_group_values) or None,
        "presentation_group_values": dict(kind.presentation_group_values) or None,
        "starting_at": receipt.line.time,
        "ending_before": receipt.line.time + HOUR,
        "commit_id": balance.commit_id if balance else None,
        "segment_id": balance.segment_id if balance else None,
        "segment": balance.position if balance else None,
        "left": rounded(receipt.left) if balance else None,
        "rule": rule_of_payer(receipt.criterion, is_paid=balance is not None),
    }
