"""Records of invoices and explanations as commands tell them: in JSON, and as the entries of tables."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields

from trueup.store.invoices.explain import ExplainedEntry, UsageShare
from trueup.store.invoices.invoice import Invoice, InvoiceLine
from trueup_worker.cli.terminal.output import Record, record_of
from trueup_worker.reporting.explain import CommitExplanation, Explanation, ItemExplanation, PeriodExplanation
from trueup_worker.reporting.receipts import DraftExplanation, ExplainedBill


def _fields(kind: type, *without: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in without)


_INVOICE = (
    "id",
    "number",
    "type",
    "status",
    "customer_id",
    "customer",
    "contract_id",
    "unit_id",
    "unit",
    "commit_id",
    "total",
    "rounding",
    "amount_due",
    "issued_at",
    "finalized_at",
    "voided_at",
    "regenerated_from_id",
    "paid_at",
    "exported_at",
)
_OF_DRAFTS = ("due_at", "state", "reason")

_CHARGE = ("position", "name", "product_id", "quantity", "unit_price", "amount", "commit_id", "arithmetic")
_USAGE_LINE = (*_fields(InvoiceLine, "invoice_id", "arithmetic"), "rule")

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
_INVOICE_OF_ITEM = ("number", "status", "customer", "unit", "total", "rounding", "amount_due")
_LINE_OF_ITEM = ("name", "product_id", "quantity", "unit_price", "amount")
_INVOICE_OF_PERIOD = ("number", "type", "status", "unit", "total", "rounding", "amount_due")
_DRAFT = (
    "id",
    "customer_id",
    "contract_id",
    "unit_id",
    "starting_at",
    "ending_before",
    "type",
    "status",
    "total",
    "rounding",
    "amount_due",
)
_ENTRY = (*_fields(ExplainedEntry, "reason"), "rule")
_UNTOLD = ("hours", "criterion", "entry", "transaction_ids")
_CLOSED = (*_fields(UsageShare, "left", *_UNTOLD), "rule")
_OPEN = (*_fields(UsageShare, "period_id", "line", "segment", "left", *_UNTOLD), "rule")
_RECEIPT = (*_fields(UsageShare, "period_id", "line", *_UNTOLD), "rule")


def listed_invoice(invoice: Invoice) -> Record:
    """A row of the list; `held` says what an operator has to look at."""
    held = f"{invoice.state}: {invoice.reason}" if invoice.is_held else None
    return record_of(invoice, (*_INVOICE, *_OF_DRAFTS)) | {"held": held}


def shown_invoice(invoice: Invoice) -> Record:
    """An invoice or a draft with its lines."""
    names = (*_INVOICE, *_OF_DRAFTS) if invoice.status == "DRAFT" else _INVOICE
    return record_of(invoice, names) | {"lines": [_line(line) for line in invoice.lines]}


def explanation(found: Explanation) -> Record:
    """Explanation of the amounts of a commit, an invoice, a draft or a usage period."""
    match found:
        case CommitExplanation():
            return _of_commit(found)
        case PeriodExplanation():
            return _of_period(found)
        case ItemExplanation():
            return _of_item(found)
        case DraftExplanation():
            return _of_draft(found)


def _line(line: InvoiceLine) -> Record:
    if line.kind != "charge":
        return record_of(line, _USAGE_LINE)
    true_up = {"postpaid_commit": {"id": line.commit_id}} if line.arithmetic else {}
    return record_of(line, _CHARGE) | true_up


def _of_commit(found: CommitExplanation) -> Record:
    return {
        "what": "commit",
        **record_of(found.commit, _COMMIT),
        "true_up": found.true_up,
        "entries": _entries(found.entries),
        "usage": _shares(found.usage, ("entry", *_CLOSED)),
        "receipts": _shares(found.receipts, _RECEIPT),
    }


def _of_period(found: PeriodExplanation) -> Record:
    return {
        "what": "invoice" if found.invoice else "usage period",
        **asdict(found.period),
        **_of_invoice(found.invoice, _INVOICE_OF_PERIOD),
        "entries": _entries(found.entries),
        **_bill(found.bill, _CLOSED),
    }


def _of_item(found: ItemExplanation) -> Record:
    lines = found.invoice.lines if found.invoice else ()
    return {
        "what": "invoice",
        **asdict(found.item),
        **_of_invoice(found.invoice, _INVOICE_OF_ITEM),
        "true_up": found.invoice and found.invoice.true_up,
        "lines": [record_of(line, _LINE_OF_ITEM) for line in lines],
        "entries": _entries(found.entries),
    }


def _of_draft(found: DraftExplanation) -> Record:
    return {
        "what": "draft",
        **record_of(found.invoice, _DRAFT),
        **_bill(found.bill, _OPEN),
        "receipts": _shares(found.receipts, _RECEIPT),
    }


def _of_invoice(invoice: Invoice | None, names: Iterable[str]) -> Record:
    return record_of(invoice, names) if invoice else dict.fromkeys(names)


def _bill(bill: ExplainedBill, names: Sequence[str]) -> Record:
    return {"arithmetic": bill.figures, "usage": _shares(bill.usage, names), "applied": [*map(asdict, bill.applied)]}


def _entries(entries: Sequence[ExplainedEntry]) -> list[Record]:
    return [{"entry": number, **record_of(entry, _ENTRY)} for number, entry in enumerate(entries, 1)]


def _shares(usage: Sequence[UsageShare], names: Sequence[str]) -> list[Record]:
    return [_share(each, names) for each in usage]


def _share(share: UsageShare, names: Sequence[str]) -> Record:
    told = record_of(share, names)
    return told if share.transaction_ids is None else told | {"transaction_ids": share.transaction_ids}
