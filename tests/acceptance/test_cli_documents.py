"""Invoices as files: one, all of a month, and whom they are from and to."""

import json
import os
import subprocess
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.processes import ROOT, wait_for

COLUMNS = "uniqueness_key,customer_id,product_id,type,priority,access_amount,access_starting_at,access_ending_before"
ACCOUNT = ("--account", "printer")


@pytest.fixture(scope="module")
def printer(stack: Command, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """An account that says whom its invoices are from, with two of them in March 2025."""
    catalog = json.loads((ROOT / "deploy" / "sample" / "catalog.json").read_text())
    contract = catalog["contracts"][0]
    product = next(each["id"] for each in catalog["products"] if each["type"] == "FIXED")
    stack.ok("accounts", "create", "printer")
    stack.ok("catalog", "load", ROOT / "deploy" / "sample" / "catalog.json", *ACCOUNT)
    stack.ok("accounts", "seller", "--name", "Acme Ltd", "--address", r"1 Main St\nSpringfield", *ACCOUNT)
    stack.ok("customers", "billing", contract["customer_id"], "--tax-id", "VAT 7", *ACCOUNT)
    what = f"{contract['customer_id']},{product},PREPAID,1,9900,2025-03-01T00:00:00Z,2026-03-01T00:00:00Z"
    rows = [f"k{number},{what},{contract['id']},9900,2025-03-0{number}T00:00:00Z" for number in (1, 2)]
    file = tmp_path_factory.mktemp("printer") / "deals.csv"
    file.write_text("\n".join([f"{COLUMNS},invoice_contract_id,invoice_amount,invoice_timestamp", *rows]) + "\n")
    stack.ok("ingest", file, *ACCOUNT)
    wait_for(lambda: len(stack.ok("invoices", "list", "--json", *ACCOUNT).json()) == 2, what="two invoices")
    return stack


def text_of(file: Path) -> str:
    """The text of a PDF."""
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(file.read_bytes())).pages)


def test_an_invoice_as_pdf_and_as_page(printer: Command, tmp_path: Path) -> None:
    """By its number, into the file that is named."""
    printer.ok("invoices", "pdf", "1", "-o", tmp_path / "one.pdf", *ACCOUNT)
    printer.ok("invoices", "html", "1", "-o", tmp_path / "one.html", *ACCOUNT)
    text, page = text_of(tmp_path / "one.pdf"), (tmp_path / "one.html").read_text()
    for told in ("Invoice 1", "Acme Ltd", "Springfield", "VAT 7", "99.00 USD"):
        assert told in text
        assert told in page


@pytest.mark.parametrize(("form", "beginning"), [("pdf", b"%PDF"), ("html", b"<!doctype html>")])
def test_a_pipe_is_written_to(printer: Command, tmp_path: Path, form: str, beginning: bytes) -> None:
    """As a device would be: nothing takes its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        printer.ok("invoices", form, "1", "-o", pipe, *ACCOUNT)
        assert pipe.is_fifo()
        assert os.read(reading, 100).lower().startswith(beginning.lower())
    finally:
        os.close(reading)
    assert list(tmp_path.iterdir()) == [pipe]


def test_all_invoices_of_a_month(printer: Command, tmp_path: Path) -> None:
    """A file each, the same as one by one, also after the seller has changed."""
    printer.ok("invoices", "pdf", "2", "-o", tmp_path / "two.pdf", *ACCOUNT)
    printer.ok("accounts", "seller", "--name", "Other", *ACCOUNT)
    said = printer.ok("invoices", "pdf", "--month", "2025-03", "-o", tmp_path / "march", *ACCOUNT)
    assert "2 invoices of 2025-03" in said.stderr
    assert sorted(each.name for each in (tmp_path / "march").iterdir()) == ["invoice-1.pdf", "invoice-2.pdf"]
    assert (tmp_path / "march" / "invoice-2.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    told = printer.ok("accounts", "seller", "--json", *ACCOUNT).json()
    assert (told["name"], told["address"]) == ("Other", "1 Main St\nSpringfield")
    [newest, *_] = printer.ok("audit", "list", "--json", *ACCOUNT).json()
    assert (newest["action"], newest["before"]["name"], newest["after"]["name"]) == ("set_seller", "Acme Ltd", "Other")


def test_a_month_shows_how_far_it_is(printer: Command, tmp_path: Path) -> None:
    """On a terminal, as an export does."""
    terminal, given = os.openpty()
    asked = [PROGRAM, "invoices", "pdf", "--month", "2025-03", "-o", tmp_path, *ACCOUNT]
    with subprocess.Popen(asked, cwd=printer.cwd, env=printer.surroundings() | {"TERM": "xterm"}, stderr=given):
        os.close(given)
        told = b""
        with suppress(OSError):  # how a terminal ends
            while piece := os.read(terminal, 4_096):
                told += piece
    os.close(terminal)
    assert b"2/2" in told
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pdf",), "--month"),
        (("pdf", "1", "--month", "2025-03"), "one invoice"),
        (("pdf", "--month", "2025-03"), "-o"),
        (("pdf", "--month", "March"), "March"),
        (("pdf", "99"), "99"),
        (("html", "1", "-o", "nowhere/at/all.html"), "cannot be written"),
        (("pdf", "1", "-o", "/"), "folder"),
    ],
)
def test_what_is_wrong_says_why(printer: Command, arguments: tuple[str, ...], told: str) -> None:
    """Without a traceback."""
    refused = printer("invoices", *arguments, *ACCOUNT)
    assert refused.code != 0
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_logo_that_is_none(printer: Command, tmp_path: Path) -> None:
    """Nothing is changed."""
    (tmp_path / "logo.svg").write_text("<svg/>")
    refused = printer("accounts", "seller", "--logo", tmp_path / "logo.svg", *ACCOUNT)
    assert refused.code != 0
    assert "PNG, JPEG, GIF, WEBP" in refused.stderr
