"""Timestamps: one form, real dates, from 1970 to 9998."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bodies import invoiced, text, told
from trueup.wire.request.read import read_body


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2025-01-01T00:00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01t00:00:00z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00-00:00", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T05:45:00.1+05:45", datetime(2025, 1, 1, microsecond=100_000, tzinfo=UTC)),
        ("2025-01-01T00:00:00.123456789Z", datetime(2025, 1, 1, microsecond=123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("1969-12-31T23:00:00-01:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-01-01T00:00:00+00:01", datetime(9998, 12, 31, 23, 59, tzinfo=UTC)),
    ],
)
def test_timestamps(written: str, meant: datetime) -> None:
    """A timestamp is read as an instant in UTC, cut to microseconds."""
    body: Any = read_body(text(invoiced({"timestamp": written, "amount": 1})), "commit")
    (read,) = body["invoice_schedule"]["schedule_items"]
    assert (read["timestamp"], read["timestamp"].tzinfo) == (meant, UTC)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2025-01-01",
        "2025-01-01T00:00:00",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00.1234567890Z",
        "2025-01-01T00:00:00,5Z",
        "2025-01-01T00:00:00+0000",
        "2025-01-01T00:00:00+00",
        "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00+00:60",
        "2025-01-01T00:00:00+00:00:30",
        "2025-01-01T00:00:00 Z",
        "2025-01-01T00:00:00Z\n",
        " 2025-01-01T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-W01-1T00:00:00Z",
        "20250101T000000Z",
        "12025-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "\u0662025-01-01T00:00:00Z",
        "1735689600",
    ],
)
def test_no_timestamps(written: str) -> None:
    """Anything but the one form, a real date and an instant from 1970 to 9998 is refused."""
    body = invoiced({"timestamp": written, "amount": 1})
    assert told(body) == ["not_a_timestamp /invoice_schedule/schedule_items/0/timestamp"]
