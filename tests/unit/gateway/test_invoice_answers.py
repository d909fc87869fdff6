"""Invoices as the SDK knows them, and where their pages go on."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from trueup.store.invoices.by_customer import Details, Place
from trueup.store.invoices.invoice import Invoice, InvoiceLine
from trueup_worker.gateway.answers import invoices as answers
from trueup_worker.gateway.http.answer import encode
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.routes.time_cursor import cursor_of, place_at

NOTHING_KNOWN = Details({}, {}, {}, {})


def line(quantity: str) -> InvoiceLine:
    """A line of usage."""
    return InvoiceLine(
        invoice_id=uuid4(),
        position=0,
        kind="usage",
        name="Storage",
        product_id=uuid4(),
        quantity=Decimal(quantity),
        unit_price=Decimal(2),
        amount=2 * Decimal(quantity),
        commit_id=None,
    )


def invoice() -> Invoice:
    """The draft of an invoice whose catalog is gone."""
    return Invoice(
        id=uuid4(),
        type="USAGE",
        status="DRAFT",
        customer_id=uuid4(),
        customer=None,
        contract_id=uuid4(),
        unit_id=uuid4(),
        unit=None,
        commit_id=None,
        total=Decimal(6),
        issued_at=datetime(2030, 2, 1, tzinfo=UTC),
        lines=(line("0"), line("3")),
    )


def test_lines_of_nothing_are_left_out_on_request() -> None:
    """The total does not need them."""
    whole, without = (
        answers.Invoice.of(invoice(), NOTHING_KNOWN, skip_zero_quantity=skipped).line_items for skipped in (False, True)
    )
    assert [each.quantity for each in whole] == [0, 3]
    assert [each.quantity for each in without] == [3]


def test_what_the_catalog_lost_is_left_out() -> None:
    """Names that the SDK requires are empty, everything else is absent."""
    told = json.loads(encode(answers.Invoice.of(invoice(), NOTHING_KNOWN)))
    assert told["credit_type"]["name"] == ""
    assert "customer_name" not in told
    assert "product_type" not in told["line_items"][0]


@pytest.mark.parametrize("year", [1970, 2030, 9998])
def test_cursors(year: int) -> None:
    """A cursor stands for a place, to the microsecond."""
    place = Place(datetime(year, 12, 31, 23, tzinfo=UTC) + timedelta(microseconds=1), UUID(int=year))
    assert place_at(cursor_of(place)) == place
    assert place_at(None) is None


@pytest.mark.parametrize("text", ["", "1", f"-1.{0:032}", f"{9 * 10**17}.{0:032}", f"1.{0:032}\n", str(UUID(int=1))])
def test_other_cursors(text: str) -> None:
    """Whatever else is given is refused."""
    with pytest.raises(Refusal):
        place_at(text)
