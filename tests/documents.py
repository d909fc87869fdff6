"""What the tests of documents share: one with everything, and its lines; those whose text is kept.

`python -m tests.documents` writes the kept texts anew: look at what has changed.
"""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from trueup.store.catalog.parties import Party
from trueup_worker.documents.typesetter import Typesetter
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


_TRUE_UP = (
    ("Committed", "100.00 USD"),
    ("Drawn (\N{MINUS SIGN})", "59.9975 USD"),
    ("Adjustments (+)", "0.00 USD"),
    ("Due (=)", "40.0025 USD"),
)
_BIRCH = Party(name="Birch Media", address="2 Side St")
_JAPANESE, _ARABIC = Party(name=NAMES[1], address="東京都千代田区丸の内1-1"), Party(name=NAMES[2], address="الرياض")
KEPT = {
    "draft": document(*lines(3, "GPU hours"), title="Draft invoice", file_name="draft", mark="DRAFT", customer=_BIRCH),
    "void-true-up": document(*lines(1, "True-up"), mark="VOID", true_up=_TRUE_UP, customer=_BIRCH),
    "japanese": document(*lines(2, "ストレージ 月額"), customer=_JAPANESE),
    "arabic": document(*lines(2, NAMES[2]), customer=_ARABIC),
    "pages": document(*lines(60, NAMES[3])),
}
"""Documents whose text is kept, by the names of the files."""

_FOLDER = Path(__file__).parent / "data" / "documents"


def kept(name: str) -> str:
    """The text that a document is to have."""
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def told(pdf: bytes) -> str:
    """The text of a PDF, a line for each word: where lines break is the font's business."""
    return "".join(f"{word}\n" for page in PdfReader(BytesIO(pdf)).pages for word in _words(page.extract_text()))


def _words(page: str) -> Iterator[str]:
    yield "--- page"
    yield from page.replace("\u200b", "").split()


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    with Typesetter() as typesetter:
        for each, shown in KEPT.items():
            (_FOLDER / f"{each}.txt").write_text(told(typesetter.pdf(shown)), encoding="utf-8")
