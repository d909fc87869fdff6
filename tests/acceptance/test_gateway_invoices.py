"""Invoices over HTTP: listed and read as the SDK knows them, taken back, and made anew."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import metronome
import msgspec
import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.conftest import SECRET_KEY
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER, EURO, FIRST, SECOND, SILENT, UsageBook
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup_worker.gateway.answers.invoices import InvoiceAnswer, InvoicePage

JANUARY, FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3))
CENTS = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
ID = str(CUSTOMER)


@pytest.fixture(scope="module")
def book(module_database: Engine) -> ChangeBook:
    """January is closed, February is open: one invoice of each kind, and a draft of each kind."""
    book = ChangeBook(module_database)
    instalments = [{"timestamp": f"2030-0{month}-01T00:00:00Z", "amount": 300} for month in (1, 6)]
    more: dict[str, Any] = {"custom_fields": {"deal": "7"}, "netsuite_sales_order_id": "SO-1"}
    book.request(amount=400, name="Deal", invoice_schedule={"schedule_items": instalments}, **more)
    true_up = {"schedule_items": [{"timestamp": "2031-01-01T00:00:00Z", "amount": 1000}]}
    book.request("POSTPAID", invoice_schedule=true_up, priority=-1)
    book.use(datetime(2030, 1, 7, 9, tzinfo=UTC), "250", "2")
    book.close(JANUARY)
    book.use(datetime(2030, 2, 3, tzinfo=UTC), "50", "2")
    book.use(datetime(2030, 2, 3, tzinfo=UTC), "5", "2", contract_id=SECOND)
    book.use(datetime(2030, 2, 3, tzinfo=UTC), "5", "2", contract_id=SILENT)
    return book


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, book: ChangeBook) -> Iterator[Gateway]:
    """A gateway."""
    with gateway(module_fleet, token_of(book)) as running:
        yield running


def token_of(book: UsageBook) -> str:
    """A token of the book's account."""
    with book.engine.begin() as connection:
        return create_token(connection, account_id=book.account_id, scopes=SCOPES, secret_key=SECRET_KEY)


def listed(here: Gateway, **filters: Any) -> list[tuple[str, str, float]]:
    """Type, status and total of what is listed."""
    found = here.sdk().v1.customers.invoices.list(customer_id=ID, **filters)
    return [(each.type, each.status, each.total) for each in found]


INSTALMENT, JUNE = ("SCHEDULED", "FINALIZED", 300.0), ("SCHEDULED", "DRAFT", 300.0)
USED = ("USAGE", "FINALIZED", 100.0)
OPEN, OPEN_TOO = ("USAGE", "DRAFT", 100.0), ("USAGE", "DRAFT", 10.0)
TRUE_UP = ("SCHEDULED", "DRAFT", 780.0)


def test_all_by_date(here: Gateway) -> None:
    """Finalized ones and drafts stand in one order, and pages of any size tell each of them once."""
    whole = listed(here)
    assert whole[:2] == [INSTALMENT, USED]
    assert sorted(whole[2:4]) == [OPEN_TOO, OPEN]
    assert whole[4:] == [JUNE, TRUE_UP]
    assert [listed(here, limit=limit) for limit in (1, 2, 3)] == [whole] * 3
    assert [listed(here, limit=limit, sort="date_desc") for limit in (1, 4)] == [whole[::-1]] * 2


def test_filters(here: Gateway) -> None:
    """Each filter is taken at its word; a month that ends at `ending_before` lies before it."""
    assert listed(here, status="FINALIZED") == [INSTALMENT, USED]
    assert listed(here, status="VOID") == []
    assert listed(here, type="SCHEDULED") == [INSTALMENT, JUNE, TRUE_UP]
    assert listed(here, type="USAGE_CONSOLIDATED") == []
    assert listed(here, contract_id=str(SECOND)) == [OPEN_TOO]
    assert listed(here, starting_on=JANUARY, ending_before=FEBRUARY) == [INSTALMENT, USED]
    assert len(listed(here, starting_on=FEBRUARY, ending_before=MARCH)) == 2
    assert listed(here, starting_on=MARCH) == [JUNE, TRUE_UP]
    assert listed(here, credit_type_id=str(EURO)) == []
    assert len(listed(here, credit_type_id=CENTS)) == 6


