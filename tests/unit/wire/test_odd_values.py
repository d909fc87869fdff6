"""Values that have broken other systems, each by its name: a verdict, and no more."""

from decimal import Decimal
from typing import Any

import pytest

from tests.bodies import AMOUNT, START, Table, changed, prepaid, priced, text, told
from trueup.wire.request.read import read_body

AMOUNT_PATH = "/access_schedule/schedule_items/0/amount"
START_PATH = "/access_schedule/schedule_items/0/starting_at"
BIDI = "\u202edrawkcab\u202c \u2066isolated\u2069"

TABLE: Table = {
    "NaN, a number": (priced("NaN"), ["json_invalid"]),
    "NaN, a text": (changed(prepaid(), AMOUNT, "NaN"), [f"not_a_number {AMOUNT_PATH}"]),
    "infinity, a number": (priced("-Infinity"), ["json_invalid"]),
    "infinity, a text": (changed(prepaid(), AMOUNT, "Infinity"), [f"not_a_number {AMOUNT_PATH}"]),
    "a number that is infinite as a float": (priced("1e400"), [f"amount_precision {AMOUNT_PATH}"]),
    "minus zero": (priced("-0"), [f"amount_not_positive {AMOUNT_PATH}"]),
    "30 digits": (priced("1" * 30), [f"amount_precision {AMOUNT_PATH}"]),
    "5,000 digits": (priced("1" * 5_000), [f"amount_precision {AMOUNT_PATH}"]),
    "13 decimals": (priced("0.1234567890123"), [f"amount_precision {AMOUNT_PATH}"]),
    "a text of a megabyte": (prepaid(name="n" * 1_000_000), ["body_too_large"]),
    "a text of a megabyte in a row": (prepaid(custom_fields={"k" * 1_000_000: ""}), ["body_too_large"]),
    "the year 1": (changed(prepaid(), START, "0001-01-01T00:00:00Z"), [f"not_a_timestamp {START_PATH}"]),
    "the year 9999": (changed(prepaid(), START, "9999-12-31T23:00:00Z"), [f"not_a_timestamp {START_PATH}"]),
    "a leap second": (changed(prepaid(), START, "2016-12-31T23:59:60Z"), [f"not_a_timestamp {START_PATH}"]),
    "29 February of no leap year": (
        changed(prepaid(), START, "2025-02-29T00:00:00Z"),
        [f"not_a_timestamp {START_PATH}"],
    ),
    "no offset": (changed(prepaid(), START, "2025-01-01T00:00:00"), [f"not_a_timestamp {START_PATH}"]),
    "seconds since 1970": (changed(prepaid(), START, 1_735_689_600), [f"not_a_timestamp {START_PATH}"]),
    "controls of direction": (prepaid(name=BIDI, custom_fields={BIDI: BIDI}), []),
    "29 February": (
        prepaid(
            access_schedule={
                "schedule_items": [
                    {
                        "amount": 1,
                        "starting_at": "2024-02-29T00:00:00Z",
                        "ending_before": "2024-03-01T00:00:00Z",
                    }
                ]
            }
        ),
        [],
    ),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_odd_values(body: Any, expected: list[str]) -> None:
    """Each is refused with its code and place, or is a value like any other."""
    assert told(body) == expected


def test_what_is_taken_stays_as_it_is() -> None:
    """Controls of direction are kept, character for character, and a number to its last digit."""
    body: Any = read_body(text(prepaid(name=BIDI)), "commit")
    assert body["name"] == BIDI
    exact: Any = read_body(priced("123456789012345678.123456789012"), "commit")
    [item] = exact["access_schedule"]["schedule_items"]
    assert item["amount"] == Decimal("123456789012345678.123456789012")
