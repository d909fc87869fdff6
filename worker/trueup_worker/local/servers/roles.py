"""The roles of an embedded cluster: its superuser makes them at each start, and is used for nothing else."""

from collections.abc import Mapping

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from trueup.store.postgres.roles.names import OWNER, ROLES

# What somebody else owns, as all did in a database of a build that had one role for everything.
_STRAYS = """
SELECT format('ALTER TABLE %%s OWNER TO %%I', c.oid::regclass, %(owner)s::text)
  FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = ANY('{r,p,v,m,S}')
   AND c.relowner <> %(owner)s::regrole
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = ANY('{a,i,e}'))
UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO %%I', p.oid::regprocedure, %(owner)s::text)
  FROM pg_proc AS p
 WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> %(owner)s::regrole
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.deptype = 'e')
"""


def make_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles that are missing, none of which may do anything to others, and set their passwords."""
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    for role in ROLES:
        verb = SQL("ALTER" if role in known else "CREATE")
        connection.execute(
            SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}").format(
                verb, Identifier(role), Literal(passwords[role])
            )
        )


def hand_over(connection: psycopg.Connection, database: str) -> None:
    """Give the database that is connected to, and everything of ours in it, to its owner."""
    connection.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database), Identifier(OWNER)))
    for (statement,) in connection.execute(_STRAYS, {"owner": OWNER}).fetchall():
        connection.execute(statement)