def test_the_lines_of_usage(here: Gateway) -> None:
    """What was used, who paid for it, and what a postpaid commit covers: shown, and not subtracted."""
    [used] = here.sdk().v1.customers.invoices.list(customer_id=ID, type="USAGE", status="FINALIZED")
    [paid, owed, *applied] = used.line_items
    assert (used.start_timestamp, used.end_timestamp, used.contract_id) == (JANUARY, FEBRUARY, str(FIRST))
    assert [(each.type, each.quantity, each.unit_price, each.total) for each in (paid, owed)] == [
        ("usage", 200, 2, 400),
        ("usage", 50, 2, 100),
    ]
    assert (paid.product_type, paid.commit_type, owed.commit_type) == (
        "UsageProductListItem",
        "PrepaidCommit",
        "PostpaidCommit",
    )
    told = [(each.type, each.total, each.applied_commit_or_credit) for each in applied]
    assert [(kind, total, balance and balance.type) for kind, total, balance in told] == [
        ("applied_commit_or_credit", -400, "PREPAID"),
        ("applied_commit_or_credit", -100, "POSTPAID"),
    ]
    assert applied[0].commit_custom_fields == {"deal": "7"}
    again = here.sdk().v1.customers.invoices.retrieve(customer_id=ID, invoice_id=used.id, skip_zero_qty_line_items=True)
    assert again.data.line_items == used.line_items


def test_the_line_of_a_true_up(here: Gateway) -> None:
    """A true-up names its commit, and its draft what is unspent with open usage counted; an instalment what is paid."""
    *_, true_up = here.sdk().v1.customers.invoices.list(customer_id=ID, type="SCHEDULED")
    [line] = true_up.line_items
    assert line.postpaid_commit
    assert (line.postpaid_commit.id, line.total, line.product_type) == (line.commit_id, 780, "FixedProductListItem")
    [instalment] = here.sdk().v1.customers.invoices.list(customer_id=ID, type="SCHEDULED", status="FINALIZED")
    assert (instalment.line_items[0].type, instalment.line_items[0].name) == ("commit_purchase", "Deal")
    assert instalment.netsuite_sales_order_id == "SO-1"


def test_every_draft_is_found(here: Gateway) -> None:
    """What is listed is read by its id, as the document says, and is the same."""
    answer = here.call("GET", f"/v1/customers/{ID}/invoices")
    msgspec.json.decode(answer.text, type=InvoicePage)
    for each in answer.json["data"]:
        one = here.call("GET", f"/v1/customers/{ID}/invoices/{each['id']}")
        msgspec.json.decode(one.text, type=InvoiceAnswer)
        assert one.json["data"] == each


def test_what_is_missing(here: Gateway, book: ChangeBook) -> None:
    """Another customer's and another account's are missing like what is not there; a bad cursor is told."""
    [first] = here.call("GET", f"/v1/customers/{ID}/invoices", params={"limit": 1}).json["data"]
    customer = here.sdk().v1.customers.create(name="Other").data.id
    stranger = token_of(ChangeBook(book.engine))
    assert here.call("GET", f"/v1/customers/{customer}/invoices/{first['id']}").status == 404
    assert here.call("GET", f"/v1/customers/{ID}/invoices/{first['id']}", token=stranger).status == 404
    assert here.call("GET", f"/v1/customers/{uuid4()}/invoices").status == 404
    assert here.call("GET", f"/v1/customers/{customer}/invoices").json == {"data": [], "next_page": None}
    for wrong in ("x", "9" * 18 + "." + "0" * 32):
        bad = here.call("GET", f"/v1/customers/{ID}/invoices", params={"next_page": wrong, "limit": 1})
        assert (bad.status, bad.json["errors"][0]["path"]) == (400, "/next_page")
    assert here.call("GET", f"/v1/customers/{customer}/invoices/{first['id']}/pdf").status == 404


def test_void_and_regenerate(here: Gateway, module_database: Engine) -> None:
    """Either may be repeated, and answers as before; what cannot be done says why, and a stranger's is missing."""
    book = ChangeBook(module_database)
    book.request(invoice_schedule={"schedule_items": [{"timestamp": "2030-01-01T00:00:00Z", "amount": 300}]})
    book.work()
    [invoice] = book.invoices()
    sdk, key = here.sdk(token=token_of(book)).v1, str(invoice.id)
    with pytest.raises(metronome.BadRequestError, match="only void invoices"):
        sdk.invoices.regenerate(id=key)
    with pytest.raises(metronome.NotFoundError):
        here.sdk().v1.invoices.void(id=key)
    voided = [sdk.invoices.void(id=key, extra_body={"reason": "wrong address"}).data for _ in range(2)]
    assert [each and each.id for each in voided] == [key] * 2
    made = [sdk.invoices.regenerate(id=key).data for _ in range(2)]
    [renewed] = {each and each.id for each in made}
    with pytest.raises(metronome.BadRequestError, match="is a draft"):
        sdk.invoices.void(id=str(renewed))
    void, draft = sdk.customers.invoices.list(customer_id=ID)
    assert [(each.id, each.status) for each in (void, draft)] == [(key, "VOID"), (renewed, "DRAFT")]
    assert draft.regenerated_from_invoice_id == void.id
    assert [action for action, _ in book.audits()] == ["void_invoice", "regenerate_invoice"]
    [reason] = book.rows("SELECT after FROM audit WHERE account_id = :account_id AND action = 'void_invoice'")
    assert reason.after["reason"] == "wrong address"
