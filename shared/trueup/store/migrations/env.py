"""Alembic's entry: one connection, handed in by `trueup.store.postgres.migrate` or made from TRUEUP_DATABASE_URL."""

from alembic import context
from sqlalchemy import Connection

from trueup.settings import settings
from trueup.store.postgres.engine import make_engine
from trueup.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with make_engine(str(settings().database_url)).connect() as own:
        run(own)
