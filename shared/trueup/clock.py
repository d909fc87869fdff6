"""Entry of time. Everything else takes it as an argument; what is due is judged by the database's clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
