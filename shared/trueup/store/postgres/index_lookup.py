"""Look-ups that stay one probe of an index for each row, whatever the planner takes a table for."""


def row_of(table: str, column: str, value: str, *, account: str = ":account_id") -> str:
    """The subquery of the account's first row from `value` on; the caller keeps it only where it has that very value.

    While statistics know an account with hardly any rows, as on a new database or in a flood before the next ANALYZE,
    every index that begins with the account looks as cheap as the right one, and the plan may read the whole account
    for each row. Only the right index has the rows in this order.
    """
    return f"(SELECT * FROM {table} WHERE account_id = {account} AND {column} >= {value} ORDER BY {column} LIMIT 1)"


def lacks(table: str, column: str, value: str, *, account: str = ":account_id") -> str:
    """The condition that the account has no row with this value, in one probe of an index."""
    return f"{value} IS DISTINCT FROM (SELECT {column} FROM {row_of(table, column, value, account=account)} AS held)"
