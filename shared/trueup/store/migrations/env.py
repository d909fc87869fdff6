"""Alembic's entry: runs the migrations on the connection that `trueup.store.postgres.migrate` hands in."""

from alembic import context

from trueup.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
