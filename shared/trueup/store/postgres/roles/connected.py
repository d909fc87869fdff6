"""Which role is connected, and what it could do that the application should not."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from trueup.store.postgres.roles.grants import APP_WRITES

_ROLE = text("""
    SELECT current_user, rolsuper, pg_has_role(relowner, 'USAGE'), has_schema_privilege(current_schema(), 'CREATE')
      FROM pg_roles, pg_class WHERE rolname = current_user AND pg_class.oid = 'ledger_entry'::regclass
""")
_REMOVED = text("""
    SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE has_table_privilege(name, 'DELETE, TRUNCATE, TRIGGER')
""")
_UNSEEN = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT has_table_privilege(name, 'SELECT')")


@dataclass(frozen=True, slots=True)
class Role:
    """Role that is connected, and its rights.

    Attributes:
        name: of the role.
        excess: what it may do and should not, in words.
        unseen: the tables that it may not even read.
    """

    name: str
    excess: tuple[str, ...]
    unseen: tuple[str, ...]


def connected_role(connection: Connection) -> Role:
    """The role of this connection, in a migrated database."""
    name, is_superuser, is_owner, may_create = connection.execute(_ROLE).one()
    unseen = connection.scalars(_UNSEEN, {"names": sorted(APP_WRITES)})
    if is_superuser:
        excess = ["is a superuser, who may disable triggers and run programs on the database's machine"]
    elif is_owner:
        excess = ["owns the tables, and may disable triggers and remove commits"]
    else:
        excess = list(_excess(connection, may_create=may_create))
    return Role(name, tuple(excess), tuple(unseen))


def _excess(connection: Connection, *, may_create: bool) -> Iterator[str]:
    kept = [table for table, writes in APP_WRITES.items() if "DELETE" not in writes]
    if removed := list(
        connection.scalars(_REMOVED, {"names": sorted(kept), "privileges": "DELETE, TRUNCATE, TRIGGER"})
    ):
        yield f"may remove rows of {', '.join(removed)}"
    if may_create:
        yield "may create tables"
