"""Calendar months in UTC: the periods of usage."""

from datetime import UTC, datetime
from typing import NamedTuple

YEAR_MAX = 9998  # of every timestamp: the month after it can still be named


class Month(NamedTuple):
    """A half-open interval from the start of a month to the start of the next, both aware and in UTC."""

    starting_at: datetime
    ending_before: datetime


def month_of(instant: datetime) -> Month:
    """The month that holds this instant.

    Args:
        instant: aware, in any offset.
    """
    utc = instant.astimezone(UTC)
    start = datetime(utc.year, utc.month, 1, tzinfo=UTC)
    return Month(start, _next(start))


def hour_of_month(hour: datetime) -> int:
    """Which hour of its month this is, from 0.

    Args:
        hour: in UTC.
    """
    return (hour.day - 1) * 24 + hour.hour


def _next(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
