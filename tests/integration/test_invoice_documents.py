"""An invoice's document shows what JSON tells, and whom it is from and to as they were when it was finalized."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from tests.integration.change_book import ChangeBook
from tests.integration.intake import settings_of
from tests.integration.usage_book import CUSTOMER
from trueup.errors import ExitCode
from trueup.store.accounts.accounts import set_locale
from trueup.store.catalog.parties import Party, Seller, set_billing, set_seller
from trueup.store.catalog.units import load_units
from trueup.wire.catalog import Unit
from trueup_worker.cli.ledger.invoice_documents import write_month
from trueup_worker.documents import view
from trueup_worker.documents.invoices import document_of_invoice, invoices_of_month
from trueup_worker.documents.page import page_of
from trueup_worker.documents.typesetter import NotSet
from trueup_worker.documents.view import Document
from trueup_worker.reporting.drafts import list_with_drafts, show_with_drafts

FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (2, 3))
JANUARY = datetime(2030, 1, 1, tzinfo=UTC)
ITEMS = [
    {"timestamp": "2030-01-01T00:00:00Z", "amount": 300.5},
    {"timestamp": "2030-06-01T00:00:00Z", "amount": 123456},
]
ACME = Seller(
    name="Acme", address="1 Main St\nSpringfield", tax_id="US-1", payment_terms_days=30, custom_fields=("po", "deal")
)


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def document(book: ChangeBook, invoice_id: UUID) -> Document:
    """The document of an invoice or draft, as it is read now."""
    with book.engine.connect() as connection:
        found = show_with_drafts(connection, book.account_id, invoice_id)
        assert found
        return document_of_invoice(connection, book.account_id, found)


def set_parties(book: ChangeBook, seller: Seller, billing: Party) -> None:
    """Says whom invoices are from, and to, from now on."""
    with book.engine.begin() as connection:
        set_seller(connection, book.account_id, seller)
        set_billing(connection, book.account_id, CUSTOMER, billing)


def rename(book: ChangeBook, name: str) -> None:
    """Renames the customer, and gives the contract other terms and fields."""
    with book.engine.begin() as connection:
        which = {"account_id": book.account_id, "name": name}
        connection.execute(text("UPDATE customer SET name = :name WHERE account_id = :account_id"), which)
        terms = "UPDATE contract SET net_payment_terms_days = 5 WHERE account_id = :account_id"
        connection.execute(text(terms), which)
        fields = """UPDATE commit SET custom_fields = '{"deal": "D-9"}' WHERE account_id = :account_id"""
        connection.execute(text(fields), which)


def drafts(book: ChangeBook) -> list[UUID]:
    """Ids of drafts."""
    with book.engine.connect() as connection:
        found = list_with_drafts(connection, book.account_id, status="DRAFT", limit=10)
        return [each.id for each in found.rows]


def test_a_finalized_invoice_keeps_its_parties(book: ChangeBook) -> None:
    """Seller, customer, terms, custom fields and locale; a later change is the next invoice's."""
    set_parties(book, ACME, Party(address="2 Side St", email="ap@example.com"))
    book.request(invoice_schedule={"schedule_items": ITEMS}, custom_fields={"deal": "D-1", "secret": "S"})
    book.work()
    [made] = book.invoices()
    before = document(book, made.id)
    assert (before.seller.name, before.seller.address) == ("Acme", "1 Main St\nSpringfield")
    assert (before.customer.address, before.customer.email) == ("2 Side St", "ap@example.com")
    assert before.facts[1:] == (("Issued", "January 1, 2030"), ("Due", "January 31, 2030"), ("deal", "D-1"))
    assert before.totals == (
        ("Total", "3.005 USD"),
        ("Rounding", "-0.005 USD"),
        ("Amount due", "3.00 USD"),
    )
    set_parties(book, Seller(name="Other"), Party(name="Else"))
    rename(book, "Renamed")
    with book.engine.begin() as connection:
        set_locale(connection, book.account_id, "de")
    assert document(book, made.id) == before
    [draft] = drafts(book)
    after = document(book, draft)
    assert (after.seller.name, after.customer.name, after.mark) == ("Other", "Else", "DRAFT")
    assert after.totals[-1] == ("Amount due", "1.234,56 USD")
    assert ("Due", "6. Juni 2030") in after.facts


