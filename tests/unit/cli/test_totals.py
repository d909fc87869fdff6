"""What a file would send, by type and unit."""

import json

from trueup.domain.money_text import Money
from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import PIECES, USD_IN_CENTS
from trueup.producer.files.row import Row
from trueup_worker.cli.requests.totals import Totals


def row(*, access_type: str | None, amount: int) -> Row:
    """A row whose access and invoice have this amount."""
    access = {"schedule_items": [{"amount": amount}], "access_type": access_type}
    body = {"type": "PREPAID", "access_schedule": access, "invoice_schedule": {"schedule_items": [{"amount": amount}]}}
    return Row(1, "commit", None, json.dumps(body))


def test_quantities_are_not_added_to_money() -> None:
    """Units of usage stand in a line of their own; what they are sold for is money."""
    totals = Totals()
    totals.add(
        [row(access_type="QUANTITY", amount=500), row(access_type="SPEND", amount=7), row(access_type=None, amount=1)]
    )
    money, pieces = totals.records({USD_CENTS: USD_IN_CENTS})
    assert (money["rows"], money["amount"].amount, money["invoices"].amount) == (2, 8, 508)
    assert (pieces["unit"], pieces["rows"], pieces["amount"]) == (
        "units of usage",
        1,
        Money(pieces["amount"].amount, PIECES),
    )
    assert (pieces["amount"].amount, pieces["invoices"].amount) == (500, 0)
