"""Plans of a transaction's statements."""

from sqlalchemy import Connection, text

_PLAN_AFRESH = text("SET LOCAL plan_cache_mode = force_custom_plan")


def plan_afresh(connection: Connection) -> None:
    """Have every statement planned for its values, until the transaction ends.

    Of a plan kept from when the tables were small, every obligation of an account would be held against every commit.
    """
    connection.execute(_PLAN_AFRESH)