def test_a_finalized_invoice_keeps_its_unit(book: ChangeBook) -> None:
    """Of an instalment and of usage: what the unit is called, or counts, later on is the next invoice's."""
    euros = UUID("e0000000-0000-4000-8000-0000000000e0")
    with book.engine.begin() as connection:
        load_units(connection, book.account_id, [Unit(id=euros, name="Tokens")])
    book.request(invoice_schedule={"credit_type_id": str(euros), "schedule_items": ITEMS})
    book.use(JANUARY, "2.5", "3", credit_type_id=str(euros))
    book.close(JANUARY)
    before = [document(book, each.id) for each in book.invoices()]
    assert {each.totals[-1] for each in before} == {("Amount due", "300.5 Tokens"), ("Amount due", "7.5 Tokens")}
    with book.engine.begin() as connection:
        load_units(connection, book.account_id, [Unit(id=euros, name="EUR (cents)")])
    assert [document(book, each.id) for each in book.invoices()] == before
    [instalment, *_] = [document(book, each) for each in drafts(book)]
    assert instalment.currency == "EUR"


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("EUR", ("€300.505", "-€0.005", "€300.50")),
        ("EUR (cents)", ("€3.00505", "€0.00495", "€3.01")),
        ("JPY", ("¥300.505", "¥0.495", "¥301")),
        ("KWD", ("300.505 KWD", None, "300.505 KWD")),
    ],
)
def test_what_is_due_can_be_paid_in_its_currency(book: ChangeBook, name: str, totals: tuple[str | None, ...]) -> None:
    """Of an instalment and of usage, as drafts and as invoices, in documents and in the books."""
    money = UUID("e0000000-0000-4000-8000-0000000000e1")
    with book.engine.begin() as connection:
        load_units(connection, book.account_id, [Unit(id=money, name=name)])
    book.request(
        invoice_schedule={
            "credit_type_id": str(money),
            "schedule_items": [{"timestamp": f"2030-01-{day:02}T00:00:00Z", "amount": 300.505} for day in (1, 20)],
        }
    )
    book.use(JANUARY, "1", "300.505", credit_type_id=str(money))
    told = tuple(
        (about, amount) for about, amount in zip(("Total", "Rounding", "Amount due"), totals, strict=True) if amount
    )
    waiting = [document(book, each) for each in drafts(book)]
    book.close(JANUARY)
    made = [document(book, each.id) for each in book.invoices()]
    assert [len(waiting), len(made)] == [3, 3]
    assert {each.totals for each in waiting + made} == {told}
    assert book.differences() == []


def test_without_a_profile_it_is_from_the_account_to_the_customer(book: ChangeBook) -> None:
    """And what was finalized before parties were kept shows them as they are."""
    book.request(invoice_schedule={"schedule_items": ITEMS})
    book.work()
    [made] = book.invoices()
    with by_hand(book.engine) as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # as a database of before has it
        connection.execute(text("UPDATE invoice SET parties = NULL WHERE account_id = :id"), {"id": book.account_id})
    rename(book, "Renamed")
    shown = document(book, made.id)
    assert shown.seller.name.startswith("acme ")
    assert (shown.customer.name, shown.logo) == ("Renamed", None)
    assert shown.notes == ("Taxes are not computed by this document.",)


