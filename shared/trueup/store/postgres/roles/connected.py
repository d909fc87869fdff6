"""Which role is connected, and what it could do that the application should not."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from trueup.store.postgres.roles.grants import APP_CALLS, APP_COUNTS, APP_WRITES, app_rights

_ROLE = text("""
    SELECT current_user, rolsuper, pg_has_role(relowner, 'USAGE'), has_schema_privilege(current_schema(), 'CREATE')
      FROM pg_roles, pg_class WHERE rolname = current_user AND pg_class.oid = 'ledger_entry'::regclass
""")
_REMOVED = text("""
    SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE has_table_privilege(name, 'DELETE, TRUNCATE, TRIGGER')
""")
_LACKING = text("""
    SELECT privilege || ' on ' || name || coalesce(' (' || of_column || ')', '')
      FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[]), CAST(:columns AS text[]))
           AS needed (name, privilege, of_column)
     WHERE NOT CASE WHEN of_column IS NULL THEN has_table_privilege(name, privilege)
                    ELSE has_column_privilege(name, of_column, privilege) END
    UNION ALL
    SELECT 'USAGE on ' || name FROM unnest(CAST(:sequences AS text[])) AS name
     WHERE NOT has_sequence_privilege(name, 'USAGE')
    UNION ALL
    SELECT 'EXECUTE on ' || name FROM unnest(CAST(:functions AS text[])) AS name
     WHERE NOT has_function_privilege(name, 'EXECUTE')
""")


@dataclass(frozen=True, slots=True)
class Role:
    """Role that is connected, and its rights.

    Attributes:
        name: of the role.
        excess: what it may do and should not, in words.
        lacking: the rights that the application needs and it has not, as in a grant.
    """

    name: str
    excess: tuple[str, ...]
    lacking: tuple[str, ...]


def connected_role(connection: Connection) -> Role:
    """The role of this connection, in a migrated database."""
    name, is_superuser, is_owner, may_create = connection.execute(_ROLE).one()
    tables, privileges, columns = zip(*app_rights(), strict=True)
    needed = {"tables": list(tables), "privileges": list(privileges), "columns": list(columns)}
    called = {"sequences": list(APP_COUNTS), "functions": list(APP_CALLS)}
    lacking = connection.scalars(_LACKING, needed | called)
    if is_superuser:
        excess = ["is a superuser, who may disable triggers and run programs on the database's machine"]
    elif is_owner:
        excess = ["owns the tables, and may disable triggers and remove commits"]
    else:
        excess = list(_excess(connection, may_create=may_create))
    return Role(name, tuple(excess), tuple(lacking))


def _excess(connection: Connection, *, may_create: bool) -> Iterator[str]:
    kept = [table for table, writes in APP_WRITES.items() if "DELETE" not in writes]
    if removed := list(
        connection.scalars(_REMOVED, {"names": sorted(kept), "privileges": "DELETE, TRUNCATE, TRIGGER"})
    ):
        yield f"may remove rows of {', '.join(removed)}"
    if may_create:
        yield "may create tables"
