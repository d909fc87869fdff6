"""Months and hours in SQL: of UTC, whatever zone the session has."""

_A_BEGINNING = "TIMESTAMPTZ '2000-01-01Z'"


def month_of(time: str) -> str:
    """SQL for the start of the month in which an expression of type timestamptz lies."""
    return f"date_trunc('month', {time}, 'UTC')"


def months_later(time: str, months: str = "interval '1 month'") -> str:
    """SQL for a time so many months later, at the same hour."""
    return f"(({time}) AT TIME ZONE 'UTC' + {months}) AT TIME ZONE 'UTC'"


def last_month_of(ending_before: str) -> str:
    """SQL for the end of the month of the last hour of an access that ends before a time."""
    return months_later(month_of(f"{ending_before} - interval '1 hour'"))


def hour_of(time: str) -> str:
    """SQL for the start of the hour in which a time lies."""
    return f"date_bin('1 hour', {time}, {_A_BEGINNING})"
