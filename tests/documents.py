"""What the tests of documents share: one with everything, and its lines."""

from dataclasses import replace
from typing import Any

from trueup.store.catalog.parties import Party
from trueup_worker.documents.view import Document, DocumentLine

NAMES = [
    "GPU hours",
    "株式会社アルダー 年間契約",
    "شركة الفهد للتحليلات",
    '#strong[*bold*] $x^2$ @ref #image("/etc/passwd") // `raw` \\ <label>',
    "<script>alert(1)</script> & <b>bold</b> &amp;",
]
LINE = DocumentLine(
    name="GPU hours",
    note="region: eu",
    quantity="1,234.5",
    unit_price="0.00012345",
    amount="1,234.567891",
    is_billed=True,
)
ONE = Document(
    language="en",
    dated=(2030, 1, 1),
    file_name="invoice-7",
    title="Invoice 7",
    mark="",
    currency="USD",
    seller=Party(name="Acme <Inc> #1", address="1 Main St\nSpringfield", tax_id="US-1"),
    customer=Party(name="株式会社アルダー", address="東京都千代田区", email="ap@alder.example"),
    facts=(("Number", "7"), ("Issued", "January 1, 2030")),
    lines=(LINE,),
    true_up=(),
    totals=(("Total", "1,234.567891 USD"), ("Amount due", "1,234.57 USD")),
    notes=("Net 30.",),
    footer="Thank you",
    logo=None,
)


def document(*lines: DocumentLine, **changes: Any) -> Document:
    """The document with these lines, or its own one, and other changes."""
    return replace(ONE, lines=lines or ONE.lines, **changes)


def lines(count: int, name: str | None = None) -> list[DocumentLine]:
    """So many lines, with names of all kinds unless one is given."""
    return [replace(LINE, name=name or NAMES[at % len(NAMES)], amount=f"-{at}.5") for at in range(count)]
