"""Brings a database to the schema that this code expects."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_ONE_AT_A_TIME = 7_302_518_001  # an advisory lock: two processes that start at once migrate once


def upgrade(connection: Connection) -> None:
    """Runs what is missing, in the caller's transaction; the second of two callers waits and finds nothing to do."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    command.upgrade(_config(connection), "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Runs backwards to `revision`, in the caller's transaction."""
    command.downgrade(_config(connection), revision)


def pending_revisions(connection: Connection) -> list[str]:
    """The migrations that this database lacks, oldest first; empty when it is up to date."""
    script = ScriptDirectory.from_config(_config(connection))
    present = MigrationContext.configure(connection).get_current_heads()
    return [step.revision for step in reversed(list(script.iterate_revisions("head", present or "base")))]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("shared.store").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config
