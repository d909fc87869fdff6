"""Plans of a transaction's statements."""

from sqlalchemy import Connection, text

_PLAN_AFRESH = text("SET LOCAL plan_cache_mode = force_custom_plan")

# A plan for the few rows that old statistics promise (a loop, or a merge by the account alone) would take for ever.
_WHOLE_TABLES = tuple(
    text(f"SET LOCAL {each}")
    for each in ("statement_timeout = 0", "enable_nestloop = off", "enable_mergejoin = off", "work_mem = '64MB'")
)


def plan_for_whole_tables(connection: Connection) -> None:
    """Have every statement read tables from end to end, for as long as it takes, until the transaction ends."""
    for each in _WHOLE_TABLES:
        connection.execute(each)


def plan_afresh(connection: Connection) -> None:
    """Have every statement planned for its values, until the transaction ends.

    Of a plan kept from when the tables were small, every obligation of an account would be held against every commit.
    """
    connection.execute(_PLAN_AFRESH)
