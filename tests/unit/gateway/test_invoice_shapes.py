"""Invoices in the SDK's shapes, and where their pages go on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from trueup.store.invoices.by_customer import Details, Place
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.schema.invoice_shapes import cursor_of, invoice_object, place_at

NOTHING_KNOWN = Details({}, {}, {}, {}, {})


def line(quantity: str) -> dict[str, Any]:
    """A line of usage."""
    numbers = {"quantity": Decimal(quantity), "unit_price": Decimal(2), "amount": 2 * Decimal(quantity)}
    return {"kind": "usage", "name": "Storage", "product_id": uuid4(), "commit_id": None, "is_true_up": False} | numbers


def invoice(**more: Any) -> dict[str, Any]:
    """The draft of an invoice whose catalog is gone."""
    ids = {name: uuid4() for name in ("id", "customer_id", "contract_id", "unit_id")}
    told = {"type": "USAGE", "status": "DRAFT", "issued_at": datetime(2030, 2, 1, tzinfo=UTC)}
    told |= {"total": Decimal(6), "rounding": None, "amount_due": Decimal(6)}
    return ids | told | {"commit_id": None, "regenerated_from_id": None, "lines": [line("0"), line("3")]} | more


def test_lines_of_nothing_are_left_out_on_request() -> None:
    """The total does not need them."""
    whole, without = (
        invoice_object(invoice(), NOTHING_KNOWN, skip_zero_quantity=skipped)["line_items"] for skipped in (False, True)
    )
    assert [each["quantity"] for each in whole] == [0, 3]
    assert [each["quantity"] for each in without] == [3]


def test_what_the_catalog_lost_is_left_out() -> None:
    """Names that the SDK requires are empty, everything else is absent."""
    told = invoice_object(invoice(), NOTHING_KNOWN)
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