def test_a_void_true_up_is_marked_and_shows_its_arithmetic(book: ChangeBook) -> None:
    """Committed, drawn, adjustments, due."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.use(JANUARY, "250.25")
    book.close(JANUARY)
    usage, true_up = book.invoices()
    book.void(true_up.id)
    shown = document(book, true_up.id)
    assert shown.mark == "VOID"
    assert [amount for _, amount in shown.true_up] == ["10.00 USD", "2.5025 USD", "0.00 USD", "7.4975 USD"]
    assert document(book, usage.id).facts[-1] == ("Service period", "January 1, 2030 \N{EN DASH} January 31, 2030")


def test_the_figures_are_those_of_json(book: ChangeBook) -> None:
    """Read back, each line's amount and the total are the stored ones, to the last digit."""
    book.commit("PREPAID", "100", ends=MARCH)
    book.use(JANUARY, "3", "0.000123")
    book.use(JANUARY, "1000000", "0.7")
    book.close(JANUARY)
    for made in book.invoices():
        shown = document(book, made.id)
        stored = [line.amount for line in book.lines(made.id)]
        assert [Decimal(line.amount.replace(",", "")) * 100 for line in shown.lines] == stored
        told = dict(shown.totals)["Total"].removesuffix(" USD").replace(",", "")
        assert Decimal(told) * 100 == made.total


def test_the_invoices_of_a_month(book: ChangeBook) -> None:
    """By their date, half-open; void ones too."""
    book.request(invoice_schedule={"schedule_items": ITEMS})
    book.work()
    [made] = book.invoices()
    book.void(made.id)
    with book.engine.connect() as connection:
        months = [(JANUARY, FEBRUARY), (FEBRUARY, MARCH)]
        found = [list(invoices_of_month(connection, book.account_id, since=a, until=b)) for a, b in months]
    assert found == [[made.id], []]


def test_a_month_goes_on_behind_an_invoice_that_cannot_be_set(
    book: ChangeBook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told by its id, and counts as failed; the others are written."""
    book.use(JANUARY, "1", "2")
    book.request(invoice_schedule={"schedule_items": [{"timestamp": "2030-02-01T00:00:00Z", "amount": 5}]})
    book.close(JANUARY)
    [usage] = [each for each in book.invoices() if each.type == "USAGE"]

    @contextmanager
    def moment(_: str) -> Iterator[tuple[Connection, Any]]:
        with book.engine.connect() as connection:
            yield connection, SimpleNamespace(account_id=book.account_id, account="acme")

    def pdf(shown: Document, **_: Any) -> bytes:
        if shown.title == f"Invoice {usage.number}":
            raise NotSet("it takes too long")
        return b"%PDF"

    here: Any = SimpleNamespace(snapshot=moment, settings=settings_of())
    typesetter: Any = SimpleNamespace(pdf=pdf)
    assert write_month(here, FEBRUARY, str(tmp_path), typesetter) == ExitCode.ROWS_FAILED
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"%PDF"]
    assert f"invoice {usage.id}: it takes too long" in capsys.readouterr().err


@pytest.mark.parametrize(("bound", "most"), [("DOCUMENT_LINES_MAX", 2), ("DOCUMENT_CHARS_MAX", 60)])
def test_an_invoice_of_many_lines_shows_the_first(
    book: ChangeBook, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """What the others come to stands in one more line, so that the document adds up; so does its page."""
    for price in ("1", "2.5", "4", "8"):
        book.use(JANUARY, "1", price)
    book.close(JANUARY)
    [made] = book.invoices()
    whole = document(book, made.id)
    monkeypatch.setattr(view, bound, most)
    shown = document(book, made.id)
    left = len(whole.lines) - len(shown.lines) + 1
    assert left > 1
    assert shown.lines[:-1] == whole.lines[:-left]
    assert shown.lines[-1].name == f"… {left} more lines"
    amounts = [sum(Decimal(line.amount) for line in each.lines if line.is_billed) for each in (whole, shown)]
    assert amounts[0] == amounts[1]
    assert shown.totals == whole.totals
    assert f"… {left} more lines" in page_of(shown)
