"""Receipts of open months, for people: what a burn-down gives as things stand, hour by hour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import BillLine, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.exact import exact_sum, in_e12, rounded
from trueup.domain.burndown.usage import HOUR
from trueup.domain.burndown.values import Receipt
from trueup.domain.month import month_of
from trueup.domain.unit import PIECES
from trueup.store.catalog.units import units_of
from trueup.store.commits.balances import load_products
from trueup.store.invoices.explain import AppliedBalance, UsageShare
from trueup.store.invoices.invoice import Invoice
from trueup.store.usage.by_hour import DraftTerms, find_draft
from trueup.store.usage.periods import period_id_of
from trueup_worker.invoicing.open_months import bills_of_open_usage
from trueup_worker.reporting.drafts import UsageDraft, invoice_of

_KNOWN_IDS = 10_000  # so that equal ids of receipts are one object; more than that only cost time
_uuid = lru_cache(_KNOWN_IDS)(UUID)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFigures:
    """Figures of usage: usage - subtracted = total.

    Attributes:
        not_subtracted: what is applied and only shown.
    """

    usage: Decimal
    subtracted: Decimal
    total: Decimal
    not_subtracted: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedBill:
    """A month's usage, and what each balance paid of it."""

    usage: Sequence[UsageShare]
    applied: Sequence[AppliedBalance]

    @property
    def figures(self) -> UsageFigures:
        """Figures of how they come to the total."""
        used = exact_sum(share.amount for share in self.usage)
        subtracted, not_subtracted = (
            exact_sum(each.amount.copy_negate() for each in self.applied if each.is_subtracted is wanted)
            for wanted in (True, False)
        )
        total = exact_sum([used, subtracted.copy_negate()])
        return UsageFigures(usage=used, subtracted=subtracted, total=total, not_subtracted=not_subtracted)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftExplanation:
    """Explanation of the amounts of a draft of usage, hour by hour in `receipts`."""

    invoice: Invoice
    bill: ExplainedBill
    receipts: Sequence[UsageShare]


def receipts_of_commit(
    connection: Connection, account_id: int, customer_id: UUID, commit_id: UUID
) -> Sequence[UsageShare]:
    """Draw of open months' usage on a commit or credit."""
    wanted = str(commit_id)

    def is_wanted(receipt: Receipt) -> bool:
        return receipt.balance is not None and receipt.balance.commit_id == wanted

    found, _ = _burnt_down(connection, account_id, customer_id, is_wanted)
    return found


def explain_draft(connection: Connection, account_id: int, period_id: UUID) -> DraftExplanation | None:
    """The draft of a usage period with its receipts; None when no open month can become a period of this id."""
    terms = find_draft(connection, account_id, period_id)
    if terms is None:
        return None

    def is_wanted(receipt: Receipt) -> bool:
        kind, month = receipt.line.kind, month_of(receipt.line.time).starting_at
        return (kind.contract_id, kind.unit_id, month) == (terms.contract_id, terms.unit_id, terms.starting_at)

    receipts, bills = _burnt_down(connection, account_id, terms.customer_id, is_wanted)
    drafts = (UsageDraft(period_id_of(account_id, terms.customer_id, each), each) for each in bills)
    draft = next((each for each in drafts if each.id == period_id), None)
    if draft is None:
        return None
    segments = {receipt.segment_id: receipt.segment for receipt in receipts}
    unit = units_of(connection, account_id).get(draft.bill.unit_id, PIECES)
    return DraftExplanation(
        invoice=invoice_of(draft, terms.customer_id, unit=unit),
        bill=ExplainedBill(
            usage=[_of_line(terms, line) for line in draft.bill.lines if line.kind == "usage"],
            applied=[_applied(line, segments) for line in draft.bill.lines if line.kind == "applied"],
        ),
        receipts=receipts,
    )


def _applied(line: BillLine, segments: Mapping[UUID | None, int | None]) -> AppliedBalance:
    assert line.commit_id
    assert line.segment_id
    segment_id = _uuid(line.segment_id)
    return AppliedBalance(
        name=line.name,
        commit_id=_uuid(line.commit_id),
        segment_id=segment_id,
        segment=segments[segment_id],
        amount=line.amount,
        is_subtracted=line.is_billed,
    )


def _of_line(terms: DraftTerms, line: BillLine) -> UsageShare:
    assert line.starting_at
    assert line.ending_before
    return UsageShare(
        customer_id=terms.customer_id,
        contract_id=_uuid(terms.contract_id),
        unit_id=_uuid(terms.unit_id),
        product=line.name,
        product_id=_uuid(line.product_id),
        quantity=line.quantity,
        is_rounded=line.is_rounded,
        unit_price=line.unit_price,
        amount=line.amount,
        pricing_group_values=dict(line.pricing_group_values) or None,
        presentation_group_values=dict(line.presentation_group_values) or None,
        starting_at=line.starting_at,
        ending_before=line.ending_before,
        hours=line.hours,
        commit_id=_uuid(line.commit_id) if line.commit_id else None,
        segment_id=_uuid(line.segment_id) if line.segment_id else None,
        criterion=line.criterion,
    )


def _burnt_down(
    connection: Connection, account_id: int, customer_id: UUID, is_wanted: Callable[[Receipt], bool]
) -> tuple[list[UsageShare], list[PeriodBill]]:
    found: list[UsageShare] = []
    catalog = load_products(connection, account_id)

    def keep(receipt: Receipt) -> None:
        if is_wanted(receipt):
            found.append(_of_receipt(receipt, customer_id, catalog))

    bills = list(bills_of_open_usage(connection, account_id, customer_id, catalog=catalog, before=None, watch=keep))
    return found, bills


def _of_receipt(receipt: Receipt, customer_id: UUID, catalog: Catalog) -> UsageShare:
    kind, balance, quantity = receipt.line.kind, receipt.balance, rounded(receipt.quantity)
    return UsageShare(
        customer_id=customer_id,
        contract_id=_uuid(kind.contract_id),
        unit_id=_uuid(kind.unit_id),
        product=catalog[kind.product_id].name,
        product_id=_uuid(kind.product_id),
        quantity=quantity,
        is_rounded=in_e12(quantity) != receipt.quantity_e12,
        unit_price=receipt.unit_price,
        amount=rounded(receipt.amount),
        pricing_group_values=dict(kind.pricing_group_values) or None,
        presentation_group_values=dict(kind.presentation_group_values) or None,
        starting_at=receipt.line.time,
        ending_before=receipt.line.time + HOUR,
        commit_id=_uuid(balance.commit_id) if balance else None,
        segment_id=_uuid(balance.segment_id) if balance else None,
        segment=balance.position if balance else None,
        criterion=receipt.criterion,
        left=rounded(receipt.left) if balance else None,
    )
