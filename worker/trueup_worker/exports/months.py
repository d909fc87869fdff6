"""Months as people name them: 2026-10."""

import re
from datetime import UTC, datetime

from trueup.domain.month import YEAR_MAX, Month, month_of
from trueup.errors import TrueupError

_NAMED = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])", re.ASCII)


class NotAMonth(TrueupError):
    """The text names no month."""


def month_named(text: str) -> Month:
    """The month that a text names.

    Raises:
        NotAMonth: it names none.
    """
    found = _NAMED.fullmatch(text)
    if not found or not 1 <= int(found["year"]) <= YEAR_MAX:
        raise NotAMonth(f"{text!r} is not a month such as 2026-10")
    return month_of(datetime(int(found["year"]), int(found["month"]), 1, tzinfo=UTC))
