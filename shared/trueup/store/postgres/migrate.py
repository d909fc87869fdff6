"""Brings a database to the schema that this code expects."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from trueup.errors import TrueupError
from trueup.store.postgres.roles.grants import grant, may_migrate

_ONE_AT_A_TIME = 7_302_518_001  # an advisory lock: two processes that start at once migrate once


class NotTheOwner(TrueupError):
    """The connected role may not change the schema; the message names what is missing and who may."""


class DatabaseIsNewer(TrueupError):
    """A later release has migrated this database; nothing was done."""


def upgrade(connection: Connection) -> None:
    """Run what is missing and grant, in the caller's transaction; the second of two callers waits, and runs nothing.

    Raises:
        DatabaseIsNewer: it has migrations that this code does not know.
        NotTheOwner: something is missing, and this role does not own the schema. Where nothing is missing, it need not.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    pending = pending_revisions(connection)
    if may_migrate(connection):
        command.upgrade(_config(connection), "head")
        grant(connection)
    elif pending:
        raise NotTheOwner(
            f"the database lacks the migrations {', '.join(pending)}, and this role does not own its tables: "
            "run `trueup migrate` with TRUEUP_DATABASE_DIRECT_URL set to the owner's URL"
        )


def downgrade(connection: Connection, revision: str) -> None:
    """Run backwards to `revision`, in the caller's transaction."""
    command.downgrade(_config(connection), revision)


def pending_revisions(connection: Connection) -> list[str]:
    """The migrations that this database lacks, oldest first; empty when it is up to date.

    Raises:
        DatabaseIsNewer: it has migrations that this code does not know.
    """
    script = ScriptDirectory.from_config(_config(connection))
    present = MigrationContext.configure(connection).get_current_heads()
    known = {step.revision for step in script.walk_revisions()}
    if unknown := set(present) - known:
        raise DatabaseIsNewer(
            f"the database has the migration {', '.join(sorted(unknown))}, which this release does not know: install "
            "the release that ran it, or a later one"
        )
    return [step.revision for step in reversed(list(script.iterate_revisions("head", present or "base")))]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("trueup.store").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config
