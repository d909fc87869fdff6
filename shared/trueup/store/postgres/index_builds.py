"""Building indexes of filled tables, for migrations: writers go on meanwhile.

Invariants:
    * a build that was cut short leaves an index that is not used and costs every write: the next run removes it first;
    * an index that is there and valid is left as it is, as the migration may have died between the build and its end.
"""

from typing import Any

from alembic import op
from sqlalchemy import text

_IS_VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident(:name))")


def build_index(name: str, table: str, columns: list[Any], **options: Any) -> None:
    """Build an index outside the migration's transaction, which is committed before: let this be its only step.

    Args:
        name: of the index.
        table: of the table, which may be filled and in use.
        columns: names, or expressions by `sqlalchemy.text`.
        options: as of `op.create_index`.

    Raises:
        IntegrityError: it is to be unique, and rows contradict it. The next run tries anew.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for those who write, and nobody waits behind it
        is_valid = op.get_bind().scalar(_IS_VALID, {"name": name})
        if is_valid is False:
            op.drop_index(name, postgresql_concurrently=True)
        if not is_valid:
            op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute("RESET lock_timeout")


def remove_index(name: str) -> None:
    """Remove an index outside the migration's transaction, if it is there."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(name, postgresql_concurrently=True, if_exists=True)
        op.execute("RESET lock_timeout")
