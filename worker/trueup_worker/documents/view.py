"""The values of an invoice's document, as texts in the account's locale: page and PDF show the same ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from babel.dates import format_date

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.money_text import Money
from trueup.domain.unit import PIECES, Unit
from trueup.limits import DOCUMENT_CHARS_MAX, DOCUMENT_LINES_MAX
from trueup.store.catalog.parties import Parties, Party
from trueup.store.invoices.invoice import Invoice, InvoiceLine
from trueup_worker.reporting.money_format import figure_in, locale_of, money_in

_WHERE_THE_REST_IS = "each of them stands in the export of invoice lines"
_TAXES = "Taxes are not computed by this document."
_MARKS = {"DRAFT": "DRAFT", "VOID": "VOID", "FINALIZED": ""}
_TRUE_UP = (
    ("committed", "Committed"),
    ("drawn", "Drawn (\N{MINUS SIGN})"),
    ("adjustments", "Adjustments (+)"),
    ("due", "Due (=)"),
)
_NOTHING = Decimal()
_LAST_INSTANT = timedelta(microseconds=1)

Row = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """A line of a document: what, how many, at what price, and what it comes to; `note` stands below the name."""

    name: str
    note: str
    quantity: str
    unit_price: str
    amount: str
    is_billed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Document of an invoice: all that it shows, as texts.

    Attributes:
        language: of the locale, for hyphens and readers.
        dated: year, month and day of the invoice: what the file says of its making, too.
        file_name: without what it ends in.
        title: with the number, if it has one.
        mark: DRAFT or VOID, across the page; "": neither.
        currency: of unit prices and amounts.
        lines: the first 5,000 of the invoice, and what the others come to.
        facts: dates and numbers, each with its name.
        true_up: its arithmetic; empty on other invoices.
        totals: the last of them is what is to be paid.
        logo: a PNG, or nothing.
    """

    language: str
    dated: tuple[int, int, int]
    file_name: str
    title: str
    mark: str
    currency: str
    seller: Party
    customer: Party
    facts: tuple[Row, ...]
    lines: tuple[DocumentLine, ...]
    true_up: tuple[Row, ...]
    totals: tuple[Row, ...]
    notes: tuple[str, ...]
    footer: str
    logo: bytes | None


def document_of(invoice: Invoice, parties: Parties, unit: Unit) -> Document:
    """The document of an invoice or a draft.

    Args:
        invoice: with its lines.
        parties: seller and customer, as they were when it was finalized.
        unit: of its amounts.
    """
    return _Writing(invoice, parties, unit).document()


class _Writing:
    def __init__(self, invoice: Invoice, parties: Parties, unit: Unit) -> None:
        self._invoice, self._parties, self._unit = invoice, parties, unit
        self._locale = parties.locale

    def document(self) -> Document:
        invoice, parties = self._invoice, self._parties
        is_draft = invoice.status == "DRAFT"
        return Document(
            language=locale_of(self._locale).language,
            dated=invoice.issued_at.astimezone(UTC).timetuple()[:3],
            file_name=f"draft-{invoice.id}" if is_draft else f"invoice-{invoice.number}",
            title="Draft invoice" if is_draft else f"Invoice {invoice.number}",
            mark=_MARKS[invoice.status],
            currency=self._unit.called,
            seller=parties.seller,
            customer=parties.customer,
            facts=tuple(self._facts()),
            lines=tuple(self._lines(invoice.lines)),
            true_up=tuple(self._true_up()),
            totals=tuple(self._totals()),
            notes=(*filter(None, [parties.payment_terms]), _TAXES),
            footer=parties.footer,
            logo=parties.logo,
        )

    def _facts(self) -> Iterator[Row]:
        invoice = self._invoice
        if invoice.number is not None:
            yield "Number", str(invoice.number)
        yield "Issued", self._date(invoice.issued_at)
        if self._parties.payment_terms_days is not None:
            yield "Due", self._date(invoice.issued_at + timedelta(days=self._parties.payment_terms_days))
        if invoice.starting_at and invoice.ending_before:
            yield "Service period", self._period(invoice.starting_at, invoice.ending_before)
        if invoice.voided_at:
            yield "Voided", self._date(invoice.voided_at)
        yield from self._parties.custom_fields

    def _lines(self, lines: Sequence[InvoiceLine]) -> Iterator[DocumentLine]:
        chars = 0
        for at, line in enumerate(lines):
            shown = self._line(line)
            chars += len(shown.name) + len(shown.note)
            if at == DOCUMENT_LINES_MAX or chars > DOCUMENT_CHARS_MAX:
                yield self._rest(lines[at:])
                return
            yield shown

    def _rest(self, lines: Sequence[InvoiceLine]) -> DocumentLine:
        billed = exact_sum(line.amount or _NOTHING for line in lines if line.is_billed)
        return DocumentLine(
            name=f"\N{HORIZONTAL ELLIPSIS} {self._figure(Decimal(len(lines)), PIECES)} more lines",
            note=_WHERE_THE_REST_IS,
            quantity="",
            unit_price="",
            amount=self._figure(billed),
            is_billed=True,
        )

    def _line(self, line: InvoiceLine) -> DocumentLine:
        return DocumentLine(
            name=line.name or "",
            note=" · ".join(self._notes(line)),
            quantity=self._figure(line.quantity, PIECES) + (" (rounded)" if line.is_rounded else ""),
            unit_price=self._figure(line.unit_price),
            amount=self._figure(line.amount),
            is_billed=line.is_billed,
        )

    def _notes(self, line: InvoiceLine) -> Iterator[str]:
        for groups in (line.pricing_group_values, line.presentation_group_values):
            yield from (f"{name}: {value}" for name, value in (groups or {}).items())
        if line.starting_at and line.ending_before:
            yield self._period(line.starting_at, line.ending_before)
        if line.kind == "applied":
            yield "applied balance"
        if not line.is_billed:
            yield "not part of the total"

    def _true_up(self) -> Iterator[Row]:
        figures = self._invoice.true_up
        if figures is not None:
            yield from ((told, self._money(getattr(figures, name))) for name, told in _TRUE_UP)

    def _totals(self) -> Iterator[Row]:
        invoice, billed = self._invoice, [line for line in self._invoice.lines if line.is_billed]
        applied = exact_sum(line.amount or _NOTHING for line in billed if line.kind == "applied")
        if applied:
            usage = exact_sum(line.amount or _NOTHING for line in billed if line.kind != "applied")
            yield from (("Charges", self._money(usage)), ("Applied balances", self._money(applied)))
        yield "Total", self._money(invoice.total)
        if invoice.rounding:
            yield "Rounding", self._money(invoice.rounding)
        yield "Amount due", self._money(invoice.amount_due)

    def _money(self, amount: Decimal | None) -> str:
        return "not known yet" if amount is None else money_in(self._locale, Money(amount, self._unit))

    def _figure(self, amount: Decimal | None, unit: Unit | None = None) -> str:
        return "" if amount is None else figure_in(self._locale, Money(amount, unit or self._unit))

    def _period(self, starting_at: datetime, ending_before: datetime) -> str:
        """First and last day."""
        first, last = self._date(starting_at), self._date(ending_before - _LAST_INSTANT)
        return first if first == last else f"{first} \N{EN DASH} {last}"

    def _date(self, instant: datetime) -> str:
        return str(format_date(instant.astimezone(UTC).date(), "long", locale=locale_of(self._locale)))
