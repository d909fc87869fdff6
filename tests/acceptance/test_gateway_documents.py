"""Invoices as documents over HTTP: the SDK's own call for PDF, and a page that runs nothing."""

import json
from collections.abc import Iterator
from io import BytesIO
from uuid import UUID, uuid4

import metronome
import pytest
from pypdf import PdfReader
from sqlalchemy import Engine

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.conftest import SECRET_KEY
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup.store.catalog.parties import Party, Seller, set_billing, set_seller

ITEMS = [{"timestamp": f"2030-0{month}-01T00:00:00Z", "amount": 123456} for month in (1, 6)]
SELLER = Seller(name="Acme <Inc>", address="1 Main St", footer="Thank you")


@pytest.fixture(scope="module")
def book(module_database: Engine) -> ChangeBook:
    """An invoice, and a draft."""
    book = ChangeBook(module_database)
    with book.engine.begin() as connection:
        set_seller(connection, book.account_id, SELLER)
        set_billing(connection, book.account_id, CUSTOMER, Party(email="ap@example.com"))
    book.request(name="Deal #1", invoice_schedule={"schedule_items": ITEMS})
    book.work()
    return book


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, book: ChangeBook) -> Iterator[Gateway]:
    """A gateway."""
    with book.engine.begin() as connection:
        token = create_token(connection, account_id=book.account_id, scopes=SCOPES, secret_key=SECRET_KEY)
    with gateway(module_fleet, token) as running:
        yield running


@pytest.fixture(scope="module")
def ids(here: Gateway) -> list[str]:
    """Of the invoice, and of the draft."""
    return [each.id for each in here.sdk().v1.customers.invoices.list(customer_id=str(CUSTOMER))]


def text_of(content: bytes) -> str:
    """The text of a PDF."""
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def page(here: Gateway, invoice_id: str | UUID) -> Answer:
    """The answer with a page."""
    return here.call("GET", f"/v1/customers/{CUSTOMER}/invoices/{invoice_id}/html")


def test_the_sdks_own_call(here: Gateway, ids: list[str]) -> None:
    """PDF with what JSON tells; the same bytes twice; a draft says that it is one."""
    retrieve = here.sdk().v1.customers.invoices.retrieve_pdf
    whole, again, draft = (retrieve(customer_id=str(CUSTOMER), invoice_id=each) for each in (ids[0], *ids))
    content = whole.read()
    assert content.startswith(b"%PDF")
    assert content == again.read()
    assert all(each in text_of(content) for each in ("Invoice 1", "Acme <Inc>", "Deal #1", "1,234.56 USD", "Thank you"))
    assert "DRAFT" in text_of(draft.read())


def test_a_page(here: Gateway, ids: list[str]) -> None:
    """With a policy under which nothing runs, and no name as markup."""
    answer = page(here, ids[0])
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Acme &lt;Inc&gt;" in answer.text
    assert "ap@example.com" in answer.text
    assert "DRAFT" in page(here, ids[1]).text


def test_a_character_that_no_font_has_is_told(here: Gateway, book: ChangeBook, ids: list[str]) -> None:
    """In a header, as what an export leaves out is."""
    book.request(name="no such letter: \U0003fffd", invoice_schedule={"schedule_items": ITEMS[1:]})
    [lacking] = {each.id for each in here.sdk().v1.customers.invoices.list(customer_id=str(CUSTOMER))} - {*ids}
    told = [
        here.call("GET", f"/v1/customers/{CUSTOMER}/invoices/{each}/pdf").headers.get("trueup-left-out")
        for each in (ids[0], lacking)
    ]
    assert told[0] is None
    assert "could not be displayed" in json.loads(told[1] or "")


def test_of_nobody_elses(here: Gateway, ids: list[str]) -> None:
    """An invoice that the customer has not is not found, as page or as PDF."""
    assert page(here, uuid4()).status == 404
    with pytest.raises(metronome.NotFoundError):
        here.sdk().v1.customers.invoices.retrieve_pdf(customer_id=str(uuid4()), invoice_id=ids[0])
