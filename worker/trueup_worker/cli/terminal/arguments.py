"""Arguments as people type them, read into values; what is wrong with one is a usage error."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import typer

_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DURATION = re.compile(r"\+([0-9]{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
INSTANT_HELP = "2026-03-01, 2026-03-01T12:00:00Z, or from now on: +90m, +12h, +30d, +2w"


def read_amount(text: str) -> Decimal:
    """A signed amount such as `-250` or `+12.50`, exact."""
    if not _AMOUNT.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not an amount such as -250 or 12.50")
    return Decimal(text)


def read_instant(text: str, *, now: datetime) -> datetime:
    """An instant: a date (its start in UTC), an RFC 3339 timestamp, or a time from `now` on.

    Raises:
        typer.BadParameter: it is none of these.
    """
    try:
        if duration := _DURATION.fullmatch(text):
            return now + timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        instant = datetime.fromisoformat(text)
        if instant.tzinfo:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not an instant: {INSTANT_HELP}") from None
    if len(text) > len("2026-03-01"):
        raise typer.BadParameter(f"{text!r} lacks an offset: add Z for UTC")
    return instant.replace(tzinfo=UTC)
